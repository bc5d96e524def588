"""Predictions come back in the input's own format, in its own place."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile
from made_predictions import OBLIQUE, RNG, predicted, save_nifti
from PIL import Image

from septum.config.schema import Export
from septum.data.readers.choose import read_image
from septum.data.store import Geometry, Prediction, case_path, write_prediction
from septum.data.store_attributes import PredictionAttributes
from septum.data.writers.label_maps import export_prediction, export_stem
from septum.errors import SeptumError
from septum.stages.export.stage import export_predictions

LABELS = Export(formats=[])
ONE = {1: "cell"}
TWO = {**ONE, 2: "matrix"}


@pytest.mark.parametrize(
    ("annotation", "classes", "names"),
    [
        ("instance", ONE, ["case.tif"]),
        ("instance", TWO, ["case.tif", "case_classes.tif"]),
        ("panoptic", ONE, ["case.tif", "case_classes.tif"]),
        ("semantic", TWO, ["case.tif"]),
    ],
)
def test_what_is_delivered(tmp_path, annotation, classes, names):
    Image.fromarray(RNG.integers(0, 255, (5, 6), dtype=np.uint8)).save(tmp_path / "case.png")
    _, geometry = read_image(tmp_path / "case.png")
    prediction = predicted((5, 6), geometry)
    prediction.attributes = PredictionAttributes(annotation, classes)
    out = export_prediction(tmp_path / "out", prediction)
    assert [path.name for path in out] == names
    assert sorted(os.listdir(tmp_path / "out")) == names
    first = prediction.semantic if annotation == "semantic" else prediction.instance
    np.testing.assert_array_equal(tifffile.imread(out[0]), first)
    if len(names) > 1:
        np.testing.assert_array_equal(tifffile.imread(out[1]), prediction.semantic)


@pytest.mark.parametrize(
    ("name", "path", "stem"),
    [
        ("a", "in/a.tif", "a"),
        ("a", "in/a_ch0.ome.tif", "a_ch0"),
        ("a", "in/a.nii.gz", "a"),
        ("a", "in/a.b.png", "a.b"),
        ("a", "a.ome.zarr", "a"),
        ("a", "x/a/image.tif", "a"),
        ("7", "x/cell_7_raw.tif", "cell_7_raw"),
        ("plate 7", "x/plate 7/scan.tif", "plate_7"),
        ("<script>", "x/<script>.png", "script"),
    ],
)
def test_names_of_delivered_files(name, path, stem):
    found = export_stem(name, Geometry((1.0, 1.0), source={"path": path}))
    assert found == stem or (found.startswith(f"{stem}-") and found.isascii())


def store_predictions(folder, *names_and_paths, classes=ONE):
    for name, path in names_and_paths:
        p = predicted((5, 6), Geometry((1.0, 1.0), source={"reader": "tiff", "path": path}), name)
        write_prediction(
            case_path(folder, name),
            semantic=p.semantic,
            instance=p.instance,
            geometry=p.geometry,
            name=name,
            attributes=PredictionAttributes("instance", classes),
        )
    return folder


def test_all_predictions_of_an_experiment(tmp_path):
    one = store_predictions(tmp_path / "1of2", ("a", "in/a_im.tif"), ("b", "in/b_im.tif"))
    two = store_predictions(tmp_path / "2of2", ("a_im", "new/a_im.tif"), ("c", "new/scan.tif"))
    out = tmp_path / "predictions"
    for _ in range(2):
        export_predictions(predicted=[one, two], out=out, settings=LABELS)
        # a and a_im would meet under one name
        assert sorted(os.listdir(out)) == ["a.tif", "a_im.tif", "b_im.tif", "c.tif"]
    (out / "mine.txt").write_text("a list")
    with pytest.raises(SeptumError, match="holds other files"):
        export_predictions(predicted=[one, two], out=out, settings=LABELS)
    assert (out / "mine.txt").exists()
    assert sorted(os.listdir(tmp_path)) == ["1of2", "2of2", "predictions"]


def test_no_two_cases_share_a_file_on_any_disk(tmp_path):
    names = [("A", "x/A.tif"), ("a", "x/a.tif"), ("b", "x/b.tif"), ("b c", "y/b.tif")]
    export_predictions(
        predicted=[store_predictions(tmp_path / "in", *names)],
        out=tmp_path / "out",
        settings=LABELS,
    )
    written = os.listdir(tmp_path / "out")
    assert len({name.lower() for name in written}) == len(written) == 4
    assert "b.tif" in written
    assert all(name.lower().startswith(("a-", "b.", "b_c-")) for name in written)


def test_a_class_map_is_not_replaced_by_another_case(tmp_path):
    names = [("a", "x/a.tif"), ("a_classes", "x/a_classes.tif")]
    folder = store_predictions(tmp_path / "in", *names, classes=TWO)
    export_predictions(predicted=[folder], out=tmp_path / "out", settings=LABELS)
    assert len(os.listdir(tmp_path / "out")) == 4


def test_the_same_prediction_gives_the_same_bytes(tmp_path):
    nifti = save_nifti(tmp_path / "n.nii.gz", RNG.integers(0, 9, (4, 5, 6)).astype("i2"), OBLIQUE)
    image, place = read_image(nifti)
    tiff = Geometry((0.5, 0.5), "micrometer", None, {"reader": "tiff", "path": "t.tif"})
    for prediction in (
        Prediction("n", image[0].astype(np.uint16), None, place),
        Prediction("t", np.ones((5, 6), np.uint16), np.full((5, 6), 9, np.uint32), tiff),
        Prediction("t", np.ones((5, 6), np.uint16), np.full((5, 6), 2**20, np.uint32), tiff),
    ):
        written = [export_prediction(tmp_path / folder, prediction)[0] for folder in ("one", "two")]
        assert written[0].read_bytes() == written[1].read_bytes()


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    prediction = predicted((5, 6), Geometry((1.0, 1.0), source={"reader": "tiff", "path": "a.tif"}))
    with pytest.raises(SeptumError, match="cannot be written"):
        export_prediction(tmp_path / "file", prediction)
