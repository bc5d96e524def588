"""Results to report on."""

from __future__ import annotations

import pytest
from made_results import Results, add_nuclei


@pytest.fixture
def results(tmp_path) -> Results:
    return Results(tmp_path / "results")


@pytest.fixture(scope="session")
def nuclei(tmp_path_factory) -> Results:
    """A dataset of nuclei with a hostile name; not to be changed."""
    made = Results(tmp_path_factory.mktemp("report") / "results")
    add_nuclei(made)
    return made
