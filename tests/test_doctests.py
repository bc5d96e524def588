"""The examples in the docstrings run and give what they say; functions of arrays have some."""

from __future__ import annotations

import ast
import doctest
import importlib

import pytest
from import_arrows import module_files, room

# Here every public function of arrays shows what it does.
SUBJECTS = ("augmentation", "decoding", "instances", "losses", "metrics")
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
WITH_EXAMPLES = sorted(
    name for name, file in module_files().items() if ">>> " in file.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_give_what_they_say(name):
    outcome = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def takes_arrays(function: ast.FunctionDef) -> bool:
    arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    types = [ast.unparse(each.annotation) for each in arguments if each.annotation]
    return any("ndarray" in text or "Tensor" in text for text in types)


def test_public_functions_of_arrays_have_an_example():
    without = [
        f"{name}.{node.name}"
        for name, file in module_files().items()
        if room(name) in SUBJECTS
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and takes_arrays(node)
        and ">>> " not in (ast.get_docstring(node) or "")
    ]
    assert not without
