"""Units of length: their spellings in files, and the three that Septum uses.

A spacing is in micrometres or millimetres, depending on its file, or in pixels if the size of a
pixel is not known. Names of units are spelled as in OME-Zarr (``micrometer``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Length = tuple[float, str]

UNKNOWN_LENGTH: Length = (1.0, "pixel")
"""The size of a pixel if the file does not give it."""
SYMBOLS = {"pixel": "px", "micrometer": "µm", "millimeter": "mm"}
"""Symbols of the units in text and in OME-TIFF."""
ASCII_SYMBOLS = {"micrometer": "um", "millimeter": "mm"}
"""Symbols of the units in names of columns and in ImageJ; pixels have none."""
MICROMETERS = {"micrometer": 1.0, "millimeter": 1000.0}
"""Lengths of the units in micrometres; that of a pixel is not known."""

# Spellings in files, in lower case. Units of a millimetre or more are converted to millimetres,
# shorter ones to micrometres.
_SPELLED_MICROMETERS = {
    "ångström": 1e-4,
    "angstrom": 1e-4,
    "å": 1e-4,
    "nanometer": 1e-3,
    "nm": 1e-3,
    "micrometer": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "um": 1.0,
    "µm": 1.0,  # micro sign
    "μm": 1.0,  # Greek mu
    "\\u00b5m": 1.0,  # as ImageJ escapes it
}
_SPELLED_MILLIMETERS = {
    "millimeter": 1.0,
    "mm": 1.0,
    "centimeter": 10.0,
    "cm": 10.0,
    "inch": 25.4,
    "meter": 1000.0,
    "m": 1000.0,
}


def parse_length(step: float, unit: str | None) -> Length:
    """Convert a length to micrometres or millimetres; return `UNKNOWN_LENGTH` if it is invalid.

    Parameters
    ----------
    step : float
    unit : str, optional
        The unit, as spelled in a file.

    Examples
    --------
    >>> parse_length(250, "nm"), parse_length(0.5, "Centimetre"), parse_length(3, "parsec")
    ((0.25, 'micrometer'), (5.0, 'millimeter'), (1.0, 'pixel'))
    """
    word = (unit or "").strip().lower().replace("metre", "meter")
    if math.isfinite(step) and step > 0:
        if word in _SPELLED_MICROMETERS:
            return step * _SPELLED_MICROMETERS[word], "micrometer"
        if word in _SPELLED_MILLIMETERS:
            return step * _SPELLED_MILLIMETERS[word], "millimeter"
    return UNKNOWN_LENGTH


def in_one_unit(lengths: Sequence[Length]) -> tuple[tuple[float, ...], str]:
    """Convert the spacings of all axes to one unit, or to pixels if one of them is unknown.

    Examples
    --------
    >>> in_one_unit([(0.002, "millimeter"), (0.5, "micrometer")])
    ((2.0, 0.5), 'micrometer')
    >>> in_one_unit([(2.0, "micrometer"), UNKNOWN_LENGTH])
    ((1.0, 1.0), 'pixel')
    """
    units = {unit for _, unit in lengths}
    if units == {"micrometer", "millimeter"}:
        lengths = [(in_micrometers([step], unit)[0], "micrometer") for step, unit in lengths]
        units = {"micrometer"}
    if len(units) != 1 or units == {"pixel"}:
        return tuple(1.0 for _ in lengths), "pixel"
    return tuple(float(step) for step, _ in lengths), units.pop()


def in_micrometers(spacing: Sequence[float], unit: str) -> tuple[float, ...]:
    """Convert a spacing, whose unit must not be ``pixel``, to micrometres.

    Examples
    --------
    >>> in_micrometers((0.5, 0.25), "millimeter")
    (500.0, 250.0)
    """
    return tuple(step * MICROMETERS[unit] for step in spacing)
