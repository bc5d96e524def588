"""No case is predicted by a model that was trained on it, but those of the test set by all."""

from __future__ import annotations

from pathlib import Path

from made_results import make_plan

from septum.stages.predict.jobs import prediction_jobs

SPLIT = {"test": ["t"], "folds": [["b", "a"], ["c"]], "train": ["d"], "unlabelled": ["u"]}
PLAN = make_plan("cells", 2, "instance", None, SPLIT)
PATHS = {name: Path(f"cases/{name}.zarr") for name in "tabcdu"}


def jobs(*folds):
    found = prediction_jobs(PATHS, PLAN, folds)
    assert all(path == PATHS[name] for name, path, *_ in found)
    return [(name, subset, fold) for name, _, subset, fold in found]


def test_all_folds():
    assert jobs(0, 1) == [
        ("a", "val", "0"),
        ("b", "val", "0"),
        ("c", "val", "1"),
        ("t", "test", "ensemble"),
        ("u", "unlabelled", "ensemble"),
    ]


def test_one_fold_predicts_what_no_fold_was_trained_on():
    assert jobs(1) == [("c", "val", "1"), ("t", "test", "1"), ("u", "unlabelled", "1")]
