"""Colours of classes."""

from __future__ import annotations

from delivered import CLASSES

from septum.config.schema import ClassSpec
from septum.data.writers.class_colours import class_colour


def test_classes_without_a_colour_get_different_ones():
    colours = [class_colour(i, ClassSpec(name="c")) for i in range(1, 20)]
    assert len(set(colours)) == 19
    assert class_colour(1, CLASSES[1]) == (255, 128, 0)
