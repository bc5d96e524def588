"""The whole workflow on a tiny demo: what it delivers, and what reruns what."""

from __future__ import annotations

import contextlib
import copy
import csv
import json
import os
import re
import shutil
import signal
import time

import numpy as np
import pytest
import tifffile
from PIL import Image
from workflow_copy import FIXED

pytestmark = pytest.mark.workflow

SCORED = {"export", "evaluate", "leaderboard", "report"}
TRAINED = {"train", "tune", "predict"} | SCORED
TUNED = {"fit", "predict_classical"} | SCORED


def changed(settings, **sections):
    new = copy.deepcopy(settings)
    for name, values in sections.items():
        new.setdefault(name, {}).update(values)
    return new


def with_dataset(settings, **section):
    """Return the settings with other ones of the dataset."""
    new = copy.deepcopy(settings)
    new["datasets"]["demo_nuclei"].update(section)
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


def test_delivers_what_each_experiment_cost(finished):
    folder = finished.folder / "results/demo_nuclei"
    with (folder / "leaderboard.csv").open() as file:
        rows = {row["experiment"]: row for row in csv.DictReader(file)}
    row, floor = rows["unet"], rows["floor"]
    assert (floor["parameters"], float(floor["training_s"]) > 0) == ("", True)
    assert float(floor["mpx_per_s"]) > 0
    with (folder / "unet/fold0/history.csv").open() as file:
        seconds = [float(epoch["seconds"]) for epoch in csv.DictReader(file)]
    assert len(seconds) == 8
    assert float(row["training_s"]) == pytest.approx(sum(seconds), rel=1e-3)
    assert int(row["parameters"]) > 1000
    assert float(row["mpx_per_s"]) > 0
    assert float(row["peak_memory_mb"]) > 50
    assert row["device"]
    assert row["predict_device"]
    html = (finished.folder / "results/report.html").read_text(encoding="utf-8")
    assert "Accuracy against cost" in html
    assert " Mpx/s</td>" in html


def test_delivers_predictions_in_the_images_own_size_and_name(finished):
    results = finished.folder / "results/demo_nuclei"
    for name in ("new_01", "new_02"):  # the images without labels
        image = np.asarray(Image.open(results / f"demo/images/{name}.png"))
        predicted = tifffile.imread(results / f"unet/predictions/{name}.tif")
        assert predicted.shape == image.shape
        assert predicted.dtype.kind == "u"


@contextlib.contextmanager
def edited(workflow, *modules):
    """Add a line of code to modules of the workflow's copy, for as long as the block lasts."""
    paths = [workflow.folder / "src/septum" / module for module in modules]
    before = [path.read_text() for path in paths]
    try:
        for path, text in zip(paths, before, strict=True):
            path.write_text(text + "\n\n_EDITED = 1\n")
        yield
    finally:
        for path, text in zip(paths, before, strict=True):
            path.write_text(text)


def test_a_second_run_has_nothing_to_do(finished):
    """Nor has one after everything was touched, and code edited that nothing here depends on."""
    for path in (finished.folder / "src").rglob("*.py"):
        path.touch()
    unused = (
        "networks/dense_unet.py",
        "classical/cpmc.py",
        "data/readers/nifti.py",
        "data/writers/geojson.py",
        "config/registry.py",
    )
    new = finished.folder / "src/septum/data/readers/new_format.py"
    new.write_text('"""A reader that is not used yet."""\n')
    try:
        with edited(finished, *unused):
            assert "Nothing to be done" in finished.run().stdout
    finally:
        new.unlink()


# Which settings and which code belong to which rule is tested in process (`test_params`,
# `test_rules`); here, what follows from that when Snakemake looks at a finished run.


@pytest.mark.parametrize(
    ("sections", "rules"),
    [
        ({"decode": {"threshold": 0.5}}, TRAINED - {"train"}),
        ({"evaluate": {"surface_distance": False}}, {"evaluate", "leaderboard", "report"}),
        ({"report": {"title": "Other", "gallery": 3}}, {"report"}),
        ({"augment": {"sigma": 5.0}}, {"augment", "weights"} | TRAINED),
    ],
)
def test_a_changed_setting_reruns_what_depends_on_it(finished, sections, rules):
    jobs = finished.planned(settings=changed(finished.settings, **sections))
    assert {rule for rule, _ in jobs} - {"all"} == rules
    of_floor = {rule for rule, output in jobs if "/floor/" in output}
    assert of_floor <= {"evaluate"}, "a setting of networks leaves baselines alone"


@pytest.mark.parametrize(
    ("modules", "rules"),
    [
        (["metrics/surface.py"], {"evaluate", "leaderboard", "report"}),
        (["stages/predict/jobs.py"], {"predict", "predict_classical"} | SCORED),
        (["decoding/watershed.py", "inference/merge_tiles.py"], TRAINED - {"train"}),
    ],
)
def test_edited_code_reruns_what_depends_on_it(finished, modules, rules):
    with edited(finished, *modules):
        assert finished.would_run() - {"all"} == rules


