"""Sections as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from small_config import minimal

from septum.config.load import load_config, validate
from septum.config.schema import Run, canonical_json, parse_section

ROOT = Path(__file__).resolve().parents[2]


def test_canonical_json_ignores_order_and_sees_a_swap():
    one = canonical_json({"lr": 1, "momentum": 2})
    assert one == canonical_json({"momentum": 2, "lr": 1}) == '{"lr":1,"momentum":2}'
    assert one != canonical_json({"lr": 2, "momentum": 1})


def test_a_section_survives_the_command_line():
    run = validate(minimal()).run("nuclei", "net")
    assert parse_section(Run, canonical_json(run)) == run


def test_settings_are_plain_json():
    json.loads(canonical_json(load_config(ROOT / "config.yaml")))
