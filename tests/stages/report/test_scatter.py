"""Accuracy against cost: who is beaten, names that can be read, and the axes."""

from __future__ import annotations

import re

import pytest

from septum.stages.report.scatter import Mark, duration_axis, scatter, score_axis, unbeaten


def drawn(marks: list[Mark]) -> str:
    x, y = duration_axis((m.cost for m in marks), "t"), score_axis((m.score for m in marks), "s")
    return scatter(marks, x, y, label="l")


def test_the_front_is_what_no_other_beats_in_both():
    costs = {"fast": (1, 0.5), "slow": (9, 0.9), "beaten": (9, 0.8), "middle": (4, 0.7)}
    costs |= {"dear": (5, 0.7), "low": (4, 0.6), "twin": (1, 0.5)}
    marks = [Mark(name, *values, 0) for name, values in costs.items()]
    assert [mark.name for mark in unbeaten(marks)] == ["fast", "twin", "middle", "slow"]


def test_the_front_is_filled_and_joined_by_steps():
    svg = drawn([Mark("a", 60, 0.5, 0), Mark("b", 600, 0.7, 1), Mark("c", 600, 0.6, 2)])
    fills = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="5" fill="([^"]+)"', svg)
    assert [fill for _, _, fill in fills] == ["#4477aa", "#ee6677", "none"]
    (ax, ay, _), (bx, by, _), (cx, cy, _) = fills
    assert f'<path class="front" d="M{ax} {ay} H{bx} V{by}"/>' in svg
    assert (cx, float(cy) > float(by)) == (bx, True)
    assert float(ay) > float(cy), "up is more"


def test_a_tenfold_cost_is_always_as_far():
    svg = drawn([Mark(n, c, 0.5, 0) for n, c in (("a", 6.0), ("b", 60.0), ("c", 600.0))])
    a, b, c = (float(x) for x in re.findall(r'<circle cx="([\d.]+)"', svg))
    assert b - a == pytest.approx(c - b, abs=0.11)


def test_a_line_leads_to_a_name_that_is_far_away():
    near = drawn([Mark("a", 1, 0.1, 0), Mark("b", 1000, 0.9, 1)])
    assert "leader" not in near
    crowd = drawn([Mark(f"name {i}", 60, 0.5, 0) for i in range(8)])
    assert crowd.count('class="leader"') >= 1


def test_axes_of_times():
    axis = duration_axis([70, 9000], "t")
    assert [axis.text(tick) for tick in axis.ticks] == [
        "1 min",
        "3 min",
        "10 min",
        "30 min",
        "1 h",
        "3 h",
    ]
    assert axis.logarithmic
    assert axis.low < 70
    assert axis.high > 9000
    alone = duration_axis([11.0, 11.0], "t")
    assert [alone.text(tick) for tick in alone.ticks] == ["3 s", "10 s", "30 s"]
    assert len(duration_axis([1e-5, 1e6], "t").ticks) <= 8


def test_axes_of_scores_do_not_blow_small_differences_up():
    axis = score_axis([0.80, 0.801], "s")
    assert axis.high - axis.low >= 0.05
    assert axis.low < 0.80 < 0.801 < axis.high
    assert score_axis([0.0, 0.0], "s").low == 0.0
    assert list(score_axis([0.72, 0.9], "s").ticks) == [0.7, 0.75, 0.8, 0.85, 0.9]


def test_names_are_escaped_and_long_ones_cut():
    svg = drawn([Mark("<b>&" + "x" * 30, 1, 0.5, 0), Mark("b", 2, 0.6, 1)])
    assert "<b>" not in svg
    assert "&lt;b&gt;&amp;xxx" in svg
    assert "…" in svg
