"""The digest of a stage's code: complete, and blind to layout."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from septum.classical import create as classical
from septum.io import code_digest as codedigest
from septum.networks.create import EVERY, module

ROOT = Path(__file__).resolve().parents[2]
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "pipeline").glob("*.smk")))
STAGES = sorted(
    set(re.findall(r'(?:code_digest|network_code|baseline_code)\("(septum\.[a-z_.]+)"\)', RULES))
)


def test_every_rule_with_a_command_carries_a_digest():
    commands = re.findall(r'"python -m septum ([a-z]+)', RULES)
    assert len(commands) == RULES.count("code=")
    assert len(STAGES) >= 10


@pytest.mark.parametrize("stage", STAGES)
def test_the_digest_covers_every_module_that_a_stage_loads(stage):
    code = f"import sys, {stage}; print(*(m for m in sys.modules if m.split('.')[0] == 'septum'))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(loaded) <= codedigest.reachable(stage)


@pytest.mark.parametrize("name", sorted(EVERY))
def test_the_digest_covers_every_module_that_a_network_loads(name):
    address = module(name)
    code = (
        f"import sys, septum.networks.create; septum.networks.create.create({name!r}, 2, 1, 2); "
        "print(*(m for m in sys.modules if m.split('.')[0] == 'septum'))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(loaded) <= codedigest.reachable(address)


@pytest.mark.parametrize("name", classical.names())
def test_the_digest_covers_every_module_that_a_method_loads(name):
    address = classical.module(name)
    code = f"import sys, {address}; print(*(m for m in sys.modules if m.split('.')[0] == 'septum'))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(loaded) <= codedigest.reachable(address)


@pytest.mark.parametrize("stage", ["tune.baseline", "predict.classical"])
def test_a_job_of_a_baseline_does_not_wait_for_torch(stage):
    code = f"import sys, septum.stages.{stage}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "skimage" in loaded or stage == "predict.classical"
    assert not {"torch", "monai", "lightning"} & set(loaded)


def test_weights_do_not_depend_on_the_baselines():
    from septum.stages.train.job import VALUES_CODE, WEIGHTS_CODE

    reached = codedigest.reachable(WEIGHTS_CODE, without=VALUES_CODE)
    assert not [name for name in reached if name.startswith("septum.classical.create")]


def test_scores_and_weight_maps_leave_each_other_alone():
    weights = {"septum.losses.border_weights", "septum.instances.two_nearest"}
    scores = {"septum.metrics.pairs", "septum.metrics.segments"}
    assert not weights & codedigest.reachable("septum.stages.evaluate.stage")
    assert not scores & codedigest.reachable("septum.stages.weights.stage")
    reached = codedigest.reachable("septum.stages.leaderboard.stage")
    assert "septum.stages.leaderboard.text" not in reached


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two modules in place of septum."""
    folder = tmp_path / "septum"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "a.py").write_text("def f():\n    from septum.b import g\n    return g()\n")
    (folder / "b.py").write_text('"""Doc."""\n\n\ndef g():\n    """Doc."""\n    return 1\n')
    (folder / "c.py").write_text("x = 1\n")
    monkeypatch.setattr(codedigest, "PACKAGE", folder)

    def digest():
        for cached in (codedigest.reachable, codedigest._imports, codedigest._normal_form):
            cached.cache_clear()
        codedigest._file.cache_clear()
        return codedigest.code_digest("septum.a")

    yield folder, digest
    monkeypatch.undo()
    digest.__globals__["codedigest"]._file.cache_clear()
    for cached in (codedigest.reachable, codedigest._imports, codedigest._normal_form):
        cached.cache_clear()


def test_an_edit_changes_it_also_behind_an_import_inside_a_function(package):
    folder, digest = package
    before = digest()
    (folder / "b.py").write_text("def g():\n    return 2\n")
    assert digest() != before


@pytest.mark.parametrize(
    "text",
    [
        '"""Other."""\n\n\ndef g():\n    """Doc."""\n    return 1\n',
        "def g():\n    # why\n    return 1\n",
        "def g():\n\n\n    return (1)\n",
    ],
)
def test_comments_docstrings_and_layout_do_not(package, text):
    folder, digest = package
    before = digest()
    (folder / "b.py").write_text(text)
    assert digest() == before


def test_a_module_that_is_not_imported_does_not(package):
    folder, digest = package
    before = digest()
    (folder / "c.py").write_text("x = 2\n")
    assert digest() == before


@pytest.mark.parametrize("stage", STAGES)
def test_the_checks_of_a_configuration_run_nothing_again(stage):
    # an edit of them changes no result: what they let through travels in the stage's settings
    checks = {f"septum.config.{name}" for name in ("config", "checks", "experiment_grid")}
    checks.add("septum.workflow.discovery")
    assert not checks & codedigest.reachable(stage)
