"""The leaderboard: means, pooled scores, paired differences and the order they give."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from septum.config.schema import Report
from septum.errors import SeptumError
from septum.stages.leaderboard.scores import read_rows
from septum.stages.leaderboard.stage import (
    against_baseline,
    best_baseline,
    told_apart,
    write_leaderboard,
)

CASE = ["case", "fold", "subset", "iou", "dice", "pq", "ap", "ap50", "n_true", "missed", "hd95"]
CLASS = ["case", "fold", "subset", "class", "class_name", "kind", "tp", "fp", "fn", "iou_sum"]


def write_csv(path: Path, columns: list[str], rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def experiment(folder: Path, cases: list[dict], classes: list[dict] | None = None) -> list[Path]:
    """Write the scores of an experiment; a case without classes gets one matched object."""
    cases = [{"fold": "0", "subset": "test", **row} for row in cases]
    if classes is None:
        one = {"class": 1, "class_name": "n", "kind": "thing", "tp": 1, "fp": 0, "fn": 0}
        classes = [{**one, "iou_sum": 0.8, "case": row["case"]} for row in cases]
    subset = {row["case"]: row["subset"] for row in cases}
    classes = [{"fold": "0", "subset": subset[row["case"]], **row} for row in classes]
    return [
        write_csv(folder / "cases.csv", CASE, cases),
        write_csv(folder / "classes.csv", CLASS, classes),
    ]


def board(
    tmp_path: Path,
    *scores: list[Path],
    seed: int = 0,
    baselines: tuple[str, ...] = (),
    costs: Sequence[Path] = (),
) -> list[dict]:
    out = tmp_path / "leaderboard.csv"
    paths = [path for pair in scores for path in pair]
    settings = Report(bootstrap=500)
    write_leaderboard(
        dataset="Zellen <b>",
        scores=paths,
        settings=settings,
        seed=seed,
        out=out,
        baselines=baselines,
        costs=costs,
    )
    return read_rows(out)


def test_means_leave_undefined_cases_out_and_count_them(tmp_path):
    cases = [
        {"case": "a", "iou": 0.5, "dice": 0.6, "ap50": 0.4, "n_true": 3, "missed": 1},
        {"case": "b", "iou": 0.7, "dice": 0.8, "ap50": "", "n_true": 0, "missed": 0},
        {"case": "c", "iou": 0.9, "dice": 1.0, "ap50": 0.8, "n_true": 5, "missed": 2},
    ]
    (row,) = board(tmp_path, experiment(tmp_path / "unet", cases))
    assert (row["dataset"], row["experiment"], row["subset"]) == ("Zellen <b>", "unet", "test")
    assert row["cases"] == 3
    assert row["iou"] == pytest.approx(0.7)
    assert row["iou_undefined"] == 0
    assert row["ap50"] == pytest.approx(0.6)
    assert row["ap50_undefined"] == 1
    assert (row["n_true"], row["missed"]) == (8, 3)
    assert 0.5 <= row["iou_low"] < 0.7 < row["iou_high"] <= 0.9


def test_infinite_distances_are_left_out_of_the_mean_and_counted(tmp_path):
    distances = {"a": "2", "b": "inf", "c": "4", "d": "", "e": "inf"}
    cases = [{"case": name, "dice": 0.5, "hd95": value} for name, value in distances.items()]
    (row,) = board(tmp_path, experiment(tmp_path / "unet", cases))
    assert row["hd95"] == 3.0
    assert 2 <= row["hd95_low"] <= 3 <= row["hd95_high"] <= 4
    assert (row["hd95_infinite"], row["hd95_undefined"]) == (2, 1)
    assert "dice_infinite" not in row


def test_a_single_finite_distance_has_no_interval(tmp_path):
    cases = [{"case": "a", "hd95": 2.0}, {"case": "b", "hd95": "inf"}]
    (row,) = board(tmp_path, experiment(tmp_path / "one", cases))
    assert row["hd95"] == 2.0
    assert np.isnan([row["hd95_low"], row["hd95_high"]]).all()
    (row,) = board(tmp_path, experiment(tmp_path / "none", cases[1:]))
    assert np.isnan(row["hd95"])
    assert (row["hd95_infinite"], row["hd95_undefined"]) == (1, 0)


def test_pooled_quality_adds_objects_up_before_dividing(tmp_path):
    cases = [{"case": "a", "n_true": 4}, {"case": "b", "n_true": 1}]
    thing = {"class": 1, "class_name": "n", "kind": "thing"}
    stuff = {"class": 2, "class_name": "s", "kind": "stuff"}
    classes = [
        {**thing, "case": "a", "tp": 3, "fp": 1, "fn": 1, "iou_sum": 2.4},
        {**thing, "case": "b", "tp": 0, "fp": 2, "fn": 1, "iou_sum": 0.0},
        {**stuff, "case": "a", "tp": 1, "fp": 0, "fn": 0, "iou_sum": 0.9},
        {**stuff, "case": "b", "tp": 0, "fp": 0, "fn": 0, "iou_sum": 0.0},
    ]
    (row,) = board(tmp_path, experiment(tmp_path / "unet", cases, classes))
    # things: 2.4 / (3 + 3/2 + 2/2) = 0.4364; stuff: 0.9 / 1; their mean
    assert row["pq_pooled"] == pytest.approx((2.4 / 5.5 + 0.9) / 2, abs=1e-6)
    assert row["sq_pooled"] == pytest.approx((2.4 / 3 + 0.9) / 2, abs=1e-6)
    assert row["rq_pooled"] == pytest.approx((3 / 5.5 + 1.0) / 2, abs=1e-6)


def test_pooled_quality_is_that_of_the_metrics(tmp_path):
    """Against `septum.metrics.panoptic_quality`, added over random label maps."""
    from septum.metrics.panoptic import PanopticSums, panoptic_quality

    rng = np.random.default_rng(0)
    total, cases, classes = PanopticSums({}), [], []
    for name in "abc":
        true, pred = (rng.integers(0, 4, (5, 5)).repeat(3, 0).repeat(3, 1) for _ in range(2))
        sums = panoptic_quality(true, pred)
        total += sums
        cases.append({"case": name, "n_true": 1})
        classes.append(
            {"case": name, "class": 1, "class_name": "n", "kind": "thing"}
            | {k: getattr(sums.classes[1], k) for k in ("tp", "fp", "fn", "iou_sum")}
        )
    (row,) = board(tmp_path, experiment(tmp_path / "unet", cases, classes))
    assert row["pq_pooled"] == pytest.approx(total.pq, rel=1e-5)


def test_differences_are_paired(tmp_path):
    """Always 0.1 worse: known exactly, however much the cases differ from each other."""
    dice = np.random.default_rng(0).uniform(0.2, 0.9, 8)
    first = [{"case": f"c{i}", "dice": d} for i, d in enumerate(dice)]
    second = [{"case": f"c{i}", "dice": d - 0.1} for i, d in enumerate(dice)]
    rows = board(
        tmp_path, experiment(tmp_path / "worse", second), experiment(tmp_path / "better", first)
    )
    assert [row["experiment"] for row in rows] == ["better", "worse"]
    assert rows[0]["ranked_by"] == "dice"
    assert np.isnan(rows[0]["behind_best"])
    behind = [rows[1][f"behind_best{end}"] for end in ("", "_low", "_high")]
    assert behind == pytest.approx([0.1, 0.1, 0.1], abs=1e-6)
    assert rows[1]["dice_high"] - rows[1]["dice_low"] > 0.1
    assert told_apart(rows[1]) is True


def test_equal_networks_are_not_told_apart(tmp_path):
    rng = np.random.default_rng(1)
    rows = [[{"case": f"c{i}", "dice": 0.7 + rng.normal(0, 0.1)} for i in range(12)] for _ in "ab"]
    rows[0][0]["dice"] += rows_mean(rows[1]) - rows_mean(rows[0]) + 0.001
    found = board(tmp_path, *(experiment(tmp_path / f"{i}", r) for i, r in enumerate(rows)))
    assert found[1]["behind_best_low"] < 0 < found[1]["behind_best_high"]
    assert told_apart(found[1]) is False


def rows_mean(rows: list[dict]) -> float:
    return sum(row["dice"] for row in rows)


def test_fewer_than_six_cases_tell_nothing_apart(tmp_path):
    rows = [[{"case": f"c{i}", "dice": d} for i in range(5)] for d in (0.9, 0.1)]
    found = board(tmp_path, *(experiment(tmp_path / f"{i}", r) for i, r in enumerate(rows)))
    assert found[1]["behind_best_low"] == pytest.approx(0.8)
    assert found[1]["behind_best_cases"] == 5
    assert told_apart(found[1]) is None


def test_only_common_cases_are_compared(tmp_path):
    first = [{"case": "a", "dice": 0.9}, {"case": "b", "dice": 0.7}, {"case": "c", "dice": 0.8}]
    second = [{"case": "b", "dice": 0.6}, {"case": "d", "dice": 0.2}]
    rows = board(tmp_path, experiment(tmp_path / "x", first), experiment(tmp_path / "y", second))
    assert rows[1]["behind_best"] == pytest.approx(0.1)
    assert rows[1]["behind_best_cases"] == 1
    assert np.isnan(rows[1]["behind_best_low"])


def test_objects_rank_by_pooled_quality(tmp_path):
    one = {"class": 1, "class_name": "n", "kind": "thing", "case": "a", "fp": 0, "fn": 0, "tp": 1}
    scores = [
        experiment(
            tmp_path / name,
            [{"case": "a", "dice": dice, "n_true": 1}],
            [{**one, "iou_sum": iou}],
        )
        for name, dice, iou in (("p", 0.9, 0.6), ("q", 0.5, 0.8), ("r", 0.5, 0.8))
    ]
    rows = board(tmp_path, *scores)
    assert [row["experiment"] for row in rows] == ["q", "r", "p"], "ties by name"
    assert rows[0]["ranked_by"] == "pq_pooled"


def test_validation_cases_count_only_without_test_cases(tmp_path):
    mixed = [
        {"case": "a", "dice": 0.2, "subset": "test"},
        {"case": "b", "dice": 1.0, "subset": "val"},
    ]
    (row,) = board(tmp_path, experiment(tmp_path / "x", mixed))
    assert (row["subset"], row["cases"], row["dice"]) == ("test", 1, 0.2)
    only = [
        {"case": "b", "dice": 1.0, "subset": "val"},
        {"case": "c", "dice": 0.5, "subset": "val"},
    ]
    (row,) = board(tmp_path, experiment(tmp_path / "y", only))
    assert (row["subset"], row["cases"], row["dice"]) == ("val", 2, 0.75)


def test_an_experiment_without_any_case_is_last(tmp_path):
    rows = board(
        tmp_path,
        experiment(tmp_path / "empty", []),
        experiment(tmp_path / "full", [{"case": "a", "dice": 0.1}]),
    )
    assert [row["experiment"] for row in rows] == ["full", "empty"]
    assert (rows[1]["subset"], rows[1]["cases"]) == ("none", 0)


def test_same_scores_same_bytes_in_any_order(tmp_path):
    a = experiment(tmp_path / "a", [{"case": c, "dice": 0.1 * i} for i, c in enumerate("pqrs")])
    b = experiment(tmp_path / "b", [{"case": c, "dice": 0.2 * i} for i, c in enumerate("pqrs")])
    board(tmp_path, a, b)
    first = (tmp_path / "leaderboard.csv").read_bytes()
    board(tmp_path, b[::-1], a)
    assert (tmp_path / "leaderboard.csv").read_bytes() == first
    board(tmp_path, a, b, seed=1)
    assert (tmp_path / "leaderboard.csv").read_bytes() != first


def test_costs_stand_behind_the_scores_where_they_are_known(tmp_path):
    scores = [
        experiment(tmp_path / n, [{"case": "a", "dice": d}]) for n, d in (("p", 1), ("q", 0.5))
    ]
    training, prediction = tmp_path / "q/fold0/costs.json", tmp_path / "q/costs/1of1.json"
    used = {"device": "Processor, old", "threads": 1}
    for path, record in (
        (training, {"training_s": 720.5, "parameters": 31_030_658, "peak_memory_mb": 812.25}),
        (prediction, {"cases": [{"case": "a", "models": 1, "pixels": 500_000, "seconds": 0.25}]}),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(used | record))
    board(tmp_path, *scores, costs=[training, prediction])
    header, p, q = (tmp_path / "leaderboard.csv").read_text().splitlines()
    assert header.endswith(",parameters,training_s,mpx_per_s,peak_memory_mb,device,predict_device")
    assert p.startswith("Zellen <b>,p,")
    assert p.endswith(",,,,,,")
    on = '"Processor, old, 1 thread"'
    assert q.endswith(f",31030658,720.5,2,812.25,{on},{on}")
    assert board(tmp_path, *scores)[1].keys() == {*header.split(",")}, "also where none is known"


def test_missing_and_broken_files_are_named(tmp_path):
    scores = experiment(tmp_path / "x", [{"case": "a", "dice": 0.1}])
    scores[1].unlink()
    with pytest.raises(SeptumError, match=r"classes\.csv.*cannot be read"):
        board(tmp_path, scores)
    scores[1].write_text("case,fold\na,0\n")
    with pytest.raises(SeptumError, match=r"lacks the columns class, class_name"):
        board(tmp_path, scores)
    scores = experiment(tmp_path / "x", [{"case": "a", "dice": "much"}])
    with pytest.raises(SeptumError, match="much"):
        board(tmp_path, scores)
    assert not (tmp_path / "leaderboard.csv").exists()


def dice_of(tmp_path, name, values):
    return experiment(tmp_path / name, [{"case": f"c{i}", "dice": v} for i, v in enumerate(values)])


def against(tmp_path, *, cases=8):
    """Rank four networks and two baselines; a list of Dice each."""
    level = [0.5, 0.6, 0.7, 0.5, 0.6, 0.7, 0.5, 0.6][:cases]
    scores = {
        "far": [v + 0.2 for v in level],
        "near": [v + (0.1 if i % 2 else -0.08) for i, v in enumerate(level)],
        "same": level,
        "poor": [v - 0.1 for v in level],
        "floor": level,
        "weak": [v - 0.3 for v in level],
    }
    paths = [dice_of(tmp_path, name, values) for name, values in scores.items()]
    rows = board(tmp_path, *paths, baselines=("floor", "weak"))
    return rows, {row["experiment"]: row for row in rows}


def test_networks_are_compared_with_the_best_baseline(tmp_path):
    rows, named = against(tmp_path)
    assert best_baseline(rows)["experiment"] == "floor"
    kinds = {name: row["kind"] for name, row in named.items()}
    assert [name for name, kind in kinds.items() if kind == "classical"] == ["floor", "weak"]
    assert named["far"]["over_baseline"] == pytest.approx(0.2)
    assert named["far"]["over_baseline_low"] == pytest.approx(0.2)
    assert named["near"]["over_baseline"] == pytest.approx(0.01)
    assert named["poor"]["over_baseline"] == pytest.approx(-0.1)
    assert named["poor"]["over_baseline_cases"] == 8
    assert np.isnan(named["floor"]["over_baseline"])
    assert {name: against_baseline(row) for name, row in named.items()} == {
        "far": "better",
        "near": "not told apart",
        "same": "no better",
        "poor": "no better",
        "floor": "",
        "weak": "",
    }


def test_few_cases_do_not_show_that_a_network_is_better(tmp_path):
    _, named = against(tmp_path, cases=5)
    assert against_baseline(named["far"]) == "not told apart"
    assert against_baseline(named["poor"]) == "no better"


def test_without_a_baseline_nothing_is_said(tmp_path):
    rows = board(tmp_path, dice_of(tmp_path, "one", [0.5] * 6), dice_of(tmp_path, "two", [0.4] * 6))
    assert best_baseline(rows) is None
    assert [against_baseline(row) for row in rows] == ["", ""]
