"""Fingerprint of a dataset: sizes, spacings, intensities, objects, classes.

Each case is measured once (`septum.stages.plan.case_facts.measure`), and the fingerprint is
computed from these measurements, so that memory holds one case at a time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from septum.errors import Problems
from septum.stages.plan.case_facts import CaseFacts

OBJECT_PERCENTILES = (0, 1, 5, 25, 50, 75, 95, 99, 100)
FOREGROUND_PERCENTILES = (0.5, 5, 50, 95, 99.5)


def fingerprint(facts: Sequence[CaseFacts]) -> dict[str, Any]:
    """Compute the fingerprint of a dataset.

    Parameters
    ----------
    facts : sequence of CaseFacts
        Measurements of at least one case, all with the same number of axes and channels
        (`check_alike`).

    Returns
    -------
    dict
        The fingerprint, of JSON's types. ``objects`` is None if single objects are not
        annotated, ``foreground`` and ``classes`` are None if nothing is. Diameters are those of
        the disc (ball) of equal area (volume): ``diameter`` in the unit of the spacing,
        ``diameter_px`` in pixels of the finest axis.
    """
    annotated = [f for f in facts if f.annotated]
    return {
        "cases": len(facts),
        "annotated": len(annotated),
        "unlabelled": len(facts) - len(annotated),
        "empty": sum(set(f.class_pixels) == {0} for f in annotated),
        "size": _spread([f.size for f in facts], int),
        "spacing": _spread([f.spacing for f in facts], float),
        "unit": facts[0].unit,
        "channels": facts[0].channels,
        "dtypes": dict(sorted(Counter(f.dtype for f in facts).items())),
        "readers": dict(sorted(Counter(f.reader for f in facts).items())),
        "intensity": _intensity(facts),
        "foreground": _foreground(annotated),
        "classes": _classes(annotated),
        "objects": _objects([f for f in annotated if f.object_pixels is not None]),
    }


def check_alike(facts: Sequence[CaseFacts], where: str) -> None:
    """Raise if the cases of a dataset cannot be used together.

    Raises
    ------
    SeptumError
        Naming the cases whose number of axes, number of channels or unit of length differs from
        that of most cases.
    """
    problems = Problems()
    kinds: list[tuple[str, Callable[[CaseFacts], Any], str]] = [
        ("spatial axes", lambda f: len(f.size), "make a dataset of each kind"),
        ("channels", lambda f: f.channels, "make a dataset of each kind, or convert the images"),
        ("unit of length", lambda f: f.unit, "mend the files, or make a dataset of each kind"),
    ]
    for what, get, remedy in kinds:
        counts = Counter(get(f) for f in facts)
        usual = counts.most_common(1)[0][0]
        odd = [f for f in facts if get(f) != usual]
        if odd:
            shown = ", ".join(f"{f.name!r} ({get(f)})" for f in odd[:5])
            more = f" and {len(odd) - 5} more" if len(odd) > 5 else ""
            problem = f"{what}: {usual} in most cases, but not in {shown}{more}"
            problems.add(where, problem, remedy)
    problems.raise_if_any()


def ball_diameter(volume: np.ndarray, ndim: int) -> np.ndarray:
    """Return the diameter of the disc (2-D) or ball (3-D) of a given area or volume.

    The volume of a ball of radius r in n dimensions is r^n · π^(n/2) / Γ(n/2 + 1).
    """
    unit_ball = math.pi ** (ndim / 2) / math.gamma(ndim / 2 + 1)
    return 2 * (np.asarray(volume, dtype=float) / unit_ball) ** (1 / ndim)


def _spread(rows: Sequence[Sequence[float]], kind: Callable[[Any], Any]) -> dict[str, list[Any]]:
    table = np.array(rows, dtype=float)
    # the lower median is the size of a case
    median = np.quantile(table, 0.5, axis=0, method="lower")
    spread = {"min": table.min(axis=0), "median": median, "max": table.max(axis=0)}
    return {name: [kind(value) for value in values] for name, values in spread.items()}


def _intensity(facts: Sequence[CaseFacts]) -> dict[str, Any]:
    """Return the median over the cases of each statistic, per channel."""

    def median(rows: Iterable[Sequence[float]]) -> list[float]:
        return [float(v) for v in np.median(np.array(list(rows), dtype=float), axis=0)]

    keys = [str(key) for key in ("0", "0.5", "50", "99.5", "100")]
    return {
        "percentiles": {key: median(f.statistics.percentiles[key] for f in facts) for key in keys},
        "mean": median(f.statistics.mean for f in facts),
        "std": median(f.statistics.std for f in facts),
    }


def _foreground(facts: Sequence[CaseFacts]) -> dict[str, Any] | None:
    values = np.concatenate([f.foreground for f in facts], axis=1) if facts else np.zeros((1, 0))
    if values.shape[1] == 0:
        return None
    return {
        "samples": values.shape[1],
        "percentiles": _percentiles(values, FOREGROUND_PERCENTILES),
        "mean": [float(v) for v in values.mean(axis=1)],
        "std": [float(v) for v in values.std(axis=1)],
    }


def _classes(facts: Sequence[CaseFacts]) -> dict[str, Any] | None:
    if not facts:
        return None
    pixels: Counter[int] = Counter()
    for f in facts:
        pixels.update(f.class_pixels)
    total = pixels.total()
    return {
        "pixel_share": {str(index): pixels[index] / total for index in sorted(pixels)},
        "cases": {
            str(index): sum(index in f.class_pixels for f in facts) for index in sorted(pixels)
        },
        "with_instances": sorted(set().union(*(f.thing_classes for f in facts))),
    }


def _objects(facts: Sequence[CaseFacts]) -> dict[str, Any] | None:
    if not facts:
        return None
    pixels = np.concatenate([f.object_pixels for f in facts])
    volumes = np.concatenate([f.object_pixels * math.prod(f.spacing) for f in facts])
    finest = np.concatenate([np.full(f.object_pixels.size, min(f.spacing)) for f in facts])
    counts = np.array([f.object_pixels.size for f in facts])
    diameter = ball_diameter(volumes, len(facts[0].size))
    per_case = {"min": counts.min(), "median": np.median(counts), "max": counts.max()}
    objects: dict[str, Any] = {
        "count": int(pixels.size),
        "per_case": {name: float(value) for name, value in per_case.items()},
        "touching_fraction": None,
        "multipart": sum(f.multipart for f in facts),
        "pixels": None,
        "diameter_px": None,
        "diameter": None,
    }
    if pixels.size:
        objects["touching_fraction"] = sum(f.touching for f in facts) / pixels.size
        objects["pixels"] = _percentiles(pixels, OBJECT_PERCENTILES)
        objects["diameter_px"] = _percentiles(diameter / finest, OBJECT_PERCENTILES)
        objects["diameter"] = _percentiles(diameter, OBJECT_PERCENTILES)
    return objects


def _percentiles(values: np.ndarray, levels: Sequence[float]) -> dict[str, Any]:
    """Return percentiles by their name; of a table, a list with one value a row."""
    rows = np.percentile(values, levels, axis=-1)
    return {f"{level:g}": row.tolist() for level, row in zip(levels, rows, strict=True)}
