"""What the rules read."""

from __future__ import annotations

import pytest
from small_study import Job, small_settings, small_study

from septum.workflow.inputs import Inputs
from septum.workflow.study import Study

BOTH = "both_1-067df25a"
CELLS = Job(dataset="cells", batch="2of2", fold="2")


@pytest.fixture
def inputs(tmp_path):
    return Inputs(small_study(tmp_path))


def test_a_batch_reads_the_files_of_its_cases(inputs, tmp_path):
    files = [f"{tmp_path}/{kind}/{case}.tif" for case in "ab" for kind in ("images", "labels")]
    assert inputs.batch_files(CELLS) == files


def test_the_files_of_a_demo_are_made_by_a_rule(inputs):
    assert inputs.batch_files(Job(dataset="demo", batch="1of8")) == ["out/demo/demo"]


def test_paths_that_snakemake_cannot_watch_are_left_out(tmp_path):
    inputs = Inputs(small_study(tmp_path, "<script>", "{x}", "plain"))
    batches = {"1of2", "2of2"}
    found = [f for b in batches for f in inputs.batch_files(Job(dataset="cells", batch=b))]
    assert sorted(found) == [f"{tmp_path}/images/plain.tif", f"{tmp_path}/labels/plain.tif"]


def test_every_label_file_of_a_case_is_read(tmp_path):
    for path in ("i/a.tif", "cell/a.tif", "matrix/a.tif"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_bytes(b"x")
    dataset = {
        "images": "i/{case}.tif",
        "labels": "{class}/{case}.tif",
        "annotation": "panoptic",
        "classes": {1: "cell", 2: "matrix"},
    }
    settings = {"data_root": str(tmp_path), "datasets": {"d": dataset}}
    found = Inputs(Study.validated(settings)).batch_files(Job(dataset="d", batch="1of1"))
    assert found == [f"{tmp_path}/{path}" for path in ("i/a.tif", "cell/a.tif", "matrix/a.tif")]


def test_a_dataset_is_read_batch_by_batch(inputs):
    assert inputs.all_cases(CELLS) == ["out/cells/cases/1of2", "out/cells/cases/2of2"]
    assert inputs.all_copies(CELLS) == ["out/cells/copies/1of2", "out/cells/copies/2of2"]
    assert inputs.copies_of_batch(CELLS) == "out/cells/copies/2of2"


def test_copies_that_are_not_asked_for_are_not_read(tmp_path):
    inputs = Inputs(small_study(tmp_path, augment={"copies": 0}))
    assert inputs.all_copies(CELLS) == []
    assert inputs.copies_of_batch(CELLS) == []


def test_weight_maps_are_read_where_they_are_used(tmp_path):
    settings = small_settings(tmp_path)
    settings["experiments"]["plain"] = {"network": "fcn8s", "train": {"border_weights": False}}
    inputs = Inputs(Study.validated(settings))
    job = Job(dataset="cells", experiment="pixels")
    assert inputs.all_weights(job) == ["out/cells/weights/1of2", "out/cells/weights/2of2"]
    assert inputs.all_weights(Job(dataset="cells", experiment="plain")) == []


def test_the_split_and_the_groups_of_a_lab(tmp_path):
    settings = small_settings(tmp_path)
    inputs = Inputs(Study.validated(settings))
    assert (inputs.split_file(CELLS), inputs.group_table(CELLS)) == ([], [])
    (tmp_path / "split.json").write_text('{"test": ["a"]}')
    dataset = settings["datasets"]["cells"]
    dataset.update(split={"file": "split.json"}, group="patient", table="t.csv")
    inputs = Inputs(Study.validated(settings))
    assert inputs.split_file(CELLS) == f"{tmp_path}/split.json"
    assert inputs.group_table(CELLS) == f"{tmp_path}/t.csv"
    dataset.update(group="{group}_s*")
    assert Inputs(Study.validated(settings)).group_table(CELLS) == []


def test_where_a_training_starts_from(tmp_path):
    experiments = {
        "pixels": {"network": "fcn8s", "pretrained": "vgg.pth"},
        "fine": {"network": "fcn8s", "start_from": "pixels"},
        "far": {"network": "fcn8s", "pretrained": "https://no.example/vgg-397923af.pth"},
        "new": {"network": "fcn8s"},
    }
    inputs = Inputs(small_study(tmp_path, experiments=experiments))
    found = {
        name: inputs.start(Job(dataset="cells", experiment=name, fold="2")) for name in experiments
    }
    assert found == {
        "pixels": f"{tmp_path}/vgg.pth",
        "fine": "out/cells/pixels/fold2/weights.safetensors",
        "far": [],
        "new": [],
    }


def test_a_merge_reads_what_its_two_experiments_predicted(inputs):
    job = Job(dataset="demo", experiment=BOTH, batch="3of8", fold="2")
    batches = ["1of8", "2of8", "3of8", "5of8", "7of8", "8of8"]
    for part, name in enumerate(("objects", "pixels")):
        predicted = f"out/demo/{name}/predicted"
        assert inputs.merged_predictions(part)(job) == [f"{predicted}/{b}" for b in batches]
        assert inputs.merged_batch(part)(job) == f"{predicted}/3of8"
    assert inputs.merged_fold_costs(job) == [
        "out/demo/objects/fold2/costs.json",
        "out/demo/pixels/fold2/costs.json",
    ]
    assert inputs.merged_batch_costs(job) == [
        "out/demo/objects/costs/3of8.json",
        "out/demo/pixels/costs/3of8.json",
    ]


def test_the_leaderboard_reads_scores_and_costs_of_its_dataset(inputs):
    names = ("objects", "pixels", "fine", "floor")
    files = ("cases.csv", "classes.csv", "objects.npz")
    assert inputs.scores(CELLS) == [f"out/cells/{n}/{file}" for n in names for file in files]
    costs = ("fold0/costs.json", "fold2/costs.json", "costs/1of2.json", "costs/2of2.json")
    assert inputs.costs(CELLS) == [f"out/cells/{n}/{file}" for n in names for file in costs]


def test_the_report_reads_what_is_configured(tmp_path):
    inputs = Inputs(
        small_study(tmp_path, experiments={"floor": {"method": "watershed", "datasets": ["cells"]}})
    )
    assert inputs.all_results(Job()) == [
        "out/cells/plan.json",
        "out/cells/leaderboard.csv",
        "out/cells/cases/1of2",
        "out/cells/cases/2of2",
        "out/cells/floor/cases.csv",
        "out/cells/floor/classes.csv",
        "out/cells/floor/pooled.csv",
        "out/cells/floor/confusion.csv",
        "out/cells/floor/predicted/1of2",
        "out/cells/floor/predicted/2of2",
        "out/cells/floor/fold0/parameters.json",
        "out/cells/floor/fold2/parameters.json",
    ]
    assert inputs.all_predictions() == ["out/cells/floor/predictions"]
    assert inputs.plans() == ["out/demo/plan.json", "out/cells/plan.json"]
