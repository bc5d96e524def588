"""Elastic copies of the annotated cases of a batch, written to disk.

A copy is its parent deformed by a random field (`septum.augmentation.elastic`). Its name is
``<parent>/e01``, ``<parent>/e02``, …, which is the name of no case, since file names hold no
slash. It keeps the intensity statistics of its parent and so is normalised in the same way.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from skimage import measure

from septum.augmentation.elastic import ElasticDeformation
from septum.config.schema import Augment
from septum.data.store import Case, case_paths, open_case, read_case, write_case
from septum.io.atomic import atomic_path
from septum.seeds import seed_of

log = logging.getLogger(__name__)

# Pieces of a split object with less than this share of its pixels are dropped: they are
# fragments of the outline from nearest-neighbour resampling, not objects to learn from.
MIN_PIECE_SHARE = 0.05


@dataclass(frozen=True)
class ObjectCounts:
    """Counts of the objects of a case that are split, dropped or lost in a deformed copy.

    Parameters
    ----------
    objects : int
        Objects of the parent.
    split : int
        Objects that have more pieces in the copy than in the parent.
    pieces : int
        Pieces of split objects that are kept, each as an object.
    dropped : int
        Pieces of split objects that are too small to keep.
    lost : int
        Objects that have no pixel in the copy.
    """

    objects: int = 0
    split: int = 0
    pieces: int = 0
    dropped: int = 0
    lost: int = 0

    def __add__(self, other: ObjectCounts) -> ObjectCounts:
        return ObjectCounts(*(a + b for a, b in zip(_values(self), _values(other), strict=True)))

    def __str__(self) -> str:
        return (
            f"{self.objects} objects, {self.split} split into {self.pieces} pieces "
            f"({self.dropped} smaller ones dropped), {self.lost} lost"
        )


def augment_batch(*, dataset: str, cases: Path, settings: Augment, seed: int, out: Path) -> None:
    """Write the elastic copies of every annotated case of a batch.

    Copies do not depend on the split: they are made of all annotated cases, and a training
    takes the copies of its training cases. A changed split, or another batch with more cases,
    therefore reruns nothing.

    Parameters
    ----------
    dataset : str
        Name of the dataset in the configuration.
    cases : Path
        Batch folder of canonical cases.
    settings : Augment
        Number of copies, and parameters of the deformation (``sigma`` in pixels of the finest
        axis).
    seed : int
        Seed of the deformation, together with the names of dataset and case and the number of
        the copy.
    out : Path
        Folder to write atomically; each copy is named after the file of its parent.

    Raises
    ------
    SeptumError
        If a case cannot be read, or ``out`` cannot be written.
    """
    written, total = 0, ObjectCounts()
    with atomic_path(out) as folder:
        folder.mkdir()
        for name, path in case_paths([cases]).items():
            if open_case(path).semantic is None or settings.copies == 0:
                continue
            parent = read_case(path)
            for number in range(1, settings.copies + 1):
                deformation = ElasticDeformation(
                    points=settings.points,
                    sigma=settings.sigma,
                    seed=seed_of(seed, dataset, name, number),
                    mode=settings.mode,
                    spacing=parent.geometry.spacing,
                )
                copy, counts = deformed_copy(parent, f"{name}/e{number:02d}", deformation)
                # safe names hold no plus: weight maps of cases and copies lie in one folder
                write_case(folder / f"{path.stem}+e{number:02d}.zarr", copy)
                log.info("%s: %s", copy.name, counts)
                written, total = written + 1, total + counts
    log.info("%d copies: %s", written, total)


def deformed_copy(
    parent: Case, name: str, deformation: ElasticDeformation
) -> tuple[Case, ObjectCounts]:
    """Return a deformed copy of an annotated case, and counts of its split and lost objects.

    Parameters
    ----------
    parent : Case
        The case, with its arrays in memory.
    name : str
        Name of the copy.
    deformation : ElasticDeformation
    """
    maps = [parent.semantic] if parent.instance is None else [parent.semantic, parent.instance]
    image, (semantic, *deformed_instances) = deformation(parent.image, maps)
    instance, counts = None, ObjectCounts()
    if deformed_instances:
        instance, counts = separate_pieces(parent.instance, deformed_instances[0])
        # the pixels of dropped pieces lose their class, too
        semantic[(deformed_instances[0] > 0) & (instance == 0)] = 0
    copy = replace(
        parent,
        name=name,
        parent=parent.name,
        image=image,
        semantic=semantic,
        instance=instance,
    )
    return copy, counts


def separate_pieces(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, ObjectCounts]:
    """Give each piece of objects that a deformation splits a separate id.

    An object is split if it has more connected pieces (diagonal neighbours connect) after the
    deformation than before, because of mirrored borders or necks thinner than a pixel. Pieces
    with less than a twentieth of its pixels are dropped. An object that consisted of as many
    pieces before keeps one id.

    Parameters
    ----------
    before, after : integer arrays (*spatial)
        The instance map and its deformed version.

    Returns
    -------
    instance : uint32 array (*spatial)
        Ids 1…n, in the order of the ids in ``after``.
    counts : ObjectCounts
    """
    _, owners_before, _ = _pieces(before)
    pieces, owners, sizes = _pieces(after)
    ids, pieces_before = np.unique(owners_before, return_counts=True)
    remaining_ids, owner, pieces_after = np.unique(owners, return_inverse=True, return_counts=True)
    split = pieces_after > pieces_before[np.searchsorted(ids, remaining_ids)]
    areas = np.bincount(owner, sizes, minlength=len(remaining_ids))

    is_split = split[owner]
    is_kept = ~is_split | (sizes >= MIN_PIECE_SHARE * areas[owner])
    # the pieces of an object share a key, unless it is split
    keys = np.stack([owner, np.where(is_split, 1 + np.arange(len(owner)), 0)], axis=1)
    _, renumbered = np.unique(keys[is_kept], axis=0, return_inverse=True)
    table = np.zeros(len(owner) + 1, np.uint32)
    table[1:][is_kept] = 1 + renumbered.ravel()
    counts = ObjectCounts(
        objects=len(ids),
        split=int(split.sum()),
        pieces=int((is_split & is_kept).sum()),
        dropped=int((~is_kept).sum()),
        lost=len(ids) - len(remaining_ids),
    )
    return table[pieces], counts


def _pieces(instance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the map of connected pieces, numbered from 1, and each one's object and size."""
    pieces, count = measure.label(instance, return_num=True)
    owners = np.zeros(count + 1, instance.dtype)
    owners[pieces] = instance
    return pieces, owners[1:], np.bincount(pieces.ravel(), minlength=count + 1)[1:]


def _values(counts: ObjectCounts) -> tuple[int, ...]:
    return tuple(asdict(counts).values())
