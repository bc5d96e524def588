"""pyproject.toml, environment.yml and the pinned requirements say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def project() -> dict[str, Requirement]:
    """Return what the project needs, and what only some of its baselines need."""
    text = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*text["dependencies"], *text["optional-dependencies"]["graphcut"]]
    return {Requirement(line).name: Requirement(line) for line in lines}


def conda() -> dict[str, str]:
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    found = {}
    for entry in entries:
        for line in entry["pip"] if isinstance(entry, dict) else [entry]:
            match = re.fullmatch(r"([a-z][\w-]*)\s*(.*)", line)
            if match:
                found[match[1]] = match[2]
    return found


def pinned() -> dict[str, str]:
    lines = [*(ROOT / "requirements.txt").open(), *(ROOT / "requirements-torch.txt").open()]
    found = (re.match(r"([A-Za-z0-9_.-]+)==(\S+)", line) for line in lines)
    return {match[1].lower(): match[2] for match in found if match}


def test_conda_environment_has_the_same_bounds_as_the_project():
    wanted = {CONDA_NAMES.get(n, n): str(r.specifier) for n, r in project().items()}
    bounds = {name: bound for name, bound in conda().items() if name in wanted}
    assert bounds == wanted


def test_conda_environment_is_valid_for_conda():
    match_spec = pytest.importorskip("rattler").MatchSpec
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    for entry in entries:
        if isinstance(entry, str):
            match_spec(entry)


def test_pins_fit_the_project():
    pins = pinned()
    for name, requirement in project().items():
        assert name in pins, f"{name} is not pinned: make lock"
        assert requirement.specifier.contains(pins[name]), name


def test_what_is_under_the_gpl_is_set_up_but_no_dependency():
    text = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not [line for line in text["dependencies"] if "maxflow" in line.lower()]
    assert [Requirement(line).name for line in text["optional-dependencies"]["graphcut"]] == [
        "pymaxflow"
    ]
    assert "pymaxflow" in pinned()
    assert "pymaxflow" in conda()
    assert "--extra graphcut" in (ROOT / "Makefile").read_text()


def test_pins_hold_hashes_but_for_torch():
    text = (ROOT / "requirements.txt").read_text()
    entries = re.findall(r"^[A-Za-z0-9_.-]+==.*?(?=^\S|\Z)", text, flags=re.M | re.S)
    assert len(entries) > 100
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"^(torch|nvidia-\S+|triton)==", text, flags=re.M)


def test_pins_name_no_index():
    assert not re.search(
        r"https?://|--index-url|--find-links|file:", (ROOT / "requirements.txt").read_text()
    )
