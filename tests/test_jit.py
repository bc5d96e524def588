"""The decorator of compiled loops: where machine code is kept, and that all loops use it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from septum.io.code_digest import PACKAGE
from septum.jit import compiled


def test_without_a_folder_to_keep_machine_code_in():
    scope = {}
    exec(compile("def twice(x):\n    return 2 * x\n", "<nowhere>", "exec"), scope)
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR"):
        twice = compiled(scope["twice"])
    assert twice(21) == 42


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("instances.two_nearest", "two_nearest(np.array([1, 0]))"),
        ("metrics.pairs", "count_pairs(np.array([1, 0]), np.array([1, 1]))"),
    ],
)
def test_numba_cache_dir_is_used(module, call, tmp_path):
    code = f"import numpy as np\nfrom septum.{module} import *\n{call}"
    environment = {"NUMBA_CACHE_DIR": str(tmp_path), "PATH": ""}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(tmp_path.rglob("*.nbi"))


def test_no_module_compiles_with_settings_of_its_own():
    users = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"^\s*(import|from) numba\b", path.read_text(encoding="utf-8"), re.M)
    ]
    assert users == ["jit.py"]
