"""COCO's panoptic format: an RGB image of segment ids, and one JSON file for all images.

https://cocodataset.org/#format-data, "Panoptic Segmentation": id = R + 256 G + 65,536 B; 0 is a
pixel that nobody labelled. The JSON says of each image which segments it has.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from septum.config.schema import ClassSpec
from septum.data.coco_info import BACKGROUND
from septum.data.readers.base import DAMAGED, reading
from septum.data.readers.choose import read_image
from septum.data.store import Geometry
from septum.errors import problem


@dataclass(frozen=True)
class Segments:
    """The JSON file.

    Parameters
    ----------
    path : Path
    of_image : mapping
        From the name of an image's PNG file to its ``segments_info``: dicts with ``id``,
        ``category_id`` and, at times, ``iscrowd``.
    categories : mapping of int to ClassSpec
    background : bool
        Whether 0 is background, as the file itself says.
    """

    path: Path
    of_image: Mapping[str, Sequence[Mapping[str, Any]]]
    categories: Mapping[int, ClassSpec]
    background: bool


def read_ids(path: str | Path) -> tuple[np.ndarray, Geometry]:
    """Read the segment ids (y, x), uint32, of an RGB image.

    Raises
    ------
    SeptumError
        If it cannot be read, or is not in 8-bit colours.
    """
    image, geometry = read_image(path)
    if image.shape[0] != 3 or image.ndim != 3 or image.dtype != np.uint8:
        what = f"has {image.shape[0]} channels of {image.dtype}, and COCO's segment ids are RGB"
        remedy = "give the PNG files that belong to `segments`, or take `segments` out"
        raise problem(path, what, remedy)
    red, green, blue = image.astype(np.uint32)
    return red + (green << 8) + (blue << 16), geometry


def read_segments(path: str | Path) -> Segments:
    """Read the JSON file; one that has not changed since is not read again.

    Raises
    ------
    SeptumError
        If it cannot be read, is no JSON, or lacks what the format asks for.
    """
    path = Path(path)
    with reading(path):
        status = os.stat(path)
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, *_: int) -> Segments:
    with reading(path):
        text = path.read_bytes()
    try:
        content = json.loads(text)
    except ValueError as error:
        raise problem(path, f"is not valid JSON ({error})", DAMAGED) from None
    try:
        of_image = {}
        for annotation in content["annotations"]:
            name, segments = str(annotation["file_name"]), annotation["segments_info"]
            if name in of_image:
                raise problem(path, f"has two annotations of {name}", "keep one of them")
            _refuse_twice(path, [int(s["id"]) for s in segments], f"{name} with two segments")
            for segment in segments:
                int(segment["category_id"])
            of_image[name] = segments
        _refuse_twice(path, [int(c["id"]) for c in content["categories"]], "two categories")
        categories = {int(c["id"]): _category(path, c) for c in content["categories"]}
        _refuse_twice(path, [spec.name for spec in categories.values()], "two categories called")
        info = content.get("info") or {}
        background = BACKGROUND.items() <= info.items()
    except ValidationError as error:
        (first, *_) = error.errors()
        what = f"has a category whose {first['loc'][0]} is {first['input']!r}"
        raise problem(path, what, "give it a name") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"is not COCO's panoptic format ({type(error).__name__}: {error})"
        remedy = "it needs categories (id, name, isthing) and annotations (file_name, "
        raise problem(path, what, remedy + "segments_info with id and category_id)") from None
    return Segments(path, of_image, categories, background)


def _refuse_twice(path: Path, values: Sequence[object], what: str) -> None:
    """Refuse what stands twice: of a segment of two classes, one would be lost."""
    repeated = [value for value, count in Counter(values).items() if count > 1]
    if repeated:
        raise problem(path, f"has {what} {repeated[0]!r}", "keep one of them, or tell them apart")


def _category(path: Path, category: Mapping[str, Any]) -> ClassSpec:
    name, colour = str(category["name"]), category.get("color")
    if colour is not None and not _is_colour(colour):
        what = f"has a category {name!r} whose color is {colour!r}"
        raise problem(path, what, "give it three whole numbers from 0 to 255, or leave color out")
    return ClassSpec(
        name=name,
        kind="thing" if category["isthing"] else "stuff",
        colour=None if colour is None else "#{:02x}{:02x}{:02x}".format(*colour),
    )


def _is_colour(given: Any) -> bool:
    if not isinstance(given, list) or len(given) != 3:
        return False
    return all(type(n) is int and 0 <= n <= 255 for n in given)
