"""What every writer of objects has."""

from __future__ import annotations

import numpy as np
import pytest

from septum.config import registry
from septum.config.schema import ClassSpec
from septum.data.store import Geometry, Prediction
from septum.data.store_attributes import PredictionAttributes
from septum.data.writers.base import ObjectWriter

CLASSES = {1: ClassSpec(name="cell")}


@pytest.mark.parametrize("name", sorted(registry.WRITERS))
def test_every_writer_is_made_from_the_classes(name):
    writer = registry.WRITERS[name].load()(CLASSES)
    assert isinstance(writer, ObjectWriter)
    assert writer.classes == CLASSES


def test_a_writer_says_what_it_does_with_a_case(tmp_path):
    empty = np.zeros((4, 4), np.uint16)
    attributes = PredictionAttributes(annotation="instance", classes={1: "cell"})
    prediction = Prediction("a", empty, empty, Geometry((1.0, 1.0)), attributes=attributes)
    with pytest.raises(NotImplementedError):
        ObjectWriter(CLASSES).add(tmp_path, "a", prediction, lambda: empty[None])


def test_a_writer_of_one_file_a_case_has_nothing_to_finish(tmp_path):
    ObjectWriter(CLASSES).finish(tmp_path)
    assert not list(tmp_path.iterdir())
