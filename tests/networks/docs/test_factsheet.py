"""The tables of docs/networks.md: complete, up to date, with papers and departures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from septum.config import registry
from septum.errors import SeptumError
from septum.networks.create import network_names
from septum.networks.docs import facts, factsheet

DOCS = Path(__file__).resolve().parents[3] / "docs" / "networks.md"


def _tables():
    """Return the rows of the generated tables: [{name: cells}, {name: cells}]."""
    text = DOCS.read_text(encoding="utf-8")
    text = text.partition(factsheet.BEGIN)[2].partition(factsheet.END)[0]
    blocks = re.findall(r"(?:^\|.*\n)+", text, flags=re.M)
    rows = [[line.strip("| \n").split(" | ") for line in block.splitlines()] for block in blocks]
    return [{cells[0].strip("`"): cells[1:] for cells in table[2:]} for table in rows]


def test_docs_agree_with_the_code():
    tables = _tables()
    assert [sorted(table) for table in tables] == [network_names()] * 2, "run: make docs"
    for name in network_names():
        # operations and memory at the setting of the paper take minutes
        count = facts.count_parameters(facts.without_values(name, facts.paper_setting(name)))
        assert tables[0][name][3] == f"{count:,}", f"{name}: run: make docs"
        label, link = factsheet.paper(name)
        assert tables[0][name][0] == f"[{label}]({link})", f"{name}: run: make docs"
        row = factsheet._narrow_row(name).strip("| ").split(" | ")
        assert tables[1][name] == row[1:], f"{name}: run: make docs"
        # those of the others take many seconds each
        if name in ("fcn8s", "fcn16s", "fcn32s", "segnet"):
            assert tables[0][name][-1] == factsheet._field(name), f"{name}: run: make docs"
        # of a detector there is none to state
        is_detector = registry.NETWORKS[name].head is not None
        assert (tables[0][name][-1] == "–") == is_detector, "run: make docs"


def test_docs_tell_the_departures():
    text = DOCS.read_text(encoding="utf-8")
    for name in network_names():
        assert f": {factsheet.departures(name)}\n" in text, f"{name}: run: make docs"


@pytest.mark.parametrize(
    ("name", "paper"),
    [
        ("unet", ("Ronneberger et al. 2015", "https://arxiv.org/abs/1505.04597")),
        ("mask_rcnn", ("He et al. 2017", "https://arxiv.org/abs/1703.06870")),
        ("faster_rcnn", ("Ren et al. 2015", "https://arxiv.org/abs/1506.01497")),
        ("monai:SegResNet", ("Myronenko 2018", "https://arxiv.org/abs/1810.11654")),
    ],
)
def test_papers(name, paper):
    assert factsheet.paper(name) == paper


def test_departures_are_read_from_the_module():
    text = factsheet.departures("unetpp")
    assert text.startswith("The prediction is the mean of the logits, not of the probabilities")
    assert "`dropout` at the end of each node" in text


def test_only_what_is_between_the_marks_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{factsheet.BEGIN}\nold\n{factsheet.END}\nafter\n")
    factsheet.write(page, "new")
    text = page.read_text()
    assert text == f"before\n{factsheet.BEGIN}\n\nnew\n\n{factsheet.END}\nafter\n"
    page.write_text("before\nafter\n")
    with pytest.raises(SeptumError, match=r"page\.md: lacks the line"):
        factsheet.write(page, "new")
    assert page.read_text() == "before\nafter\n"


def test_a_network_without_a_setting_is_told():
    with pytest.raises(
        SeptumError, match=r"PAPER: says nothing of the network 'vnet'\n.*add a line"
    ):
        facts.paper_setting("vnet")
    with pytest.raises(SeptumError, match=r"NARROW: says nothing of the network 'vnet'"):
        facts.narrow_setting("vnet")
