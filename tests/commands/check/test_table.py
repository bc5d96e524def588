"""The table of the datasets."""

from __future__ import annotations

import pytest
from checked_data import config, write_data

from septum.commands.check.audit import audit
from septum.commands.check.table import dataset_table


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path)


def test_a_line_a_dataset_below_the_names_of_the_columns(data):
    plan = audit(config(data), "cells").plan
    header, line = dataset_table([plan])
    assert header.split() == [
        *("dataset", "cases", "labelled", "size", "spacing", "objects", "classes", "test/folds")
    ]
    # eight images of 64 × 64 pixels with four discs each; a fifth of them is the test set
    assert line.split() == ["cells", "8", "8", "64×64", "1×1", "px", "32", "object", "2/3"]
    assert header.index("cases") == line.index("8")


def test_there_is_none_without_plans():
    assert dataset_table([]) == []
