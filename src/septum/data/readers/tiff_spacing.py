"""Pixel sizes from the many places where a TIFF file keeps them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import tifffile

from septum.io.units import UNKNOWN_LENGTH, Length, in_micrometers, in_one_unit, parse_length

# A plain TIFF's resolution is nearly always that of a printer or screen (72 to 1200 dpi).
MAX_PLAIN_TIFF_UM = 20.0
_RESOLUTION_UNITS = {2: "inch", 3: "cm", 4: "mm", 5: "um"}


def spacing_of(
    tif: tifffile.TiffFile, page: tifffile.TiffPage, axes: str
) -> tuple[tuple[float, ...], str]:
    """Return spacing and unit of the spatial ``axes`` (of "ZYX"); pixels if one is unknown.

    OME's ``PhysicalSize`` counts, else ImageJ's calibration, else the resolution of a plain
    TIFF unless it is coarser than 20 µm.
    """
    if tif.is_ome:
        steps = _ome(tif.ome_metadata or "")
    elif tif.is_imagej:
        steps = _imagej(tif.imagej_metadata or {}, page)
    elif tif.is_lsm:
        steps = _lsm(tif.lsm_metadata or {})
    else:
        steps = _plain(page)
    return in_one_unit([steps.get(axis, UNKNOWN_LENGTH) for axis in axes])


def _ome(xml: str) -> dict[str, Length]:
    for element in ElementTree.fromstring(xml).iter():
        if element.tag.rpartition("}")[2] == "Pixels":
            get = element.attrib.get
            return {
                axis: parse_length(
                    float(get(f"PhysicalSize{axis}", "nan")), get(f"PhysicalSize{axis}Unit", "um")
                )
                for axis in "XYZ"
            }
    return {}


def _imagej(metadata: dict[str, object], page: tifffile.TiffPage) -> dict[str, Length]:
    steps = {**_resolution(page), "Z": float(metadata.get("spacing", "nan"))}
    unit = str(metadata.get("unit", ""))
    # ImageJ names the units of y and z where they differ from that of x
    return {
        axis: parse_length(step, str(metadata.get(f"{axis.lower()}unit", unit)))
        for axis, step in steps.items()
    }


def _lsm(metadata: dict[str, object]) -> dict[str, Length]:
    return {
        axis: parse_length(float(metadata.get(f"VoxelSize{axis}", "nan")) * 1e6, "um")
        for axis in "XYZ"
    }


def _plain(page: tifffile.TiffPage) -> dict[str, Length]:
    unit = _RESOLUTION_UNITS.get(int(page.tags.valueof("ResolutionUnit", 2)), "")
    steps = {axis: parse_length(step, unit) for axis, step in _resolution(page).items()}
    known = [in_micrometers([step], unit)[0] for step, unit in steps.values() if unit != "pixel"]
    return steps if max(known, default=0.0) <= MAX_PLAIN_TIFF_UM else {}


def _resolution(page: tifffile.TiffPage) -> dict[str, float]:
    """Return the size of a pixel in units of the resolution tags."""
    steps = {}
    for axis in "XY":
        pixels, units = page.tags.valueof(f"{axis}Resolution", (0, 1))
        if pixels and units:
            steps[axis] = units / pixels
    return steps
