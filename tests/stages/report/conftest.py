"""Results to report on."""

from __future__ import annotations

import pytest
from made_results import Results, add_nuclei
from report_page import Page, render


@pytest.fixture
def results(tmp_path) -> Results:
    return Results(tmp_path / "results")


@pytest.fixture(scope="session")
def nuclei(tmp_path_factory) -> Results:
    """A dataset of nuclei with a hostile name; not to be changed."""
    made = Results(tmp_path_factory.mktemp("report") / "results")
    add_nuclei(made)
    return made


@pytest.fixture(scope="session")
def html(nuclei) -> str:
    return render(nuclei)


@pytest.fixture(scope="session")
def page(html) -> Page:
    return Page(html)
