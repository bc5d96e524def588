"""The import statements of the package, read from the syntax trees without importing anything.

``python tests/helpers/import_arrows.py`` prints the number of modules, of packages, and of
import arrows between packages.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "septum"


@dataclass(frozen=True, order=True)
class Import:
    """One import statement.

    ``importer`` and ``imported`` are dotted names. Of this package, ``imported`` is a module; of
    others it is what the statement says.
    """

    importer: str
    imported: str
    line: int


def module_files(package: Path = PACKAGE) -> dict[str, Path]:
    """Return the modules of a package: dotted names and their files."""
    files = {}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package.parent).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return files


def imports(package: Path = PACKAGE) -> list[Import]:
    """Return every import: at the top, in functions, and for type checkers only."""
    files = module_files(package)
    return sorted(
        {
            Import(importer, imported, node.lineno)
            for importer, file in files.items()
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            for imported in _imported_by(node, files)
        }
    )


def _imported_by(node: ast.AST, files: dict[str, Path]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    if node.level:
        return ["." * node.level + (node.module or "")]
    # `from septum.data import store` imports a module, `from septum.data.store import Case` a name.
    names = [f"{node.module}.{alias.name}" for alias in node.names]
    return sorted({name if name in files else str(node.module) for name in names})


def room(module: str) -> str:
    """Return the folder, or the file at the root, that a module of the package belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def arrows(package: Path = PACKAGE) -> Counter[tuple[str, str]]:
    """Return pairs (importing, imported) of different rooms, and how many statements make each."""
    return Counter(
        (room(each.importer), room(each.imported))
        for each in imports(package)
        if each.imported.split(".")[0] == package.name
        and room(each.imported)
        and room(each.importer) != room(each.imported)
    )


def main() -> None:
    """Print the counts, and with ``--list`` every arrow."""
    modules = [name for name, file in module_files().items() if file.name != "__init__.py"]
    pairs = arrows()
    rooms = sorted({room(name) for name in modules} - {"", "__main__"})
    print(f"{len(modules)} modules in {len(rooms)} rooms: {', '.join(rooms)}")
    print(f"{len(pairs)} import arrows between rooms, made by {sum(pairs.values())} statements")
    if "--list" in sys.argv[1:]:
        for (importing, imported), count in sorted(pairs.items()):
            print(f"{importing} -> {imported}: {count}")


if __name__ == "__main__":
    main()
