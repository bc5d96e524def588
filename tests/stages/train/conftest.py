"""The six cases that most tests of training use."""

from __future__ import annotations

import pytest
from trainings import write_dataset


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blobs")
    write_dataset(folder)
    return folder
