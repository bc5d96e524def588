"""The digest of a stage's code: complete, and blind to layout."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from septum import cli
from septum.config import registry
from septum.io import code_digest

REGISTRY = {"septum.config.registry"}
ROOT = Path(__file__).resolve().parents[2]
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "pipeline").glob("*.smk")))
STAGES = sorted(set(re.findall(r'code\.[a-z_]+\("(septum\.[a-z_.]+)"', RULES)))


def test_every_rule_with_a_command_carries_a_digest():
    commands = re.findall(r'"python -m septum ([a-z]+)', RULES)
    assert len(commands) == RULES.count("code=")
    assert len(STAGES) >= 10


# each target is loaded with no module of the package loaded before; what is not of the package
# stays loaded, so those that must not wait for torch come first
LIGHT = ["septum.stages.predict.classical", "septum.stages.tune.baseline"]
LOADED = """
import importlib, json, sys
light, stages, networks, methods = json.loads(sys.argv[1])

def load(action):
    for name in [name for name in sys.modules if name.split(".")[0] == "septum"]:
        del sys.modules[name]
    action()
    return sorted(name for name in sys.modules if name.split(".")[0] == "septum")

def make(name):
    importlib.import_module("septum.networks.create").create_network(name, 2, 1, 2)

found, libraries = {}, {}
for module in [*light, *stages, *methods]:
    found[module] = load(lambda: importlib.import_module(module))
    libraries.setdefault(module, sorted({name.split(".")[0] for name in sys.modules}))
for name in networks:
    found[name] = load(lambda: make(name))
print(json.dumps([found, {module: libraries[module] for module in light}]))
"""
METHODS = [record.module for record in registry.BASELINES.values()]


@pytest.fixture(scope="module")
def loaded():
    """The modules of the package that each stage, network and method loads, in one process.

    Beside them the libraries that are loaded once the stages of `LIGHT` are, one after the other.
    """
    targets = [LIGHT, STAGES, sorted(registry.NETWORKS), METHODS]
    done = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps(targets)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("stage", STAGES)
def test_the_digest_covers_every_module_that_a_stage_loads(stage, loaded):
    modules = set(loaded[0][stage])
    assert stage in modules
    assert modules - REGISTRY <= code_digest.reachable(stage)


@pytest.mark.parametrize("name", sorted(registry.NETWORKS))
def test_the_digest_covers_every_module_that_a_network_loads(name, loaded):
    modules, record = set(loaded[0][name]), registry.NETWORKS[name]
    assert record.module in modules
    counted = code_digest.reachable("septum.networks.create", record.address)
    assert modules - REGISTRY <= counted


@pytest.mark.parametrize("module", METHODS)
def test_the_digest_covers_every_module_that_a_method_loads(module, loaded):
    modules = set(loaded[0][module])
    assert module in modules
    assert modules - REGISTRY <= code_digest.reachable(module)


@pytest.mark.parametrize("stage", LIGHT)
def test_a_job_of_a_baseline_does_not_wait_for_torch(stage, loaded):
    libraries = set(loaded[1][stage])
    assert "skimage" in libraries or stage == "septum.stages.predict.classical"
    assert not {"torch", "monai", "lightning"} & libraries


def test_nothing_is_imported_by_a_name_that_is_made_at_run_time_but_by_the_registry():
    # import statements are found by the digest, wherever they stand; this is what it cannot see
    by_name = {
        ".".join(("septum", *path.relative_to(code_digest.PACKAGE).with_suffix("").parts))
        for path in code_digest.PACKAGE.rglob("*.py")
        if re.search(r"import_module|__import__|runpy", path.read_text(encoding="utf-8"))
    }
    # the command line is in no digest
    by_name -= {"septum.cli"}
    assert by_name <= {"septum.config.registry", "septum.networks.docs.factsheet"}


def test_the_registry_counts_nowhere_and_addresses_count_as_their_modules():
    reached = code_digest.reachable("septum.networks.create")
    assert "septum.errors" in reached
    assert "septum.config.registry" not in reached
    stage = "septum.stages.prepare.stage"
    by_module = code_digest.code_digest(stage, "septum.data.readers.nifti")
    assert code_digest.code_digest(stage, "septum.data.readers.nifti:NiftiReader") == by_module
    assert by_module != code_digest.code_digest(stage)


@pytest.mark.parametrize("stage", ["evaluate", "leaderboard", "export", "report"])
def test_stages_that_read_stores_only_reach_no_reader(stage):
    reached = code_digest.reachable(f"septum.stages.{stage}.stage")
    assert not [name for name in reached if name.startswith("septum.data.readers")]


def test_readers_count_where_files_of_a_lab_are_read_and_nowhere_else():
    for stage in STAGES:
        readers = {n for n in code_digest.reachable(stage) if n.startswith("septum.data.readers.")}
        assert not readers & {record.module for record in registry.READERS.values()}, stage


def test_weights_do_not_depend_on_the_baselines():
    from septum.stages.train.job import VALUES_CODE, WEIGHTS_CODE

    reached = code_digest.reachable(WEIGHTS_CODE, without=VALUES_CODE)
    assert not [name for name in reached if name.startswith("septum.classical.create")]


def test_scores_and_weight_maps_leave_each_other_alone():
    weights = {"septum.losses.border_weights", "septum.instances.two_nearest"}
    scores = {"septum.metrics.pairs", "septum.metrics.segments"}
    assert not weights & code_digest.reachable("septum.stages.evaluate.stage")
    assert not scores & code_digest.reachable("septum.stages.weights.stage")
    reached = code_digest.reachable("septum.stages.leaderboard.stage")
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
    monkeypatch.setattr(code_digest, "PACKAGE", folder)

    def digest():
        for cached in (code_digest.reachable, code_digest._imports, code_digest._normal_form):
            cached.cache_clear()
        code_digest._file.cache_clear()
        return code_digest.code_digest("septum.a")

    yield folder, digest
    monkeypatch.undo()
    digest.__globals__["code_digest"]._file.cache_clear()
    for cached in (code_digest.reachable, code_digest._imports, code_digest._normal_form):
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


def test_data_of_a_package_count_and_what_editors_leave_there_does_not(package):
    folder, digest = package
    room = folder / "room"
    room.mkdir()
    (room / "__init__.py").write_text("")
    (room / "page.j2").write_text("one")
    (folder / "b.py").write_text("from septum.room import __name__\n")
    before = digest()
    for name in (".b.py.swp", ".DS_Store", "b.py~", "b.py.orig"):
        (room / name).write_text("")
        assert digest() == before
    (room / "page.j2").write_text("two")
    assert digest() != before


def test_a_module_that_is_not_imported_does_not(package):
    folder, digest = package
    before = digest()
    (folder / "c.py").write_text("x = 2\n")
    assert digest() == before


@pytest.mark.parametrize("stage", STAGES)
def test_the_checks_of_a_configuration_run_nothing_again(stage):
    # an edit of them changes no result: what they let through travels in the stage's settings
    reached = code_digest.reachable(stage)
    names = ("config", "load", "runs", "head_fits", "experiment_grid", "experiment")
    checks = {f"septum.config.{name}" for name in names} | {"septum.workflow.discovery"}
    assert not checks & reached
    assert not {name for name in reached if name.startswith("septum.config.checks")}


@pytest.mark.parametrize("stage", STAGES)
def test_an_edit_of_an_argument_runs_nothing_again(stage):
    commands = {command.module for command in cli.COMMANDS.values()}
    commands |= {"septum.cli", "septum.config.arguments"}
    assert not commands & code_digest.reachable(stage)
