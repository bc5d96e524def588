"""Modules that have moved: an import of the old name says the new one."""

from __future__ import annotations

import importlib

import pytest
from import_arrows import PACKAGE, module_files

MOVED = dict(line.split(": ") for line in (PACKAGE / "moved_modules.txt").read_text().splitlines())


@pytest.mark.parametrize(
    ("statement", "successor"),
    [
        ("import septum.weightmap", "septum.losses.border_weights"),
        ("from septum import weightmap", "septum.losses.border_weights"),
        ("from septum.weightmap import border_weight_map", "septum.losses.border_weights"),
        ("from septum.models import unet", "septum.networks"),
        ("import septum.models.unet", "septum.networks"),
        ("from septum.classical.fitting import fit", "septum.stages.tune.baseline"),
        # names of modules that are folders now, and what a folder offered
        ("from septum.losses import dice_loss", "septum.losses.logits"),
        ("from septum.metrics import match", "septum.metrics.matching"),
        ("from septum.readers import read", "septum.data.readers.choose"),
    ],
)
def test_an_old_import_fails_with_the_new_name(statement, successor):
    with pytest.raises(ModuleNotFoundError, match=rf"is now in .*{successor}"):
        exec(statement)


def test_a_name_that_never_was_fails_as_ever():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'septum\.nonsense'$"):
        importlib.import_module("septum.nonsense")
    with pytest.raises(ImportError, match="cannot import name 'nonsense'"):
        exec("from septum import nonsense")


def test_every_successor_exists():
    modules = {name.removeprefix("septum.") for name in module_files()}
    gone = {old: new for old, new in MOVED.items() if not set(new.split()) <= modules}
    assert not gone


def test_no_old_name_hides_a_module():
    # Old names may be folders today (septum.losses), but a module that exists has not moved.
    modules = {
        name.removeprefix("septum.")
        for name, file in module_files().items()
        if file.name != "__init__.py"
    }
    assert not modules & set(MOVED)
