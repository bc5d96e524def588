"""Arrays on disk: Zarr v3 groups and arrays in few files, chunked for reading patches."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from septum.errors import problem
from septum.io.atomic import atomic_path, plain

FORMAT_VERSION = 1
"""Version of the attributes that Septum stores beside arrays (`septum_attributes`). It is increased
with every change that an older Septum would misread. Stores without it are read as version 1."""
CHUNK_VALUES = 2**18  # decompresses in about a millisecond
SHARD_VALUES = 2**26


def write_array(
    path: str | Path,
    name: str,
    array: np.ndarray | zarr.Array,
    *,
    chunks: Sequence[int] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write a Zarr group that holds one named array (a weight map), atomically.

    Parameters
    ----------
    attributes : mapping, optional
        Attributes (JSON) of the group; `case_paths` finds it by ``{"name": case.name}``.
    """
    with atomic_path(path) as folder:
        create_group(folder, septum_attributes("array", attributes or {}))
        create_array(folder, name, array.shape, array.dtype, chunks=chunks)[...] = array


def create_array(
    folder: str | Path,
    name: str,
    shape: Sequence[int],
    dtype: Any,
    *,
    chunks: Sequence[int] | None = None,
    axes: Sequence[str] | None = None,
) -> zarr.Array:
    """Create an array, to be filled piece by piece (inside `atomic_path`).

    Parameters
    ----------
    shape : sequence of int
        Shape of the array, with channels first if there are any.
    chunks : sequence of int, optional
        Shape of a chunk. By default a chunk has about 2**18 values: all channels of a square or
        cube of pixels.
    axes : sequence of str, optional
        Names of the axes.
    """
    shape = tuple(int(n) for n in shape)
    chunks = tuple(chunks) if chunks else _chunks(shape, len(shape) - bool(axes and axes[0] == "c"))
    return zarr.create_array(
        os.path.join(folder, name),
        shape=shape,
        dtype=np.dtype(dtype).newbyteorder("="),
        chunks=chunks,
        shards=_shards(shape, chunks),
        compressors=ZstdCodec(level=3, checksum=True),
        fill_value=0,
        zarr_format=3,
        dimension_names=axes,
    )


def create_group(folder: Path, attributes: Mapping[str, Any]) -> None:
    """Create a folder with the file that makes it a Zarr v3 group."""
    folder.mkdir()
    document = {"attributes": attributes, "zarr_format": 3, "node_type": "group"}
    text = json.dumps(document, sort_keys=True, allow_nan=False, default=plain)
    (folder / "zarr.json").write_text(text, encoding="utf-8")


def septum_attributes(kind: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes of a group, as `read_attributes` reads them.

    Parameters
    ----------
    kind : {"case", "prediction", "array"}
    attributes : mapping
        Attributes (JSON) to store beside the arrays.
    """
    return {"septum": {"kind": kind, "format_version": FORMAT_VERSION, **attributes}}


def read_attributes(path: str | Path, kind: str | None = None) -> dict[str, Any]:
    """Return the attributes that Septum stores beside a case, a prediction or an array.

    Only one JSON file is read, which is faster than opening the group.

    Parameters
    ----------
    kind : {"case", "prediction", "array"}, optional
        The kind that it must be of.

    Raises
    ------
    SeptumError
        If there are no such attributes, or if they are of another kind or of a newer version.
    """
    try:
        with open(os.path.join(path, "zarr.json"), "rb") as file:
            attributes = dict(json.load(file)["attributes"]["septum"])
        version = attributes.get("format_version", 1)
        is_newer = version > FORMAT_VERSION
    except FileNotFoundError:
        raise problem(path, "is not there, or no case of Septum", "run `septum prepare`") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"is no case of Septum, or damaged ({error})"
        raise problem(path, what, "delete it, and run the workflow again") from None
    if is_newer:
        what = f"has format {version}, but this Septum reads formats up to {FORMAT_VERSION}"
        remedy = "update Septum to the version that wrote it, or delete it and run again"
        raise problem(path, what, remedy)
    if kind is not None and attributes.get("kind") != kind:
        what = f"holds a {attributes.get('kind')}, where a {kind} is wanted"
        raise problem(path, what, "give the folder of the right stage")
    return attributes


def open_array(path: str | Path, name: str) -> zarr.Array:
    """Open the named array of a group, to be read on demand.

    Raises
    ------
    SeptumError
        If there is no such array.
    """
    try:
        return zarr.open_array(os.path.join(path, name), mode="r", zarr_format=3)
    except (OSError, ValueError, KeyError) as error:
        what = f"has no array {name!r} that can be opened ({error})"
        raise problem(path, what, "delete it, and run the workflow again") from None


def _chunks(shape: tuple[int, ...], spatial_ndim: int) -> tuple[int, ...]:
    lead = shape[: len(shape) - spatial_ndim]
    pixels = max(1, CHUNK_VALUES // max(1, int(np.prod(lead))))
    # the largest power of two whose square (cube) holds at most so many pixels
    edge = 2 ** max(4, int(np.log2(pixels) / max(1, spatial_ndim)))
    return tuple(max(1, n) for n in lead) + tuple(max(1, min(edge, n)) for n in shape[len(lead) :])


def _shards(shape: tuple[int, ...], chunks: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape of the part of an array in one file; None if one chunk holds it all."""
    counts = [-(-n // c) for n, c in zip(shape, chunks, strict=True)]
    if max(counts, default=1) <= 1:
        return None
    shard = list(chunks)
    grown = True
    while grown and int(np.prod(shard)) < SHARD_VALUES:
        grown = False
        for axis, (n, chunk) in enumerate(zip(shape, chunks, strict=True)):
            if shard[axis] < n:
                shard[axis] = min(2 * shard[axis], -(-n // chunk) * chunk)
                grown = True
    return tuple(shard)
