"""The records of the registry against the code behind them, and against what is built from them."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from septum.config import registry
from septum.config.dataset import Dataset
from septum.config.decode_section import Decode, decode_fields
from septum.config.experiment import Experiment
from septum.config.registry import Method, Parameter
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


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("threshold", [0.01, 0.99], [0, 1, "0.5x", None]),
        ("mask_threshold", [0.01, 0.99], [0, 1]),
        ("seed_threshold", [0.01, 0.99], [0, 1]),
        ("flow_error", [0.01, 7.5], [0, -1]),
        ("overlap", [0, 1, 0.5], [-0.01, 1.01]),
        ("min_size", [0, 12], [-1, 0.5]),
        ("min_stuff", [0, 12], [-1, 0.5]),
    ],
)
def test_decode_keeps_the_bounds_of_its_parameters(name, right, wrong):
    assert getattr(Decode(), name) == "auto"
    for value in [*right, "auto"]:
        assert getattr(Decode(**{name: value}), name) == value
    for value in wrong:
        with pytest.raises(ValidationError, match=name):
            Decode(**{name: value})


def test_decode_has_the_parameters_of_all_methods_and_no_others():
    assert set(Decode.model_fields) == {
        *("method", "threshold", "mask_threshold", "seed_threshold", "flow_error"),
        *("overlap", "min_size", "min_stuff"),
    }


def test_methods_that_share_a_parameter_agree_about_it():
    methods = [
        Method("a", "septum.a:a", parameters=(Parameter("size", least=0),)),
        Method("b", "septum.b:b", parameters=(Parameter("size", least=1),)),
    ]
    with pytest.raises(ValueError, match="size differs"):
        decode_fields(methods)
    assert set(decode_fields(methods[:1])) == {"size"}
