"""What the pages say of the code is there: files, modules, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from import_arrows import PACKAGE, ROOT, module_files

import septum

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    links = re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_that_a_page_names_exist(page: Path):
    named = set(re.findall(r"`(septum(?:\.[a-z]\w*)+)", page.read_text(encoding="utf-8")))
    known = {*module_files(), *(f"septum.{name}" for name in septum.__all__)}
    # of a module, or of something in it
    gone = {name for name in named if not {name, name.rpartition(".")[0]} & known}
    assert not gone - {"septum"}


def test_files_that_the_architecture_names_exist():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    paths = re.findall(r"`([a-z_]+/[\w/]*(?:\.\w+)?)`", text)
    of_users = {"checkpoints/", "images/a.tif"}
    own = [path for path in paths if path not in of_users]
    assert len(own) > 20
    assert not [p for p in own if not (PACKAGE / p).exists() and not (ROOT / p).exists()]


def test_the_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == septum.__version__
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_make_help_lists_every_target():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.*)$", text, flags=re.M)[1].split())
    assert set(re.findall(r"^([a-z-]+):.*## ", text, flags=re.M)) == targets
