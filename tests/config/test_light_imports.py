"""What the Snakefile imports while it is parsed, once for each job of a cluster."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import septum

SOURCE = Path(septum.__file__).parent
ROOMS = ("config", "workflow")
# pydantic and PyYAML with what they are made of, and what offers the names at the top of septum
ALLOWED = {"septum", "pydantic", "pydantic_core", "annotated_types", "yaml", "_yaml"} | {
    "typing_extensions",
    "typing_inspection",
    "lazy_loader",
}


def test_configuration_and_workflow_import_the_standard_library_pydantic_and_yaml_only():
    files = [file for room in ROOMS for file in sorted((SOURCE / room).rglob("[!_]*.py"))]
    paths = [file.relative_to(SOURCE).with_suffix("") for file in files]
    modules = [".".join(("septum", *path.parts)) for path in paths]
    assert {"septum.config.registry", "septum.workflow.discovery"} <= set(modules)
    # what is loaded before the first of them came with the interpreter and its site packages
    code = f"import sys; before = set(sys.modules); import {', '.join(modules)}; "
    code += "print(*(set(sys.modules) - before))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    strangers = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names - ALLOWED
    # what Cython and the build of the interpreter add are no libraries
    assert not {n for n in strangers if not re.match(r"_?cython_|_sysconfigdata_", n)}
