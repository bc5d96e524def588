"""The whole workflow on a tiny demo: what it delivers, and what reruns what."""

from __future__ import annotations

import copy
import csv
import re

import numpy as np
import pytest
import tifffile
from PIL import Image

pytestmark = pytest.mark.workflow

TRAINED = {"train", "predict", "export", "evaluate", "leaderboard", "report"}


def changed(settings, **sections):
    new = copy.deepcopy(settings)
    for name, values in sections.items():
        new.setdefault(name, {}).update(values)
    return new


def test_delivers_scores_predictions_and_report(finished):
    results = finished.folder / "results"
    with (results / "demo_nuclei/unet/cases.csv").open() as file:
        rows = list(csv.DictReader(file))
    columns = {"case", "fold", "iou", "dice", "pixel_accuracy", "pq", "sq", "rq", "ap50", "ap75"}
    assert columns <= set(rows[0])
    assert {row["subset"] for row in rows} == {"test", "val"}
    assert (results / "demo_nuclei/leaderboard.csv").is_file()
    html = (results / "report.html").read_text(encoding="utf-8")
    assert "http://" not in html.replace("http://www.w3.org", "")


def test_delivers_predictions_in_the_images_own_size_and_name(finished):
    results = finished.folder / "results/demo_nuclei"
    for name in ("new_01", "new_02"):  # the images without labels
        image = np.asarray(Image.open(results / f"demo/images/{name}.png"))
        predicted = tifffile.imread(results / f"unet/predictions/{name}.tif")
        assert predicted.shape == image.shape
        assert predicted.dtype.kind == "u"


def test_a_second_run_has_nothing_to_do(finished):
    assert "Nothing to be done" in finished.run().stdout


@pytest.mark.parametrize(
    ("sections", "rules"),
    [
        ({"train": {"lr": 0.5}}, TRAINED),
        ({"predict": {"overlap": 0.5}}, TRAINED),
        ({"evaluate": {"surface_distance": False}}, {"evaluate", "leaderboard", "report"}),
        ({"report": {"title": "Other"}}, {"leaderboard", "report"}),
        ({"weights": {"w0": 5.0}}, {"plan", "augment", "weights"} | TRAINED),
        ({"augment": {"sigma": 5.0}}, {"augment", "weights"} | TRAINED),
    ],
)
def test_a_changed_setting_reruns_what_depends_on_it(finished, sections, rules):
    assert finished.would_run(changed(finished.settings, **sections)) - {"all"} == rules


def test_an_experiment_more_trains_that_one_only(finished):
    settings = copy.deepcopy(finished.settings)
    settings["experiments"]["second"] = {"network": "unet", "options": {"padded": True}}
    output = finished.run("--dry-run", settings=settings).stdout
    outputs = re.findall(r"^ +output: (.*)$", output, flags=re.M)
    assert [o for o in outputs if o.endswith("model.safetensors")] == [
        "results/demo_nuclei/second/fold0/model.safetensors"
    ]
    assert not any("/unet/" in o for o in outputs)


def test_a_fold_more_leaves_the_trained_fold_alone(finished):
    settings = changed(finished.settings, train={"folds": [0, 1]})
    output = finished.run("--dry-run", settings=settings).stdout
    trained = re.findall(r"^ +output: (.*model.safetensors)$", output, flags=re.M)
    assert trained == ["results/demo_nuclei/unet/fold1/model.safetensors"]


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("metrics/surface.py", {"evaluate", "leaderboard", "report"}),
        ("models/unet.py", TRAINED),
        ("models/dense_unet.py", set()),
        ("elastic.py", {"augment", "weights"} | TRAINED),
    ],
)
def test_an_edited_module_reruns_what_depends_on_it(finished, module, rules):
    path = finished.folder / "src/septum" / module
    before = path.read_text()
    try:
        path.write_text(before + "\n\n_EDITED = 1\n")
        assert finished.would_run() - {"all"} == rules
        path.write_text(before)
        path.touch()
        assert finished.would_run() == set()
    finally:
        path.write_text(before)
