"""Elastic copies of the annotated cases of a batch, written to disk.

A copy is its parent deformed by a random field (`septum.augmentation.elastic`), under the name
``<parent>/e01``, ``<parent>/e02``, … (no file's name holds a slash, so that no case is called
so). It keeps the parent's intensity statistics, and so is normalised as its parent is.
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

# Of an object that is split, pieces under this share of it are dropped: crumbs of an outline
# that nearest-neighbour resampling broke off, not objects to learn from.
MIN_PIECE_SHARE = 0.05


@dataclass(frozen=True)
class ObjectCounts:
    """Counts of the objects of a case that are split, dropped or lost in a deformed copy.

    Parameters
    ----------
    objects : int
        Objects of the parent.
    split : int
        Those that have more pieces in the copy than in the parent.
    pieces : int
        Pieces of the split ones that are kept, each an object of its own.
    dropped : int
        Pieces of the split ones that are too small to keep.
    lost : int
        Objects of which nothing is left in the copy.
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

    Who is trained on is no matter of this stage, so that another split, or one case more in
    another batch, changes nothing here: a training takes the copies of its own cases only.

    Parameters
    ----------
    dataset : str
        Its name in the configuration.
    cases : Path
        Batch folder of canonical cases.
    settings : Augment
        Number of copies, and the field they are deformed by: ``sigma`` in pixels of the finest
        axis.
    seed : int
        With the names of dataset and case and the number of the copy, decides the field.
    out : Path
        Folder to write, whole or not at all; each copy is called after its parent's file.

    Raises
    ------
    SeptumError
        A case cannot be read, or ``out`` cannot be written.
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
                # a plus, which no safe name holds: weight maps of cases and copies lie together
                write_case(folder / f"{path.stem}+e{number:02d}.zarr", copy)
                log.info("%s: %s", copy.name, counts)
                written, total = written + 1, total + counts
    log.info("%d copies: %s", written, total)


def deformed_copy(
    parent: Case, name: str, deformation: ElasticDeformation
) -> tuple[Case, ObjectCounts]:
    """Return a deformed copy of an annotated case, and what became of its objects.

    Parameters
    ----------
    parent : Case
        With its arrays in memory.
    name : str
        Of the copy.
    deformation : ElasticDeformation
    """
    maps = [parent.semantic] if parent.instance is None else [parent.semantic, parent.instance]
    image, (semantic, *rest) = deformation(parent.image, maps)
    instance, counts = None, ObjectCounts()
    if rest:
        instance, counts = separate_pieces(parent.instance, rest[0])
        # a dropped crumb is of no class either
        semantic[(rest[0] > 0) & (instance == 0)] = 0
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
    """Give each piece of the objects that a deformation splits an id of its own.

    An object is split where it has more connected pieces (diagonal neighbours connect) than it
    had before. Mirrored borders do that, and necks thinner than a pixel. Its pieces under a
    twentieth of it are dropped. An object that was in pieces before and has not more of them
    now stays one.

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
    left, where, pieces_after = np.unique(owners, return_inverse=True, return_counts=True)
    split = pieces_after > pieces_before[np.searchsorted(ids, left)]
    areas = np.bincount(where, sizes, minlength=len(left))

    is_split = split[where]
    kept = ~is_split | (sizes >= MIN_PIECE_SHARE * areas[where])
    # pieces of one object share a key, pieces of a split one do not
    keys = np.stack([where, np.where(is_split, 1 + np.arange(len(where)), 0)], axis=1)
    _, renumbered = np.unique(keys[kept], axis=0, return_inverse=True)
    table = np.zeros(len(where) + 1, np.uint32)
    table[1:][kept] = 1 + renumbered.ravel()
    counts = ObjectCounts(
        objects=len(ids),
        split=int(split.sum()),
        pieces=int((is_split & kept).sum()),
        dropped=int((~kept).sum()),
        lost=len(ids) - len(left),
    )
    return table[pieces], counts


def _pieces(instance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the connected pieces, numbered from 1, and the object and the size of each."""
    pieces, count = measure.label(instance, return_num=True)
    owners = np.zeros(count + 1, instance.dtype)
    owners[pieces] = instance
    return pieces, owners[1:], np.bincount(pieces.ravel(), minlength=count + 1)[1:]


def _values(counts: ObjectCounts) -> tuple[int, ...]:
    return tuple(asdict(counts).values())
