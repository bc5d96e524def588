"""The label files of a case, in one of several layouts (`septum.config.dataset.Dataset.layout`).

``one``
    A single map (`septum.stages.prepare.annotation.annotate`).
``pair``
    A map of classes (``labels``) and a map of objects (``instances``).
``coco``
    An RGB PNG (``labels``), and a JSON file for all images (``segments``).
``by_class``
    A map of objects for each class (``{class}`` in ``labels``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from septum.config.dataset import Dataset
from septum.data.case_files import CaseFiles
from septum.data.readers.choose import choose_reader, read_labels
from septum.data.readers.coco_panoptic import read_ids, read_segments
from septum.data.store import Geometry
from septum.errors import SeptumError, problem
from septum.stages.prepare.annotation import Annotation, annotate, annotate_classes, annotate_pair
from septum.stages.prepare.coco_labels import annotate_segments


def read_maps(dataset: Dataset, files: CaseFiles) -> tuple[list[np.ndarray], Geometry]:
    """Read the label maps of an annotated case, and the geometry of the first one.

    Raises
    ------
    SeptumError
        If a file is missing or damaged, or the maps differ in shape.
    """
    if dataset.layout == "coco":
        ids, first_geometry = read_ids(files.label_files[0])
        return [ids], first_geometry
    maps = []
    for path in files.label_files:
        labels, geometry = _read(dataset, path)
        if not maps:
            first_geometry = geometry
        elif labels.shape != maps[0].shape:
            what = f"has shape {labels.shape}, but {files.labels} of the same case {maps[0].shape}"
            raise problem(path, what, "label maps of one case must show the same pixels")
        maps.append(labels)
    return maps, first_geometry


def annotate_maps(
    maps: list[np.ndarray], dataset: Dataset, dataset_name: str, files: CaseFiles
) -> Annotation:
    """Turn the label maps of a case into classes and objects.

    Raises
    ------
    SeptumError
        If the maps contradict each other or the declared classes.
    """
    paths = [Path(path) for path in files.label_files]
    if dataset.layout == "coco":
        segments = read_segments(paths[1])
        return annotate_segments(maps[0], segments, dataset, dataset_name, paths[0])
    if dataset.layout == "pair":
        return annotate_pair(maps[0], maps[1], dataset, dataset_name, paths)
    if dataset.layout == "by_class":
        return annotate_classes(maps, dataset, files.name, paths)
    return annotate(maps[0], dataset, dataset_name, paths[0])


def _read(dataset: Dataset, path: str) -> tuple[np.ndarray, Geometry]:
    """Read labels by their suffix, or with the dataset's reader if no reader knows the suffix."""
    try:
        choose_reader(path)
    except SeptumError:
        return read_labels(path, dataset.reader)
    return read_labels(path)
