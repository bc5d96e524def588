"""Write docs/api.md from the docstrings of the public names.

``python docs/make_api.py`` writes it, ``--check`` only says whether it is out of date. Everything
comes from the syntax trees; nothing is imported.
"""

from __future__ import annotations

import ast
import copy
import inspect
import re
import sys
import textwrap
from pathlib import Path

DOCS = Path(__file__).resolve().parent
SOURCE = DOCS.parent / "src" / "septum"
PAGE = DOCS / "api.md"
HEAD = """# Public names

<!-- written by docs/make_api.py (`make docs`) from the docstrings; do not edit -->

These names are kept stable. Each is loaded when it is first used, so that `import septum` costs
next to nothing. Errors that a user can mend are a `septum.errors.SeptumError`: it says what to do.

"""
Definition = ast.FunctionDef | ast.ClassDef


def public_definitions() -> list[tuple[str, str, Definition]]:
    """Return name, module and definition of each public name, in alphabetical order."""
    stub = ast.parse((SOURCE / "__init__.pyi").read_text(encoding="utf-8"))
    places = [
        (alias.name, str(node.module))
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    definitions = []
    for name, module in sorted(places, key=lambda place: place[0].lower()):
        file = SOURCE.joinpath(*module.split(".")).with_suffix(".py")
        tree = ast.parse(file.read_text(encoding="utf-8"))
        (node,) = (n for n in tree.body if isinstance(n, Definition) and n.name == name)
        definitions.append((name, f"septum.{module}", node))
    return definitions


def signature(name: str, node: Definition) -> str:
    """Return how a function is called, or how a class is made; types stand with the parameters."""
    if isinstance(node, ast.FunctionDef):
        return f"septum.{name}({_parameters(node)})"
    fields = [
        f"{field.target.id}={ast.unparse(field.value)}"
        for field in node.body
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and field.value is not None
    ]
    return f"septum.{name}({', '.join(fields)})"


def _parameters(node: ast.FunctionDef) -> str:
    """Return names and defaults, without types and without ``self``."""
    arguments = copy.deepcopy(node.args)
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return ast.unparse(arguments).removeprefix("self, ")


def markdown(docstring: str) -> str:
    """Return a numpydoc docstring as Markdown."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.cleandoc(docstring) + "\n", flags=re.M)
    pages = [_prose(parts[0])]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        write = {"Examples": _examples, "Notes": _prose}.get(title, _items)
        pages += [f"**{title}**", write(body)]
    return "\n\n".join(page.strip() for page in pages)


def _prose(text: str) -> str:
    return text.replace("``", "`")


def _items(text: str) -> str:
    """Return the entries of a section, whose descriptions are indented, as a list."""
    items = []
    for head, body in re.findall(r"^(\S.*)\n((?:(?:[ ].*)?\n)*)", text.rstrip() + "\n", flags=re.M):
        name, colon, kind = head.partition(" : ")
        title = f"`{name}`: {_prose(kind)}" if colon else _prose(head)
        described = _prose(textwrap.dedent(body)).strip()
        items.append(f"- {title}\n\n{textwrap.indent(described, '  ')}".rstrip())
    return "\n".join(items)


def _examples(text: str) -> str:
    """Return code in fences, and what is said between the examples as prose."""
    paragraphs = [p for p in text.strip().split("\n\n") if p.strip()]
    return "\n\n".join(
        f"```pycon\n{p}\n```" if p.lstrip().startswith(">>>") else _prose(p) for p in paragraphs
    )


def page() -> str:
    """Return the whole of docs/api.md."""
    sections = []
    for name, module, node in public_definitions():
        text = f"## `septum.{name}`\n\n```python\n{signature(name, node)}\n```\n\n"
        text += markdown(ast.get_docstring(node) or "")
        calls = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__call__"]
        if isinstance(node, ast.ClassDef) and calls:
            text += f"\n\n```python\nseptum.{name}(…)({_parameters(calls[0])})\n```\n\n"
            text += markdown(ast.get_docstring(calls[0]) or "")
        sections.append(f"{text}\n\n*Defined in `{module}`.*\n")
    return HEAD + "\n".join(sections)


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/api.md is out of date: run `make docs`, or `python docs/make_api.py`")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
