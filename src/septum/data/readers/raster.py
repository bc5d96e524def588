"""PNG and JPEG (and BMP): 2-D images for every program.

Gray, RGB and RGBA, 1 to 16 bits; a fully opaque alpha channel is dropped. Images with a colour
table are read as their colours, labels with one as its indices. JPEG's rotation flag is not
applied: labels are drawn on the pixels as they are stored. Resolution in dots per inch says
nothing about a specimen, so that pixels are the unit.
"""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

from septum.data.readers.base import drop_opaque_alpha, single_channel
from septum.data.store import Geometry
from septum.errors import problem

# A whole slide is no attack here: the files are the user's own.
Image.MAX_IMAGE_PIXELS = None

_PNG = b"\x89PNG\r\n\x1a\n"


class RasterReader:
    """Read PNG, JPEG and BMP."""

    name = "raster"

    def read_image(self, path: Path) -> tuple[np.ndarray, Geometry]:
        """Return the image (C, y, x), uint8 or uint16."""
        depth = _png_depth(path)
        if depth == 16:
            array, alpha = _decode_16_bit(path)
        else:
            array, alpha = _open(path, labels=False)
        image = np.moveaxis(np.atleast_3d(array), -1, 0)
        if alpha:
            image = drop_opaque_alpha(image, path)
        return np.ascontiguousarray(image), _geometry(path)

    def read_labels(self, path: Path) -> tuple[np.ndarray, Geometry]:
        """Return the labels (y, x)."""
        if path.suffix.lower() in (".jpg", ".jpeg"):
            what = "is a JPEG, whose lossy compression changes object numbers"
            raise problem(path, what, "save labels as PNG or TIFF")
        depth = _png_depth(path)
        if depth == 16:
            array, alpha = _decode_16_bit(path)
        else:
            array, alpha = _open(path, labels=True)
            if depth in (2, 4) and array.ndim == 2 and _png_colour(path) == 0:
                # Pillow stretches gray levels of few bits to the range of a byte
                array = array // (255 // (2**depth - 1))
        image = np.moveaxis(np.atleast_3d(array), -1, 0)
        if alpha:
            image = drop_opaque_alpha(image, path)
        return single_channel(image, path), _geometry(path)


def _open(path: Path, *, labels: bool) -> tuple[np.ndarray, bool]:
    """Return the pixels (y, x) or (y, x, samples), and whether the last sample is alpha."""
    with Image.open(path) as image:
        if image.mode == "P" and not labels:
            image.load()
            image = image.convert("RGBA" if "transparency" in image.info else "RGB")
        elif image.mode in ("CMYK", "YCbCr", "PA", "La", "RGBa", "HSV", "LAB"):
            image = image.convert("RGBA" if "A" in image.mode or "a" in image.mode else "RGB")
        array = np.asarray(image)
        alpha = image.mode in ("LA", "RGBA")
    return array.astype(np.uint8) if array.dtype == bool else array, alpha


def _decode_16_bit(path: Path) -> tuple[np.ndarray, bool]:
    """Decode a PNG of 16 bits a sample, of which Pillow keeps 8 where there are colours."""
    with Image.open(path) as image:
        image.load()  # finds a file that is cut short
    array = imagecodecs.png_decode(path.read_bytes())
    return array, array.ndim == 3 and array.shape[-1] in (2, 4)


def _png_header(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(26)
    return head if head.startswith(_PNG) and len(head) == 26 else b""


def _png_depth(path: Path) -> int | None:
    head = _png_header(path)
    return head[24] if head else None


def _png_colour(path: Path) -> int | None:
    head = _png_header(path)
    return head[25] if head else None


def _geometry(path: Path) -> Geometry:
    return Geometry(spacing=(1.0, 1.0), source={"reader": "raster", "path": str(path)})
