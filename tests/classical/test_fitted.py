"""The file of a tuned baseline, and the one that stands for several folds."""

from __future__ import annotations

import json

import pytest

from septum.classical.create import create_method
from septum.classical.fitted import Fitted, common_baseline, read_fitted
from septum.errors import SeptumError


def fitted(score=0.5, **parameters) -> Fitted:
    return Fitted(
        method="watershed",
        parameters={**create_method("watershed", {}).model_dump(mode="json"), **parameters},
        score=score,
        spatial_dims=2,
        in_channels=1,
        annotation="instance",
        classes={1: {"name": "cell", "kind": "thing"}},
        spacing=(1.0, 1.0),
        unit="pixel",
    )


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "parameters.json"
    path.write_text(fitted(h=2.0).model_dump_json())
    assert read_fitted(path) == fitted(h=2.0)
    assert json.loads(path.read_text())["format_version"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "holds no parameters of a baseline"),
        ("[1", "holds no parameters of a baseline"),
        (fitted().model_copy(update={"format_version": 2}).model_dump_json(), "has format 2"),
        (fitted(h=-1.0).model_dump_json(), "greater than or equal to 0"),
        (fitted(depth=3).model_dump_json(), "depth"),
    ],
)
def test_other_files_are_named(tmp_path, text, message):
    path = tmp_path / "parameters.json"
    path.write_text(text)
    with pytest.raises(SeptumError, match=message):
        read_fitted(path)


def test_files_that_are_not_there_or_no_text(tmp_path):
    with pytest.raises(SeptumError, match="does not exist"):
        read_fitted(tmp_path / "none.json")
    (tmp_path / "image.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SeptumError, match="is no text"):
        read_fitted(tmp_path / "image.json")


def test_the_fold_that_shares_most_values_stands_for_all():
    folds = [fitted(h=1.0), fitted(h=2.0, min_size=7), fitted(h=2.0)]
    assert common_baseline(folds) is folds[2]


def test_of_equals_the_one_of_the_best_score_stands_for_all():
    folds = [fitted(score=None), fitted(score=0.3), fitted(score=0.6), fitted(score=0.6)]
    assert common_baseline(folds) is folds[2]


def test_of_two_that_share_nothing_the_one_of_the_better_score_stands_for_both():
    better = fitted(score=0.9, sigma=1.0, h=2.0, level=0.5)
    worse = fitted(score=0.6, sigma=2.0, h=1.0, level=0.4)
    assert common_baseline([better, worse]) is better
    assert common_baseline([worse, better]) is better
