"""The records of the registry against the code behind them, and against what is built from them."""

from __future__ import annotations

from typing import get_args

import pytest

from septum.config import registry
from septum.config.dataset import Dataset
from septum.config.decode_section import Decode
from septum.config.experiment import Experiment
from septum.config.schema import Export

TABLES = ("NETWORKS", "HEADS", "METHODS", "READERS", "WRITERS", "BASELINES")
RECORDS = [record for table in TABLES for record in getattr(registry, table).values()]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.address)
def test_there_is_something_at_every_address(record):
    assert callable(record.load())
    assert record.address.startswith(f"{record.module}:")


@pytest.mark.parametrize("table", TABLES)
def test_no_name_stands_twice(table):
    names = [record.name for record in getattr(registry, table).values()]
    assert names == list(getattr(registry, table))


def test_records_say_of_heads_what_their_classes_do():
    for name, record in registry.HEADS.items():
        assert record.needs_objects == (record.load().regression is not None), name
        assert record.methods, name
        assert set(record.methods) <= set(registry.METHODS), name
    own = {name: record.head for name, record in registry.NETWORKS.items() if record.head}
    assert own == {"faster_rcnn": "detection", "mask_rcnn": "detection", "panoptic_fpn": "panoptic"}
    of_detectors = {name for name, record in registry.HEADS.items() if record.of_detectors}
    assert of_detectors == set(own.values())


def test_records_say_of_baselines_what_their_classes_do():
    for name, record in registry.BASELINES.items():
        assert record.planar == (3 not in record.load().axes), name


def test_a_suffix_is_read_by_one_reader():
    suffixes = [suffix for record in registry.READERS.values() for suffix in record.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in suffixes)


def test_readers_are_called_as_their_records_are():
    assert [r.load()().name for r in registry.READERS.values()] == list(registry.READERS)


def test_the_schema_accepts_the_names_of_the_registry():
    fields = {
        "READERS": Dataset.model_fields["reader"].annotation,
        "HEADS": Experiment.model_fields["head"].annotation,
        "METHODS": Decode.model_fields["method"].annotation,
        "WRITERS": get_args(Export.model_fields["formats"].annotation)[0],
    }
    for table, annotation in fields.items():
        assert set(get_args(annotation)) - {"auto"} == set(getattr(registry, table)), table
