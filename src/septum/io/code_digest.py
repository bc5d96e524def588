"""A digest of the code that a stage runs, so that an edit reruns the stage and a touch does not.

Snakemake tracks neither imports nor edits of Python modules. Each rule therefore carries a
digest of all modules of this package that its command can reach. They are found by following
import statements in the syntax tree without running them, since the Snakefile is parsed often.
Comments, docstrings and layout do not count.

Modules that a stage looks up by name (networks, heads, ways of decoding, readers, writers,
baselines) are not among its imports. The rule names these modules, or their addresses, beside
the stage's module. The registry of all names is never counted, so that a new name reruns
nothing.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
DATA_SUFFIXES = (".css", ".csv", ".j2", ".js", ".json", ".txt")
"""Files beside the modules of a package that count with it. What editors and systems leave there
(`.unet.py.swp`, `.DS_Store`) does not."""
# imported for its addresses; the modules that a stage looks up there are named to `code_digest`
UNCOUNTED_MODULES = ("septum.config.registry",)


def code_digest(*modules: str, without: tuple[str, ...] = ()) -> str:
    """Return 16 hex digits that change when code reachable from ``modules`` changes.

    Parameters
    ----------
    *modules : str
        Dotted names, such as ``septum.stages.train.stage``, or addresses
        (``septum.networks.unet:UNet``), whose module is counted.
    without : tuple of str
        Modules to leave out, together with those that are reached through them alone.
    """
    digest = hashlib.sha256()
    for module in sorted(reachable(*modules, without=without)):
        digest.update(f"{module}\n{_normal_form(module)}\n".encode())
    return digest.hexdigest()[:16]


@cache
def reachable(*modules: str, without: tuple[str, ...] = ()) -> frozenset[str]:
    """Return the names of ``modules`` and of all modules of this package that they import.

    The registry and the modules in ``without`` are left out, and their imports are not followed.
    """
    reached: set[str] = set()
    waiting = [module.partition(":")[0] for module in modules]
    while waiting:
        module = waiting.pop()
        if module in reached or module in without or module in UNCOUNTED_MODULES:
            continue
        if _file(module) is None:
            raise ModuleNotFoundError(f"no module {module} in {PACKAGE}")
        reached.add(module)
        parents = module.split(".")
        waiting += [".".join(parents[:n]) for n in range(1, len(parents))]
        waiting += _imports(module)
    return frozenset(reached)


@cache
def _imports(module: str) -> tuple[str, ...]:
    names: list[str] = []
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    in_package = (name for name in names if name.split(".")[0] == PACKAGE.name)
    return tuple(name for name in in_package if _file(name) is not None)


@cache
def _normal_form(module: str) -> str:
    """Return a module's syntax tree without docstrings, and digests of a package's data files."""
    tree = ast.parse(_source(module))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            node.body = body[1:]
    file = _file(module)
    data = ""
    if file is not None and file.name == "__init__.py" and module != PACKAGE.name:
        beside = sorted(p for p in file.parent.iterdir() if p.suffix in DATA_SUFFIXES)
        data = "".join(hashlib.sha256(p.read_bytes()).hexdigest() for p in beside)
    return ast.dump(tree) + data


def _source(module: str) -> str:
    file = _file(module)
    return file.read_text(encoding="utf-8") if file else ""


@cache
def _file(module: str) -> Path | None:
    parts = module.split(".")
    if parts[0] != PACKAGE.name:
        return None
    path = PACKAGE.joinpath(*parts[1:])
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None
