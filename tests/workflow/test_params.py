"""The settings of the rules."""

from __future__ import annotations

import pytest
from small_study import Job, small_settings, small_study

from septum.workflow.params import Params
from septum.workflow.report_contents import ReportContents
from septum.workflow.study import Study

CELLS = Job(dataset="cells", batch="2of2", fold="2")
PIXELS = Job(dataset="cells", experiment="pixels", fold="2")


@pytest.fixture
def params(tmp_path):
    return Params(small_study(tmp_path))


def changed_by(tmp_path, wildcards, **sections):
    """Return the rules whose settings differ from those of the small study."""
    stages = ("prepare", "plan", "augment", "weights", "train", "tune", "predict", "export")
    one, other = map(Params, (small_study(tmp_path), small_study(tmp_path, **sections)))
    found = {s for s in stages if getattr(one, s)(wildcards) != getattr(other, s)(wildcards)}
    whole = ("evaluate", "leaderboard", "report")
    return found | {stage for stage in whole if getattr(one, stage) != getattr(other, stage)}


def test_names_are_those_of_the_configuration(params):
    job = Job(dataset="demo", experiment="both_1-067df25a")
    assert (params.dataset(job), params.experiment(job)) == ("demo", "both (1)")
    assert params.demo_kind(job) == "tissue"


def test_a_section_is_one_canonical_string(params):
    assert params.augment(CELLS) == '{"copies":1,"mode":"mirror","points":3,"sigma":10.0}'
    assert params.leaderboard == '{"bootstrap":2000}'
    assert params.tune_merge(Job(experiment="both_1-067df25a")) == (
        '{"instances":"objects","semantic":"pixels"}'
    )
    assert params.fit(Job(dataset="cells", experiment="floor")) == (
        '{"dataset":"cells","experiment":"floor","method":"watershed","options":{}}'
    )


def test_reading_a_case_does_not_depend_on_the_split(tmp_path):
    settings = small_settings(tmp_path)
    before = Params(Study.validated(settings))
    settings["datasets"]["cells"]["split"] = {"test": 0.4}
    after = Params(Study.validated(settings))
    assert after.prepare(CELLS) == before.prepare(CELLS)
    assert after.plan(CELLS) != before.plan(CELLS)
    settings["datasets"]["cells"]["void"] = 9
    assert '"void":9' in Params(Study.validated(settings)).prepare(CELLS)


@pytest.mark.parametrize(
    ("sections", "stages"),
    [
        ({"augment": {"sigma": 5.0}}, {"augment"}),
        ({"weights": {"sigma": 5.0}}, {"weights", "report"}),
        ({"train": {"folds": [2, 0], "clip": 0.5}}, {"train", "report"}),
        ({"train": {"folds": "all"}}, {"report"}),
        ({"predict": {"overlap": 0.5}}, {"tune", "predict", "report"}),
        ({"decode": {"threshold": 0.5}}, {"tune", "report"}),
        ({"export": {"formats": []}}, {"export"}),
        ({"evaluate": {"surface_distance": False}}, {"evaluate", "report"}),
        ({"report": {"title": "Other", "gallery": 3}}, {"report"}),
        ({"report": {"bootstrap": 200}}, {"leaderboard", "report"}),
    ],
)
def test_a_setting_reaches_the_rules_that_depend_on_it(tmp_path, sections, stages):
    assert changed_by(tmp_path, PIXELS, **sections) == stages


def test_a_batch_changes_with_its_cases_and_their_files(tmp_path):
    jobs = [Job(dataset="cells", batch=batch) for batch in ("1of2", "2of2")]
    before = [Params(small_study(tmp_path)).batch(job) for job in jobs]
    assert [Params(small_study(tmp_path)).batch(job) for job in jobs] == before
    # the sha256 of `d` is an even number, and so it is of the first batch
    one, other = (Params(small_study(tmp_path, *"abcd")).batch(job) for job in jobs)
    assert (one != before[0], other != before[1]) == (True, False)


def test_an_experiment_has_a_seed_of_its_own(params):
    seeds = {name: params.train_seed(Job(experiment=name)) for name in ("pixels", "fine")}
    assert seeds == {"pixels": 7, "fine": 3}
    assert params.seed == 3


def test_experiments_of_a_dataset(params):
    assert params.experiments(CELLS) == ["objects", "pixels", "fine", "floor"]
    assert params.baselines(CELLS) == ["floor"]
    assert params.baselines(Job(dataset="demo")) == []


def test_the_report_is_told_datasets_experiments_and_folds(params):
    shown = ReportContents.model_validate_json(params.report_contents)
    assert (shown.report.title, shown.evaluate.convention) == ("Septum report", "coco")
    cells, demo = shown.datasets
    assert (cells.name, cells.folder, cells.batches) == ("cells", "cells", ["1of2", "2of2"])
    floor, merged = cells.experiments["floor"], demo.experiments["both_1-067df25a"]
    assert (floor.name, floor.folds, floor.kind) == ("floor", [0, 2], "classical")
    assert (merged.name, merged.folds, merged.kind) == ("both (1)", [0, 2], "merged")


def test_the_report_follows_its_settings_and_not_those_of_the_leaderboard(tmp_path):
    before = Params(small_study(tmp_path))
    after = Params(small_study(tmp_path, report={"gallery": 3}))
    assert len(before.report) == 16
    assert before.report != after.report
    assert before.leaderboard == after.leaderboard
    more = Params(small_study(tmp_path, report={"bootstrap": 200}))
    assert more.leaderboard == '{"bootstrap":200}'


def test_the_report_is_told_what_the_configuration_sets(tmp_path):
    settings = small_settings(tmp_path, train={"folds": [0], "patch": [64, 32]})
    settings["datasets"]["cells"] |= {
        "weights": {"sigma": 3.5},
        "normalisation": {"scheme": "zscore"},
    }
    settings["experiments"]["pixels"] |= {"decode": {"min_size": 7}, "predict": {"tile": [96, 96]}}
    text = Params(Study.validated(settings)).report_contents
    cells = ReportContents.model_validate_json(text).datasets[0]
    assert (cells.weights.sigma, cells.normalisation.scheme) == (3.5, "zscore")
    run = cells.experiments["pixels"].run
    assert (run.train.patch, run.predict.tile) == ([64, 32], [96, 96])
    assert (run.decode.min_size, run.decode.threshold) == (7, "auto")
    other = cells.experiments["fine"].run
    assert (other.predict.tile, other.decode.min_size) == ("auto", "auto")
    assert '"threshold"' not in text, "what is left at its default takes no room"
