"""The interface of readers, and functions that they share.

A reader turns the files of one format into arrays: an image is ``(C, *spatial)``, labels are
``(*spatial)``, with spatial axes ``(y, x)`` or ``(z, y, x)``. An axis of length one that is no
channel is dropped. Readers raise `SeptumError` for what they recognise; whatever else a
library throws at a damaged file is turned into one by `reading`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from septum.data.store import Geometry
from septum.errors import SeptumError, problem

DAMAGED = "it may be damaged or cut short: copy or export it again"


class Reader(Protocol):
    """A file format; its suffixes stand in its record (`septum.config.registry.READERS`)."""

    name: str

    def read_image(self, path: Path) -> tuple[np.ndarray, Geometry]:
        """Return the image (C, *spatial) and where its pixels lie."""

    def read_labels(self, path: Path) -> tuple[np.ndarray, Geometry]:
        """Return the labels (*spatial), any real dtype, and where their pixels lie."""


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever is raised while a file is read into one message that names it."""
    try:
        yield
    except SeptumError:
        raise
    except FileNotFoundError:
        raise problem(path, "does not exist", "check the path") from None
    except IsADirectoryError:
        raise problem(path, "is a folder, not a file", "check the path, and `reader:`") from None
    except PermissionError:
        raise problem(path, "cannot be read (permission denied)", "ask for access to it") from None
    except Exception as error:  # image libraries raise anything on damaged files
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        what = f"cannot be read ({type(error).__name__}{': ' if reason else ''}{reason})"
        raise problem(path, what, DAMAGED) from error


def native(array: np.ndarray, path: Path) -> np.ndarray:
    """Return an array in this machine's byte order; bool becomes uint8, float64 float32.

    Raises
    ------
    SeptumError
        If the pixels are no real numbers.
    """
    if array.dtype == bool:
        return array.astype(np.uint8)
    if array.dtype.kind not in "uif":
        what = f"holds pixels of type {array.dtype}, which are no intensities"
        raise problem(path, what, "save real numbers (the magnitude, for example)")
    if array.dtype.kind == "f" and array.dtype.itemsize > 4:
        with np.errstate(over="ignore"):  # what overflows is found as an infinite pixel
            return array.astype(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def single_channel(image: np.ndarray, path: Path) -> np.ndarray:
    """Return labels (*spatial) read as an image (C, *spatial).

    Raises
    ------
    SeptumError
        If there is more than one channel: colours are no object numbers.
    """
    if image.shape[0] != 1:
        what = f"has {image.shape[0]} channels (colours), but labels are one number a pixel"
        remedy = (
            "save the object or class numbers as a single-channel 16-bit TIFF, PNG or NIfTI (of a "
            "PNG with a colour table the indices are read)"
        )
        raise problem(path, what, remedy)
    return image[0]


def drop_opaque_alpha(image: np.ndarray, path: Path) -> np.ndarray:
    """Return an image (C, *spatial) without its last channel, the alpha channel.

    Raises
    ------
    SeptumError
        If the alpha channel holds anything: what lies below a transparent pixel is undefined.
    """
    alpha = image[-1]
    opaque = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "ui" else 1.0
    if not np.all(alpha == opaque):
        raise problem(path, "has transparent pixels", "flatten it (remove the alpha channel)")
    return image[:-1]


def to_channels_first(
    array: np.ndarray, axes: str, path: Path, *, time: str
) -> tuple[np.ndarray, str]:
    """Bring an array with named axes into the order (C, *spatial).

    Parameters
    ----------
    array : array
    axes : str
        A letter an axis: X, Y, Z are spatial; C and S (samples) count channels; T is time.
    time : str
        What to do if there are several time points.

    Returns
    -------
    array (C, *spatial)
    str
        The spatial axes that are left, of "ZYX".
    """
    for axis in reversed(range(array.ndim)):
        if array.shape[axis] == 1 and axes[axis] not in "YX":
            array = array.squeeze(axis)
            axes = axes[:axis] + axes[axis + 1 :]
    if "T" in axes:
        raise problem(path, f"is a series of {array.shape[axes.index('T')]} time points", time)
    spatial = "".join(axis for axis in "ZYX" if axis in axes)
    channels = [axis for axis in axes if axis in "CS"]
    odd = set(axes) - set("ZYXCS")
    if odd or len(set(axes)) < len(axes) or not {"Y", "X"} <= set(axes):
        what = f"has axes {axes} of shape {array.shape}, which is no image, stack or channels"
        raise problem(path, what, "save each image as a file of its own, with axes of CZYX")
    array = array.transpose([axes.index(axis) for axis in [*channels, *spatial]])
    return array.reshape(-1, *array.shape[len(channels) :]), spatial
