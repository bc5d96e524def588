"""The scores of an experiment, read from its tables."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from septum.cli import COMMANDS
from septum.errors import SeptumError
from septum.stages.leaderboard.scores import read_rows, read_scores

PIPELINE = Path(__file__).resolve().parents[3] / "pipeline"
CASES = """case,fold,subset,dice,n_true,hd95
b,0,val,0.5,1,
a,1,test,0.25,2,inf
c,ensemble,test,,0,3
"""
CLASSES = """case,fold,subset,class,class_name,kind,iou_sum,tp,fp,fn
a,1,test,1,cell,thing,0.75,1,0,1
c,ensemble,test,1,cell,thing,0,0,1,0
"""


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "unet"
    folder.mkdir()
    (folder / "cases.csv").write_text(CASES)
    (folder / "classes.csv").write_text(CLASSES)
    return folder / "cases.csv", folder / "classes.csv"


def test_rows_of_a_subset_sorted_by_case(files):
    scores = read_scores(*files)
    assert (scores.experiment, scores.subset) == ("unet", "test")
    assert scores.metrics == ["dice", "hd95"]
    test = scores.of("test")
    assert test.names == ["a", "c"]
    np.testing.assert_array_equal(test.column("dice"), [0.25, np.nan])
    np.testing.assert_array_equal(test.column("hd95"), [np.inf, 3.0])
    assert scores.of("val").names == ["b"]
    assert scores.of("test", ["c"]).names == ["c"]
    assert test.cases[1]["fold"] == "ensemble"


def test_resampled_means_and_pooled_quality(files):
    scores = read_scores(*files).of("test")
    weights = np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]])
    np.testing.assert_array_equal(
        scores.case_means(["dice", "hd95"], weights), [[0.25, 3], [0.25, np.nan], [np.nan, 3]]
    )
    # of both cases 0.75 / (1 + 1/2 + 1/2), of the first alone 0.75 / (1 + 1/2), of the other 0
    pq, sq, rq, things, stuff = scores.pooled(weights).T
    np.testing.assert_allclose(pq, [0.375, 0.5, 0])
    np.testing.assert_allclose(sq, [0.75, 0.75, 0])
    np.testing.assert_allclose(rq, [0.5, 2 / 3, 0])
    np.testing.assert_array_equal(things, pq)
    assert np.isnan(stuff).all()


def test_the_version_of_the_columns_is_no_score_and_a_newer_one_is_refused(files):
    header, *rows = CASES.splitlines()
    for version in ("1", "2"):
        lines = [f"{header},format_version", *(f"{row},{version}" for row in rows)]
        files[0].write_text("\n".join(lines) + "\n")
        if version == "1":
            assert read_scores(*files).metrics == ["dice", "hd95"]
        else:
            with pytest.raises(SeptumError) as error:
                read_scores(*files)
            (problem,) = error.value.problems
            assert problem.where == str(files[0])
            assert problem.what == "has format 2, but this Septum reads up to 1"
            assert problem.remedy == "update Septum to the version that wrote it"


def test_a_table_of_another_version_is_named_with_what_to_do(files):
    cases, classes = files
    cases.write_text(CASES.replace(",dice,n_true", ",mean_dice,objects"))
    with pytest.raises(SeptumError) as caught:
        read_scores(cases, classes)
    (problem,) = caught.value.problems
    assert problem.where == str(cases)
    assert problem.what == "lacks the columns dice, n_true: another version of Septum wrote it"
    assert problem.remedy == "run `septum evaluate` again"


@pytest.mark.parametrize("text", ["case,iou\na,much\n", "case,iou\na\n", "case,iou\na,1,2\n"])
def test_what_is_no_table_of_scores(tmp_path, text):
    path = tmp_path / "leaderboard.csv"
    path.write_text(text)
    with pytest.raises(SeptumError, match="is no table of scores") as caught:
        read_rows(path)
    assert caught.value.problems[0].remedy == "run `septum rank` again"


@pytest.mark.parametrize(
    ("table", "output"),
    [
        ("leaderboard.csv", "paths.leaderboard()"),
        ("cases.csv", 'paths.table("cases")'),
        ("classes.csv", 'paths.table("classes")'),
        ("pooled.csv", 'paths.table("pooled")'),
        ("confusion.csv", 'paths.table("confusion")'),
        # beside the weights
        ("history.csv", "paths.trained_weights()"),
    ],
)
def test_the_command_that_is_named_writes_the_table(tmp_path, table, output):
    with pytest.raises(SeptumError) as caught:
        read_rows(tmp_path / table)
    (command,) = re.findall(r"`septum ([\w-]+)`", caught.value.problems[0].remedy)
    assert command in COMMANDS
    rules = "".join(path.read_text() for path in sorted(PIPELINE.glob("*.smk")))
    (rule,) = (r for r in re.split(r"^rule ", rules, flags=re.M) if f"septum {command} " in r)
    assert output in rule.partition("output:")[2].partition("log:")[0]


def test_numbers_and_names(tmp_path):
    path = tmp_path / "cases.csv"
    path.write_text("case,fold,iou,hd95\n007,0,1,\n")
    (row,) = read_rows(path)
    assert (row["case"], row["fold"], row["iou"]) == ("007", "0", 1.0)
    assert math.isnan(row["hd95"])
