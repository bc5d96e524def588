"""The colours of classes in delivered files."""

from __future__ import annotations

import colorsys

from septum.config.schema import ClassSpec

GOLDEN_RATIO = 0.618034  # in steps of it, hues stay far apart however many there are
SATURATION, VALUE = 0.7, 0.85


def class_colour(class_id: int, spec: ClassSpec) -> tuple[int, int, int]:
    """Return red, green and blue of a class: as declared, or by its id, far from the others'.

    Examples
    --------
    >>> class_colour(1, ClassSpec(name="nucleus", colour="#ff8000"))
    (255, 128, 0)
    """
    if spec.colour is not None:
        return tuple(bytes.fromhex(spec.colour[1:]))
    hue = class_id * GOLDEN_RATIO % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, SATURATION, VALUE)
    return round(255 * red), round(255 * green), round(255 * blue)
