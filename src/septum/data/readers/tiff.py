"""TIFF: single images, stacks, channels; ImageJ, OME and plain.

Which axis is which is taken from ImageJ's or OME's metadata, or from tifffile's own. Where a
file has several pages and does not say what they are, this rule holds:

    up to 8 pages are channels, more are the slices of a z-stack; pages of labels are slices.

The readers ``tiff_stack`` and ``tiff_channels`` (``reader:`` in the configuration) say it
outright; with ``tiff_stack`` what is called time is taken as z, too. Two unnamed axes are an
error.

Of several images in one file the largest is read, if it is larger than all others (they are
overviews then), else it is an error; of a pyramid the full resolution. An opaque alpha channel
is dropped. Colour tables and inverted look-up tables are for the screen: the numbers in the
file count.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile

from septum.data.readers.base import (
    DAMAGED,
    drop_opaque_alpha,
    native,
    single_channel,
    to_channels_first,
)
from septum.data.readers.tiff_spacing import spacing_of
from septum.data.store import Geometry
from septum.errors import problem

MAX_UNNAMED_CHANNELS = 8
_ALPHA = {1, 2}  # ExtraSamples: associated and unassociated alpha
_DAMAGE = (
    "circular reference",
    "corrupted",
    "failed to re",
    "incompletely",
    "invalid offset",
    "invalid page",
    "missing",
)
_TIME = "split it into one file a time point, or say reader: tiff_stack if time stands for z"


class TiffReader:
    """Read TIFF; what unnamed pages are follows from their number."""

    name = "tiff"
    pages: str | None = None

    def read_image(self, path: Path) -> tuple[np.ndarray, Geometry]:
        """Return the image (C, *spatial)."""
        image, geometry = self._read(path, self.pages)
        return native(image, path), geometry

    def read_labels(self, path: Path) -> tuple[np.ndarray, Geometry]:
        """Return the labels (*spatial); unnamed pages are slices."""
        image, geometry = self._read(path, "Z")
        return single_channel(image, path), geometry

    def _read(self, path: Path, pages: str | None) -> tuple[np.ndarray, Geometry]:
        with _strict(path), tifffile.TiffFile(path) as tif:
            series = _one_series(tif, path)
            page = series.keyframe
            _check_length(series, path)
            array = series.asarray(maxworkers=1)
            axes, unnamed = _named(series.axes, series.shape, pages, path)
            time = axes.replace("T", "Z") if pages == "Z" and "Z" not in axes else axes
            image, spatial = to_channels_first(array, time, path, time=_TIME)
            if page.extrasamples and page.extrasamples[-1] in _ALPHA and image.shape[0] > 1:
                image = drop_opaque_alpha(image, path)
            spacing, unit = spacing_of(tif, page, spatial)
        source = {"reader": self.name, "path": str(path), "unnamed_pages": unnamed}
        return image, Geometry(spacing=spacing, unit=unit, source=source)


class TiffStackReader(TiffReader):
    """Read TIFF whose unnamed pages are slices."""

    name = "tiff_stack"
    pages = "Z"


class TiffChannelsReader(TiffReader):
    """Read TIFF whose unnamed pages are channels."""

    name = "tiff_channels"
    pages = "C"


def _one_series(tif: tifffile.TiffFile, path: Path) -> tifffile.TiffPageSeries:
    by_size = sorted(tif.series, key=lambda series: series.size, reverse=True)
    if not by_size or not by_size[0].size:
        raise problem(path, "holds no image", DAMAGED)
    if len(by_size) > 1 and by_size[1].size == by_size[0].size:
        what = f"holds {len(by_size)} images"
        raise problem(path, what, "save each image as a file of its own")
    return by_size[0].levels[0]


def _named(
    axes: str, shape: tuple[int, ...], pages: str | None, path: Path
) -> tuple[str, str | None]:
    """Name the axes that tifffile calls I or Q; also return what was guessed for them."""
    unnamed = [i for i, axis in enumerate(axes) if axis in "IQ" and shape[i] > 1]
    if not unnamed:
        return axes.replace("I", "Q"), None
    if len(unnamed) > 1:
        what = f"has pages of shape {shape} and does not say which axis is which"
        raise problem(path, what, "save it with ImageJ or OME metadata (axes such as CZYX)")
    name = pages or ("C" if shape[unnamed[0]] <= MAX_UNNAMED_CHANNELS else "Z")
    return axes[: unnamed[0]] + name + axes[unnamed[0] + 1 :], name


def _check_length(series: tifffile.TiffPageSeries, path: Path) -> None:
    """Check that all pixels lie inside the file: tifffile fills gaps with zeros."""
    whole = True
    if series.dataoffset is not None:  # in one piece, perhaps behind the entry of one page
        size = series.keyframe.parent.filehandle.size
        whole = series.dataoffset + series.nbytes <= size
    else:
        for page in series:
            whole = whole and page is not None and _is_whole(page)
    if not whole:
        raise problem(path, "is cut short: pixels are missing", DAMAGED)


def _is_whole(page: tifffile.TiffPage | tifffile.TiffFrame) -> bool:
    offsets, counts = page.dataoffsets, page.databytecounts
    if not offsets or len(counts) < len(offsets):  # the entry itself is cut
        return False
    ends = (o + n for o, n in zip(offsets, counts, strict=False))
    return 0 not in offsets and max(ends) <= page.parent.filehandle.size


@contextlib.contextmanager
def _strict(path: Path) -> Iterator[None]:
    """Take tifffile's complaints about the file's structure as errors.

    It reads on where a page or a tag lies outside of the file, and says so in its log only.
    """
    heard: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: heard.append(record.getMessage())
    log = tifffile.logger()
    propagate, log.propagate = log.propagate, False
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = propagate
    damage = [line for line in heard if any(sign in line for sign in _DAMAGE)]
    if damage:
        raise problem(path, f"is damaged ({damage[0]})", DAMAGED)
