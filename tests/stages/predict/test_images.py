"""Which new images can be segmented, and what is written of them, whatever segments them."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import tifffile

from septum.config.schema import ClassSpec
from septum.data.store import Prediction
from septum.data.store_attributes import PredictionAttributes
from septum.errors import SeptumError
from septum.stages.predict.images import find_stems, segment_images


@dataclass
class Threshold:
    """A model that calls pixels above 99 one object."""

    spatial_dims: int = 2
    in_channels: int = 1
    annotation: str = "instance"
    classes: tuple = ((1, ClassSpec(name="ball")),)
    spacing: tuple = (1.0, 1.0)
    unit: str = "pixel"

    def __call__(self, path, image, geometry):
        above = (image[0] > 99).astype(np.uint16)
        attributes = PredictionAttributes(annotation=self.annotation, classes={1: "ball"})
        return Prediction(path.name, above, above, geometry, attributes=attributes)


def segment(images, out, model):
    segment_images(find_stems(images, out, "auto", model), out, "auto", model, model)


def grey_image():
    """A bright square on a dark background."""
    image = np.full((32, 40), 20, np.uint8)
    image[5:12, 8:20] = 200
    return image


def test_problems_are_found_before_anything_is_predicted(tmp_path):
    image = grey_image()
    for name in ("a/x.tif", "b/x.tif", "b/notes.txt", "out/y.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / name, image)
    names = ("a/x.tif", "b/x.tif", "b/notes.txt", "out/y.tif", "gone.tif")
    with pytest.raises(SeptumError) as caught:
        segment([tmp_path / name for name in names], tmp_path / "out", Threshold())
    assert [(p.where, p.what.split(" ")[0]) for p in caught.value.problems] == [
        (str(tmp_path / "b/x.tif"), "would"),
        (str(tmp_path / "b/notes.txt"), "has"),
        (str(tmp_path / "out/y.tif"), "lies"),
        (str(tmp_path / "gone.tif"), "does"),
    ]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out/y.tif"), image)
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_one_bad_image_does_not_stop_the_others(tmp_path):
    image = grey_image()
    tifffile.imwrite(tmp_path / "rgb.tif", np.repeat(image[..., None], 3, -1))
    tifffile.imwrite(tmp_path / "good.tif", image)
    bad = image.astype(np.float32)
    bad[3, 4] = np.nan
    tifffile.imwrite(tmp_path / "nan.tif", bad)
    whole = (tmp_path / "good.tif").read_bytes()
    (tmp_path / "short.tif").write_bytes(whole[: len(whole) // 2])
    names = ("rgb.tif", "nan.tif", "short.tif", "good.tif")
    with pytest.raises(SeptumError) as caught:
        segment([tmp_path / name for name in names], tmp_path / "out", Threshold())
    assert [p.where for p in caught.value.problems] == [str(tmp_path / n) for n in names[:3]]
    assert "has 3 channels, but the model takes 1" in caught.value.problems[0].what
    assert "not finite" in caught.value.problems[1].what
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.tif"]


@pytest.mark.parametrize(("step", "warned"), [(0.5, False), (0.2, True)])
def test_pixels_of_another_size_are_pointed_out(tmp_path, caplog, step, warned):
    tifffile.imwrite(
        tmp_path / "x.tif",
        grey_image(),
        imagej=True,
        resolution=(1 / step, 1 / step),
        metadata={"unit": "um"},
    )
    model = Threshold(spacing=(0.4, 0.4), unit="micrometer")
    with caplog.at_level(logging.WARNING, logger="septum"):
        segment([tmp_path / "x.tif"], tmp_path / "out", model)
    # 0.5 / 0.4 is 1.25, 0.4 / 0.2 is 2: the warning begins at 1.5
    assert any("expect worse results" in r.getMessage() for r in caplog.records) == warned


def test_a_result_has_the_name_and_the_pixels_of_its_image(tmp_path):
    tifffile.imwrite(tmp_path / "cells.tif", grey_image())
    segment([tmp_path / "cells.tif"], tmp_path / "out", Threshold())
    labels = tifffile.imread(tmp_path / "out/cells.tif")
    assert labels.shape == (32, 40)
    assert (labels > 0).sum() == 7 * 12
    assert (labels[5:12, 8:20] == 1).all()


def test_baselines_do_not_wait_for_pytorch():
    code = (
        "import sys; import septum.stages.predict.images_classical; print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"
