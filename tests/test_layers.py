"""Who may import whom: the layers of the package, held from the syntax trees.

An import counts wherever it stands: at the top of a file, in a function, or for type checkers
only (a type of a higher layer in a signature says that the function stands too low).
"""

from __future__ import annotations

import runpy
import sys

import pytest
from import_arrows import PACKAGE, ROOT, Import, imports, module_files, room

# From the top down; a package imports from the rows below its own, and no other of its row.
LAYERS = (
    ("cli", "__main__"),
    ("stages", "commands"),
    ("workflow",),
    ("inference", "classical"),
    ("networks",),
    ("decoding",),
    ("heads",),
    ("losses", "augmentation"),
    ("metrics", "data", "datasets"),
    ("instances",),
    ("config", "io"),
    ("errors", "seeds", "jit"),
)
ROW = {name: number for number, names in enumerate(LAYERS) for name in names}
# What people run may be made of stages; the entry point of `python -m` is one line of the cli.
SAME_ROW = {("commands", "stages"), ("__main__", "cli")}
# Parsing the Snakefile asks the workflow, many times a run.
WORKFLOW_IMPORTS = ("septum.config", "septum.io", "septum.errors", "septum.data.case_files")
LIGHT = ("config", "workflow")
LIGHT_LIBRARIES = {*sys.stdlib_module_names, "pydantic", "yaml"}

MAX_LINES = 350
MAX_FILES_AT_ROOT = 6

IMPORTS = imports()
OURS = [each for each in IMPORTS if each.imported.split(".")[0] == "septum"]


def why_not(each: Import) -> str | None:
    """Return why an import of this package is not allowed, or None where it is."""
    importing, imported = room(each.importer), room(each.imported)
    if not imported or importing == imported:
        return None  # `septum` itself offers its version to everyone
    if not importing:
        return "the top of the package offers its names lazily"
    for name in (importing, imported):
        if name not in ROW:
            return f"{name} stands in no layer"
    if importing == "workflow" and not each.imported.startswith(WORKFLOW_IMPORTS):
        return "workflow imports config, io and data.case_files only"
    if ROW[importing] == ROW[imported] and (importing, imported) not in SAME_ROW:
        return f"{importing} and {imported} stand in one layer"
    if ROW[importing] > ROW[imported]:
        return f"{importing} is a layer below {imported}, and imports go downwards"
    return None


def violations() -> dict[tuple[str, str], str]:
    """Return pairs of modules of which the first may not import the second, and why."""
    reasons = {(each.importer, each.imported): why_not(each) for each in OURS}
    return {pair: reason for pair, reason in reasons.items() if reason}


def test_imports_go_down_the_layers():
    lines = [
        f"{importer} may not import {imported}, because {reason}"
        for (importer, imported), reason in violations().items()
    ]
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize(
    ("importer", "imported", "reason"),
    [
        ("septum.networks.unet", "septum.stages.plan.stage", "imports go downwards"),
        ("septum.data.store", "septum.metrics.overlap", "stand in one layer"),
        ("septum.stages.merge", "septum.commands.check.audit", "stand in one layer"),
        ("septum.workflow.paths", "septum.data.store", "data.case_files only"),
        ("septum.utils", "septum.errors", "stands in no layer"),
        ("septum", "septum.errors", "lazily"),
    ],
)
def test_what_is_forbidden_is_said_with_its_reason(importer, imported, reason):
    assert reason in why_not(Import(importer, imported, 1))


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("septum.commands.predict", "septum.stages.predict.batch"),
        ("septum.workflow.paths", "septum.data.case_files"),
        ("septum.stages.merge", "septum.errors"),
        ("septum.data.store", "septum.data.intensity"),
        ("septum.cli", "septum"),
    ],
)
def test_what_is_allowed_is_not_complained_about(importer, imported):
    assert why_not(Import(importer, imported, 1)) is None


def test_imports_are_absolute():
    assert not [each for each in IMPORTS if each.imported.startswith(".")]


def test_config_and_workflow_import_nothing_heavy():
    # Neither directly nor through a module of a lower layer that they import.
    reached = {name for name in module_files() if room(name) in LIGHT}
    waiting = list(reached)
    while waiting:
        module = waiting.pop()
        new = {
            each.imported for each in OURS if each.importer == module and room(each.imported)
        } - reached
        reached |= new
        waiting += new
    lines = [
        f"{each.importer} may not import {each.imported}, because config and workflow are read "
        "while the Snakefile is parsed, which the standard library, pydantic and yaml are for"
        for each in IMPORTS
        if each.importer in reached
        and each.imported.split(".")[0] not in LIGHT_LIBRARIES | {"septum"}
    ]
    assert not lines, "\n".join(lines)


def test_the_folders_are_the_layers():
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    files = {p.stem for p in PACKAGE.glob("*.py")} - {"__init__"}
    assert folders | files == set(ROW)


def test_the_figure_of_the_architecture_shows_the_layers():
    drawn = runpy.run_path(str(ROOT / "docs" / "make_architecture.py"))["LAYERS"]
    assert [{name for name, _ in row} for row in drawn] == [{*r} - {"__main__"} for r in LAYERS]


def test_the_root_holds_few_files():
    assert len(list(PACKAGE.glob("*.py"))) <= MAX_FILES_AT_ROOT


def test_init_files_of_folders_are_empty():
    # A code digest counts the packages that a module lies in.
    inits = [path for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE]
    folders = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}
    assert {path.parent for path in inits} == folders
    assert not [str(path) for path in inits if path.read_bytes()]


def test_files_are_short():
    long = {
        name: count
        for name, file in module_files().items()
        if (count := len(file.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert not long, f"more than {MAX_LINES} lines; find the second subject of {long}"


def test_no_module_is_a_drawer():
    assert not [
        name for name in module_files() if name.split(".")[-1] in {"utils", "misc", "common"}
    ]
