"""Costs in the units that people think in."""

from __future__ import annotations

import math

import pytest

from septum.stages.leaderboard.cost_text import (
    amount_text,
    cost_texts,
    duration_text,
    memory_text,
    speed_text,
)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (amount_text(31_030_658), "31 M"),
        (amount_text(1_942_337), "1.9 M"),
        (amount_text(134_489_759), "134 M"),
        (amount_text(12), "12"),
        (amount_text(math.nan), "–"),
        (duration_text(0.0304), "30 ms"),
        (duration_text(59.9), "60 s"),
        (duration_text(720), "12 min"),
        (duration_text(9000), "2.5 h"),
        (duration_text(200_000), "2.3 d"),
        (duration_text(0.0), "0 ms"),
        (memory_text(812.4), "812 MB"),
        (memory_text(1228.8), "1.2 GB"),
        (speed_text(3.44), "3.4 Mpx/s"),
        (speed_text(9.97), "10 Mpx/s"),
        (speed_text(0.0421), "0.042 Mpx/s"),
    ],
)
def test_costs_as_people_say_them(shown, expected):
    assert shown == expected


def test_the_columns_of_a_leaderboard():
    row = {"parameters": 7_762_465.0, "training_s": 720.0, "peak_memory_mb": 1228.8}
    assert cost_texts(row) == {
        "parameters": "7.8 M",
        "training_s": "12 min",
        "peak_memory_mb": "1.2 GB",
        "mpx_per_s": "–",
    }