def test_an_option_of_a_baseline_tunes_that_baseline_anew(finished):
    settings = copy.deepcopy(finished.settings)
    settings["experiments"]["floor"]["options"]["h"] = 2.0
    jobs = finished.planned(settings=settings)
    assert {rule for rule, _ in jobs} - {"all"} == TUNED
    assert not [output for _, output in jobs if "/unet/" in output]


def test_a_baseline_is_tuned_scored_and_shown_beside_the_network(finished):
    results = finished.folder / "results"
    found = json.loads((results / "demo_nuclei/floor/fold0/parameters.json").read_text())
    assert FIXED.items() <= found["parameters"].items()
    assert found["score"] > 0.2, "simulated nuclei are bright on a dark ground"
    with (results / "demo_nuclei/leaderboard.csv").open() as file:
        rows = {row["experiment"]: row for row in csv.DictReader(file)}
    assert {name: row["kind"] for name, row in rows.items()} == {
        "unet": "network",
        "floor": "classical",
    }
    behind = float(rows["floor"]["pq_pooled"]) - float(rows["unet"]["pq_pooled"])
    assert float(rows["unet"]["over_baseline"]) == pytest.approx(-behind, abs=1e-5)
    html = (results / "report.html").read_text(encoding="utf-8")
    assert "floor (classical)" in html
    for name in ("new_01", "new_02"):  # the images without labels
        image = np.asarray(Image.open(results / f"demo_nuclei/demo/images/{name}.png"))
        delivered = tifffile.imread(results / f"demo_nuclei/floor/predictions/{name}.tif")
        assert delivered.shape == image.shape
        assert delivered.max() > 5
    log = (results / "demo_nuclei/floor/logs/predict/1of2.log").read_text()
    assert "(test, 0)" in log


def test_a_changed_setting_of_the_plan_makes_no_new_copies(finished):
    settings = with_dataset(finished.settings, normalisation={"scheme": "zscore"})
    assert finished.would_run(settings) - {"all"} == {"plan", "weights"} | TRAINED | TUNED


def test_a_case_more_prepares_its_batch_only(finished):
    settings = with_dataset(finished.settings, exclude=["field_1*", "field_2[1-9]"])
    planned = finished.planned(settings=settings)
    folder = "results/demo_nuclei"
    assert [job for job in planned if job[0] in ("demo", "prepare", "augment")] == [
        ("prepare", f"{folder}/cases/2of2"),
        ("augment", f"{folder}/copies/2of2"),
    ]
    others = {rule for rule, _ in planned} - {"all", "prepare", "augment"}
    assert others == {"plan", "weights"} | TRAINED | TUNED


def test_an_experiment_and_a_fold_more_leave_what_is_trained_alone(finished):
    settings = changed(finished.settings, train={"folds": [0, 1]})
    settings["experiments"]["second"] = {"network": "unet", "options": {"padded": True}}
    output = finished.run("--dry-run", settings=settings).stdout
    lines = re.findall(r"^ +output: (.*)$", output, flags=re.M)
    outputs = [path for line in lines for path in line.split(", ")]
    folder = "results/demo_nuclei"
    assert sorted(o for o in outputs if o.endswith(("model.safetensors", "parameters.json"))) == [
        f"{folder}/floor/fold1/parameters.json",
        f"{folder}/second/fold0/model.safetensors",
        f"{folder}/second/fold1/model.safetensors",
        f"{folder}/unet/fold1/model.safetensors",
    ]


def test_a_case_less_and_a_killed_run(finished, tmp_path):
    """An image without labels is taken out, and Snakemake killed in the training that follows.

    No network depends on that image: all the others' results are those of the undisturbed run.
    """
    disturbed = finished.copy(tmp_path)
    one, other = (w.folder / "results/demo_nuclei/unet" for w in (finished, disturbed))
    shutil.rmtree(other / "fold0")
    excluded = finished.settings["datasets"]["demo_nuclei"]["exclude"]
    settings = with_dataset(finished.settings, exclude=[*excluded, "new_01"])
    targets = ("results/demo_nuclei/unet/predictions", "results/demo_nuclei/unet/cases.csv")

    process = disturbed.start(*targets, settings=settings)
    wait_for(other / "fold0/checkpoints/last.ckpt", process)
    os.killpg(process.pid, signal.SIGKILL)
    output, _ = process.communicate()
    assert re.findall(r"rule prepare:\n.*\n +output: (\S+)", output) == [
        "results/demo_nuclei/cases/1of2"
    ]
    assert not (other / "fold0/model.safetensors").exists()
    disturbed.run("--unlock", settings=settings)
    disturbed.run("--rerun-incomplete", *targets, settings=settings)

    log = (other / "logs/train_fold0.log").read_text(encoding="utf-8")
    assert re.search(r"going on after epoch [1-8] of 8", log)
    model = "fold0/model.safetensors"
    assert (other / model).read_bytes() == (one / model).read_bytes()
    assert (other / "cases.csv").read_text() == (one / "cases.csv").read_text()
    predictions = {path.name: path.read_bytes() for path in (one / "predictions").iterdir()}
    del predictions["new_01.tif"], predictions["new_01_objects.csv"]
    assert {p.name: p.read_bytes() for p in (other / "predictions").iterdir()} == predictions


def wait_for(file, process):
    """Wait until a running process has written a file."""
    end = time.monotonic() + 600
    while not file.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.02)
