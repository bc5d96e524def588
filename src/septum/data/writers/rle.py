"""Run-length encoding of masks as COCO writes it: runs down the columns, packed into text.

Written from the format's description in pycocotools' ``maskApi``: the lengths of alternating runs,
zeros first; from the third on, the difference to the one two before; each in groups of five bits,
lowest first, a sixth bit for "more follows", plus 48 to be printable.
"""

from __future__ import annotations

import numpy as np


def encode(
    mask: np.ndarray, origin: tuple[int, int] = (0, 0), size: tuple[int, int] | None = None
) -> dict[str, object]:
    """Return a mask as COCO's compressed RLE, in time that does not grow with the image.

    Parameters
    ----------
    mask : (rows, columns) bool array
    origin : (int, int)
        Row and column of its first pixel in the image.
    size : (int, int), optional
        Rows and columns of the image; those of the mask by default.

    Returns
    -------
    dict
        ``size`` as [rows, columns], ``counts`` as text.
    """
    height, width = mask.shape if size is None else size
    columns, rows = np.nonzero(np.asarray(mask).T)
    at = (columns + origin[1]) * height + rows + origin[0]
    starts = at[np.diff(at, prepend=-2) > 1]
    stops = at[np.diff(at, append=height * width + 1) > 1] + 1
    changes = np.stack([starts, stops], axis=-1).ravel().tolist()
    runs = np.diff([0, *changes, height * width]).tolist()
    if changes and runs[-1] == 0:
        runs.pop()
    counts = [run - (runs[i - 2] if i > 2 else 0) for i, run in enumerate(runs)]
    return {"size": [height, width], "counts": "".join(map(_packed, counts))}


def _packed(number: int) -> str:
    text = ""
    while True:
        bits, number = number & 31, number >> 5  # of a negative number, towards minus infinity
        done = number == (-1 if bits & 16 else 0)
        text += chr((bits if done else bits | 32) + 48)
        if done:
            return text
