"""The charts: points where their values lie, names escaped."""

from __future__ import annotations

import math
import re

import pytest

from septum.stages.report.figures import (
    Axis,
    Line,
    chart,
    epoch_axis,
    interval_bar,
    score_range,
    stacked_bar,
    value_axis,
)

UNIT = Axis(0.0, 1.0, [0.0, 0.5, 1.0], "x")


def points(svg: str) -> list[list[tuple[float, float]]]:
    found = re.findall(r'<polyline points="([^"]*)"', svg)
    return [[tuple(map(float, p.split(","))) for p in line.split()] for line in found]


def test_points_lie_where_the_ticks_say():
    svg = chart([Line("a", [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)], 0)], UNIT, UNIT, label="l")
    ((x0, y0), (x1, y1), (x2, y2)) = points(svg)[0]
    assert x1 - x0 == pytest.approx(x2 - x1)
    assert y0 - y1 == pytest.approx(y1 - y2), "up is more"
    assert y0 > y2
    ticks = [float(y) for y in re.findall(r'class="axis"[^>]*y1="([\d.]+)"', svg)]
    assert ticks == [y0, y1, y2]


def test_an_undefined_point_interrupts_the_line():
    values = [(0.0, 0.1), (0.2, 0.2), (0.4, math.nan), (0.6, 0.3), (0.8, math.nan), (1.0, 0.4)]
    svg = chart([Line("a", values, 0)], UNIT, UNIT, label="l")
    assert [len(line) for line in points(svg)] == [2]
    assert svg.count("<circle") == 2, "lone points are dots"
    assert "nan" not in svg


def test_names_are_escaped_and_long_ones_cut():
    svg = chart([Line("<b>&" + "x" * 30, [(0, 0), (1, 1)], 0)], UNIT, UNIT, label='"<i>')
    assert "<b>" not in svg
    assert "&lt;b&gt;&amp;" in svg
    assert "&#34;&lt;i&gt;" in svg
    assert "…" in svg


def test_a_log_axis_where_the_loss_falls_far():
    axis = value_axis([10.0, 0.1], "loss")
    assert axis.logarithmic
    assert axis.place(1.0) == pytest.approx((axis.place(0.1) + axis.place(10.0)) / 2)
    assert [tick for tick in axis.ticks if tick in (0.1, 1.0, 10.0)] == [0.1, 1.0, 10.0]
    assert not value_axis([0.9, 0.4], "loss").logarithmic
    assert value_axis([], "loss").ticks


def test_axis_of_few_epochs():
    assert list(epoch_axis(1).ticks) == [1]
    assert list(epoch_axis(3).ticks) == [1, 2, 3]
    assert epoch_axis(100).ticks[-1] == 100


def test_bars_are_on_one_scale():
    assert score_range([0.72, 0.9]) == (0.6, 1.0)
    assert score_range([math.nan]) == (0.0, 1.0)
    assert score_range([1.0, 1.0]) == (0.8, 1.0)
    places = []
    for value in (0.6, 0.8, 1.0):
        svg = interval_bar(value, value, value, 0, best=False, span=(0.6, 1.0))
        places.append(float(re.search(r'<circle cx="([\d.]+)"', svg).group(1)))
    assert places[1] == pytest.approx((places[0] + places[2]) / 2)
    undefined = interval_bar(math.nan, math.nan, math.nan, 0, best=False, span=(0, 1))
    assert "circle" not in undefined
    assert "undefined" in undefined


def test_shares_fill_the_bar():
    svg = stacked_bar([("found", 6, "a"), ("missed", 2, "b"), ("split", 0, "c")], width=80)
    widths = [float(w) for w in re.findall(r'<rect[^>]*width="([\d.]+)"', svg)]
    assert widths == [60.0, 20.0]
    assert 'aria-label="6 found, 2 missed, 0 split"' in svg
