"""Write the tables of networks into the docs: ``python -m septum.networks.docs.factsheet FILE``.

Numbers are computed by `septum.networks.docs.facts` and `septum.networks.docs.receptive_field`.
Paper and departures are read from the docstring of each network's module. Its second paragraph,
or that of the class if a module holds networks of several papers, begins with authors, year and
link. A sentence of another paragraph begins with "Departures".
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import torch

from septum.config import registry
from septum.errors import SeptumError, problem
from septum.io.atomic import write_text
from septum.networks.create import create_network, network_class, network_module, network_names
from septum.networks.docs import facts
from septum.networks.docs.receptive_field import receptive_field

BEGIN, END = "<!-- written by make docs -->", "<!-- end of what make docs writes -->"

INTRODUCTION = """\
Parameters, operations and memory of one image, counted and not timed. GFLOP: a multiplication
and an addition are two operations; only convolutions and matrix products count. Memory: what
training keeps of the image from the forward for the backward pass, in float32; weights,
gradients and the convolutions' working space come on top. Receptive field: pixels along an axis
that a central logit depends on, measured; statistics of normalisations over the image do not
count. SegNet's is a lower bound: it varies with the places of the maxima."""

DETECTORS = """
Detectors ({names}) have no logits. What is counted of them is the forward pass of a training
step: backbone, pyramid and proposals of the whole image, and the heads of the proposals that a step
looks at: 512 and 128 masks at the setting of the paper, 128 and 16 masks in a small image, however
many objects it holds. Prediction looks at each proposal and each object found, and costs more in
a crowded image. Channels count background and classes. They have no receptive
field to state: an object is judged by the features of its own box, from the level of the pyramid
that fits its size."""

PAPER_HEAD = """\
| network | paper | image | channels | parameters | GFLOP | memory | receptive field |
|---|---|---|---|---:|---:|---:|---:|"""

PAPER = re.compile(r"(.+?)(\d{4}).*?(https?://[^\s,;]+)")

NARROW_HEAD = """\
| network | options | parameters | GFLOP | memory |
|---|---|---:|---:|---:|"""


def markdown() -> str:
    """Return the tables and the list of departures."""
    papers = [_paper_row(name) for name in network_names()]
    narrow = [_narrow_row(name) for name in network_names()]
    return "\n".join(
        [
            INTRODUCTION,
            DETECTORS.format(names=", ".join(f"`{name}`" for name in _detectors())),
            "\nAt the setting of the paper:\n",
            PAPER_HEAD,
            *papers,
            "\nNarrow, on an image of 128 × 128 pixels or the next legal size, 1 → 3 channels:\n",
            NARROW_HEAD,
            *narrow,
            "\nDepartures from the papers:\n",
            *_departures(),
        ]
    )


def write(path: Path, text: str) -> None:
    """Replace the text between the two marks of a file.

    Raises
    ------
    SeptumError
        If the marks are missing.
    """
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise problem(
            path, f"lacks the line {BEGIN} or {END}", "put both where the table should be"
        )
    write_text(path, f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def paper(name: str) -> tuple[str, str]:
    """Return a network's paper as (first author and year, link)."""
    of_class = _paragraphs(network_class(name))[1]
    reference = PAPER.match(of_class) or PAPER.match(_paragraphs(_module(name))[1])
    if not reference:
        where = network_module(name)
        raise problem(
            where, "names no paper", "begin the second paragraph with authors, year, link"
        )
    authors, year, link = reference.groups()
    first, *others = re.split(r", | et al\.| and ", authors.strip())
    return f"{first}{' et al.' if others else ''} {year}", link.rstrip(".:,")


def departures(name: str) -> str:
    """Return the departures from the paper in the docstring of a network's module."""
    paragraphs = _paragraphs(_module(name))
    for paragraph, next_paragraph in pairwise(paragraphs):
        heading = re.search(r"(?:^|\. )Departures[^:]*:\s*(.*)", paragraph)
        if heading:
            # in the same paragraph, or as a list in the next one
            text = heading[1] or re.sub(r"(?:^| )- ", " ", next_paragraph).strip()
            text = text.replace("``", "`")
            return text[0].upper() + text[1:]
    where = network_module(name)
    raise problem(where, "names no departures", "add a paragraph 'Departures from the paper: …'")


def _module(name: str) -> ModuleType:
    return importlib.import_module(network_module(name))


def _detectors() -> list[str]:
    return [name for name in network_names() if registry.NETWORKS[name].head is not None]


def _paragraphs(documented: object) -> list[str]:
    doc = inspect.getdoc(documented) or ""
    return [*(" ".join(part.split()) for part in doc.split("\n\n")), "", ""]


def _paper_row(name: str) -> str:
    print(name, file=sys.stderr)  # some take a minute
    setting = facts.paper_setting(name)
    network = facts.without_values(name, setting)
    label, link = paper(name)
    cells = [
        f"`{name}`",
        f"[{label}]({link})",
        " × ".join(str(n) for n in network.legal_size(setting.size)),
        f"{setting.in_channels} → {setting.out_channels}",
        *_cells(facts.cost_at(name, setting)),
        _field(name),
    ]
    return f"| {' | '.join(cells)} |"


def _field(name: str) -> str:
    if name in _detectors():
        return "–"
    torch.manual_seed(0)
    field = receptive_field(create_network(name, 2, 1, 1, **facts.narrow_setting(name).options))
    return "whole image" if field is None else f"{field}"


def _narrow_row(name: str) -> str:
    setting = facts.narrow_setting(name)
    cost = facts.cost_at(name, setting)
    options = ", ".join(f"{key}: {value}" for key, value in setting.options.items())
    return f"| {' | '.join([f'`{name}`', f'`{options}`', *_cells(cost)])} |"


def _cells(cost: facts.Cost) -> list[str]:
    return [
        f"{cost.parameters:,}",
        _three_digits(cost.flops / 1e9),
        f"{_three_digits(cost.activations / 2**20)} MiB",
    ]


def _departures() -> list[str]:
    """Return a list item for each module, for all networks that it holds."""
    groups: dict[str, list[str]] = {}
    for name in network_names():
        groups.setdefault(network_module(name), []).append(name)
    return [
        f"- {', '.join(f'`{name}`' for name in group)}: {departures(group[0])}"
        for group in groups.values()
    ]


def _three_digits(number: float) -> str:
    decimals = 2 if number < 10 else 1 if number < 100 else 0
    return f"{number:,.{decimals}f}"


if __name__ == "__main__":
    try:
        write(Path(sys.argv[1]), markdown())
    except SeptumError as error:
        sys.exit(str(error))
