"""One mask an object: the layout of the 2018 Data Science Bowl.

The label pattern gives a folder (``stage1_train/{case}/masks``) or its files
(``stage1_train/{case}/masks/*.png``). In each file, whatever is not zero belongs to one object.
Masks may be in any format that images are read from, in 2-D and 3-D.

Objects are numbered in the order of their file names. A pixel of several objects belongs to
the smallest of them (of equal ones, the first), so that what lies on top stays whole; masks in
which nothing is marked, and objects covered wholly, get no number. All of it is counted.
"""

from __future__ import annotations

import glob
from pathlib import Path

import numpy as np

from septum.data.readers.choose import choose_reader
from septum.data.store import Geometry
from septum.errors import problem


class MaskFolderReader:
    """Read labels from a folder of masks, each by the reader for its suffix."""

    name = "mask_folder"

    def read_image(self, path: Path) -> tuple[np.ndarray, Geometry]:
        """Raise: a folder of masks is no image."""
        what = "is a folder, not an image" if path.is_dir() else "is no folder of masks"
        raise problem(
            path, what, "name the image files (the reader mask_folder is for labels only)"
        )

    def read_labels(self, path: Path) -> tuple[np.ndarray, Geometry]:
        """Return the labels (*spatial) as uint32; counts lie in the geometry's source."""
        files = _mask_files(path)
        masks: list[tuple[int, int, np.ndarray]] = []
        shape: tuple[int, ...] | None = None
        geometry = Geometry(spacing=())
        for number, file in enumerate(files, start=1):
            pixels, geometry = choose_reader(file).read_image(file)
            mask = pixels.any(axis=0)
            if shape is not None and mask.shape != shape:
                what = f"has shape {mask.shape}, but {files[0].name} beside it has {shape}"
                raise problem(file, what, "masks of one image must all have its shape")
            shape = mask.shape
            # a mask is a small part of its image: keep its pixels' places
            masks.append((int(mask.sum()), number, np.flatnonzero(mask)))
        labels = np.zeros(int(np.prod(shape or (0,))), np.uint32)
        covered = np.zeros(labels.shape, bool)
        overlap = 0
        for _, number, places in sorted(masks, key=lambda m: (-m[0], -m[1])):
            overlap += int(covered[places].sum())
            labels[places] = number
            covered[places] = True
        empty = sum(size == 0 for size, _, _ in masks)
        hidden = len(masks) - empty - (np.unique(labels[covered]).size)
        counts = {"masks": len(masks), "empty": empty, "hidden": hidden, "overlap": overlap}
        source = {"reader": self.name, "path": str(path), "counts": counts}
        return labels.reshape(shape), Geometry(geometry.spacing, geometry.unit, None, source)


def _mask_files(path: Path) -> list[Path]:
    if "*" in path.name:
        # only the last part is a pattern: the folder's own name may hold a bracket
        names = glob.glob(path.name, root_dir=path.parent)
        files = [path.parent / name for name in names]
    else:
        files = [file for file in path.iterdir() if not file.name.startswith(".")]
    files = sorted(file for file in files if file.is_file())
    if not files:
        what = "holds no mask"
        raise problem(
            path, what, "add the masks; for an image without objects, one that is all zero"
        )
    return files
