"""Metadata of OME-Zarr (NGFF), by which other programs open a Zarr group as an image.

Version 0.5 (https://ngff.openmicroscopy.org/0.5/) belongs to Zarr v3, version 0.4 to Zarr v2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SPATIAL_AXES = "zyx"


def spatial_axes(ndim: int) -> list[str]:
    """Return the names of ``ndim`` spatial axes: ``["y", "x"]`` or ``["z", "y", "x"]``."""
    if not 1 <= ndim <= len(SPATIAL_AXES):
        raise ValueError(f"an image has 1 to {len(SPATIAL_AXES)} spatial axes, not {ndim}")
    return list(SPATIAL_AXES[-ndim:])


def image_attributes(
    name: str,
    spacing: Sequence[float],
    unit: str,
    *,
    channels: bool,
    version: str = "0.5",
    origin: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Return the attributes of an image group with one resolution, the array ``0``.

    Parameters
    ----------
    name : str
    spacing : sequence of float
        Size of a pixel along each spatial axis, in ``unit``.
    unit : str
        ``micrometer``, ``millimeter``, or ``pixel`` (which OME-Zarr expresses by no unit).
    channels : bool
        Whether the first axis of the array is that of channels.
    version : {"0.5", "0.4"}
    origin : sequence of float, optional
        Position of the first pixel, in ``unit``.
    """
    axes: list[dict[str, str]] = [{"name": "c", "type": "channel"}] if channels else []
    measure = {} if unit == "pixel" else {"unit": unit}
    axes += [{"name": axis, "type": "space", **measure} for axis in spatial_axes(len(spacing))]
    lead = [1.0] if channels else []
    steps: list[dict[str, Any]] = [
        {"type": "scale", "scale": lead + [float(step) for step in spacing]}
    ]
    if origin is not None and any(origin):
        shift = [0.0] * len(lead) + [float(o) for o in origin]
        steps.append({"type": "translation", "translation": shift})
    multiscale = {
        "name": name,
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": steps}],
    }
    return wrap({"multiscales": [multiscale]}, version)


def label_attributes(
    name: str, spacing: Sequence[float], unit: str, *, image: str | None, **options: Any
) -> dict[str, Any]:
    """Return the attributes of a label image.

    Parameters
    ----------
    image : str or None
        Path of its image, if that is stored.

    Other parameters are those of `image_attributes`.
    """
    attributes = image_attributes(name, spacing, unit, channels=False, **options)
    metadata = attributes.get("ome", attributes)
    metadata["image-label"] = {} if image is None else {"source": {"image": image}}
    return attributes


def wrap(metadata: dict[str, Any], version: str) -> dict[str, Any]:
    """Place metadata as a version of OME-Zarr requires: under the key ``ome`` since 0.5."""
    if version == "0.4":
        for part in metadata.get("multiscales", []):
            part["version"] = version
        return metadata
    return {"ome": {"version": version, **metadata}}
