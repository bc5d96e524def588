"""The cases of one training: held in memory where they fit, read window by window where not."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from septum.config.schema import IntensityScheme, PercentileScaling
from septum.data import store
from septum.data.fold_cases import FoldCases
from septum.data.intensity import percentile
from septum.data.store_attributes import IntensityStatistics
from septum.errors import Problems, problem
from septum.heads.base import Head
from septum.io.zarr_arrays import open_array
from septum.seeds import rng
from septum.stages.train.foreground import Foreground, find_foreground

# Share of the memory this training may use that the cases may fill; the rest is for the
# network, the optimizer and the loader.
MAX_MEMORY_SHARE = 0.5
# A target depends on the labels within this many pixels (the ridge between touching objects
# and the objects' one-pixel outline).
TARGET_HALO_PX = 2


@dataclass(frozen=True)
class TrainingCase:
    """A case from which patches are cut.

    Parameters
    ----------
    name : str
        The case's name.
    image : array-like, shape (C, *spatial)
        As stored, not normalised; a numpy array, or a zarr array that is read in windows.
    classes : array-like of int8, shape (*spatial)
        The head's target, -1 where void; indexed by slices like a numpy array.
    weights : array-like of float32, shape (*spatial), or None
        Weight map.
    statistics : IntensityStatistics
        Intensity statistics of the case, as `septum.data.intensity.normalise` reads them.
    foreground : Foreground
        Sample of the pixels of its objects.
    instance : array-like of integers, shape (*spatial), or None
        Instance ids, for heads that regress.
    """

    name: str
    image: Any
    classes: Any
    weights: Any | None
    statistics: IntensityStatistics
    foreground: Foreground
    instance: Any | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The spatial shape."""
        return tuple(int(n) for n in self.image.shape[1:])


@dataclass(frozen=True)
class WindowedTarget:
    """A head's target, computed window by window from labels that stay on disk."""

    semantic: Any
    instance: Any | None
    head: Head

    @property
    def shape(self) -> tuple[int, ...]:
        """The spatial shape."""
        return tuple(int(n) for n in self.semantic.shape)

    @property
    def ndim(self) -> int:
        """The number of spatial axes."""
        return len(self.shape)

    def __getitem__(self, window: tuple[slice, ...]) -> np.ndarray:
        """Return the target of a window, computed with as wide a margin as makes it exact."""
        bounds = [s.indices(n) for s, n in zip(window, self.shape, strict=True)]
        wide = tuple(
            slice(max(0, a - TARGET_HALO_PX), min(n, b + TARGET_HALO_PX))
            for (a, b, _), n in zip(bounds, self.shape, strict=True)
        )
        inner = tuple(
            slice(a - w.start, b - w.start) for (a, b, _), w in zip(bounds, wide, strict=True)
        )
        instance = None if self.instance is None else np.asarray(self.instance[wide])
        semantic = np.asarray(self.semantic[wide])
        channels = self.head.channels(len(self.head.classes))
        return self.head.target(semantic, instance)[inner].astype(np.min_scalar_type(-channels))


def load_training_cases(
    cases: FoldCases,
    names: Sequence[str],
    *,
    head: Head,
    scheme: IntensityScheme,
    seed_parts: Sequence[object],
    in_memory: bool,
) -> list[TrainingCase]:
    """Open the named cases for training.

    Parameters
    ----------
    cases : FoldCases
        Folders of the cases and of their weight maps.
    names : sequence of str
        Names of the cases to open; they are returned in this order.
    head : Head
        Defines the target of the network (`septum.heads.base`).
    scheme : IntensityScheme
        How intensities become the network's input.
    seed_parts : sequence
        Seed of the sample of foreground pixels.
    in_memory : bool
        Whether to read whole arrays now (see `fits_in_memory`), or windows of them later.

    Raises
    ------
    SeptumError
        Naming every case that is not annotated.
    """
    loaded, problems = [], Problems()
    for name in names:
        path = cases.paths[name]
        case = store.read_case(path) if in_memory else store.open_case(path)
        if case.semantic is None:
            problems.add(name, "has no labels to train on", "label it, or exclude it")
            continue
        classes: Any = WindowedTarget(case.semantic, case.instance, head)
        weights: Any = None
        if cases.weights is not None:
            weights = open_array(cases.weights[name], "weights")
        if in_memory:
            whole = (slice(None),) * classes.ndim
            classes = classes[whole]
            weights = None if weights is None else np.asarray(weights[whole])
        random = rng(*seed_parts, "foreground", name)
        foreground = find_foreground(case.semantic, case.instance, random)
        statistics = _statistics_for(scheme, case.statistics)
        loaded.append(
            TrainingCase(
                name, case.image, classes, weights, statistics, foreground, _instance(case, head)
            )
        )
    problems.raise_if_any()
    return loaded


def _instance(case: store.Case, head: Head) -> Any | None:
    """Return the instance ids if the head has regression targets, else None."""
    if head.regression is None:
        return None
    if case.instance is None:
        what = "needs instances, and the annotation has none"
        raise problem("head", what, "choose the head semantic, or label single objects")
    return case.instance


def fits_in_memory(
    paths: Iterable[Path],
    *,
    weights: bool,
    instances: bool,
    copies: int = 1,
    budget: int | None = None,
) -> bool:
    """Return whether cases fit into the memory set aside for them.

    The images, targets (1 byte a pixel), weight maps and instance ids (4 bytes a pixel each) of
    all cases, counted once for each process that holds them, may fill at most half
    (`MAX_MEMORY_SHARE`) of the memory available to this training.

    Parameters
    ----------
    paths : iterable of Path
        Canonical cases.
    weights : bool
        Whether weight maps are loaded.
    instances : bool
        Whether instance ids are loaded.
    copies : int
        Number of processes on this machine that each hold a copy of the cases.
    budget : int, optional
        Bytes to fit into; by default `MAX_MEMORY_SHARE` of `available_memory`.
    """
    budget = int(MAX_MEMORY_SHARE * available_memory()) if budget is None else budget
    total = 0
    for path in paths:
        image = store.open_case(path).image
        pixels = int(np.prod(image.shape[1:], dtype=np.int64))
        total += image.shape[0] * pixels * image.dtype.itemsize + pixels * (
            1 + 4 * weights + 4 * instances
        )
        if total * copies > budget:
            return False
    return True


def available_memory() -> int:
    """Return the bytes of memory this process may use.

    This is the smallest of the machine's memory, SLURM's allocation and the limits of the
    control groups (version 2) that hold this process.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    if os.environ.get("SLURM_MEM_PER_NODE", "").isdigit():
        limits.append(int(os.environ["SLURM_MEM_PER_NODE"]) * 2**20)
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    root = Path("/sys/fs/cgroup")
    for line in lines:
        folder = root / line.rpartition(":")[2].lstrip("/")
        for group in [folder, *folder.parents]:
            limit = group / "memory.max"
            if limit.is_file() and (text := limit.read_text().strip()).isdigit():
                limits.append(int(text))
    return min(limits)


def _statistics_for(
    scheme: IntensityScheme, statistics: IntensityStatistics
) -> IntensityStatistics:
    """Return the statistics that a scheme reads.

    Its two percentiles are looked up here, once a case: a search among 120 of them for every
    patch would be slow.
    """
    if not isinstance(scheme, PercentileScaling):
        return statistics
    levels = (scheme.lower, scheme.upper)
    table = {f"{level:g}": percentile(statistics, level).tolist() for level in levels}
    return replace(statistics, percentiles=table)
