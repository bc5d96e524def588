"""The parameters of a classical method, chosen on validation cases: never on test cases."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from septum.classical.base import Method
from septum.classical.create import create, grid, method_class
from septum.data.store import VOID, open_case
from septum.metrics.matching import average_precision
from septum.metrics.overlap import OverlapTable
from septum.metrics.ratio import ratio
from septum.stages.tune.coordinate_descent import descend, mean_score
from septum.stages.tune.subsample import central_windows

LEAST_PIXELS = 2**15
"""Of a single case at least so many, before cases are left out."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sample:
    """An annotated image, or a part of one.

    Parameters
    ----------
    image : (C, *spatial) array
    true : (*spatial) integer array
        Its objects; or, without ``instances``, its foreground (anything but 0).
    spacing : tuple of float
        Distance between pixel centres along each axis.
    instances : bool
        Whether single objects are annotated.
    void : (*spatial) bool array, optional
        Pixels that do not count.
    """

    image: np.ndarray
    true: np.ndarray
    spacing: tuple[float, ...]
    instances: bool = True
    void: np.ndarray | None = None


def tune(
    name: str, cases: Sequence[str | Path], *, fixed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the parameters that are best for validation cases.

    At most the method's ``tuning_pixels`` are used: of large cases the centre, and, where there
    are still too many, cases evenly spaced in the given order.

    Parameters
    ----------
    name : str
        One of `septum.classical.create.names`.
    cases : sequence of path
        Canonical cases with labels.
    fixed : mapping, optional
        Parameters that are not tuned.

    Returns
    -------
    dict
        As `best_parameters`.

    Raises
    ------
    SeptumError
        If the method is unknown, is not defined for such images, or a fixed parameter is wrong.
    """
    most = method_class(name).tuning_pixels
    samples = []
    for path, window in central_windows(cases, most=most, least=LEAST_PIXELS):
        case = open_case(path)
        classes = np.asarray(case.semantic[window])
        void = classes == VOID
        known = np.where(void, 0, classes)
        samples.append(
            Sample(
                image=np.asarray(case.image[(slice(None), *window)]),
                true=known if case.instance is None else np.asarray(case.instance[window]),
                spacing=case.geometry.spacing,
                instances=case.instance is not None,
                void=void if void.any() else None,
            )
        )
    return best_parameters(name, samples, fixed=fixed)


def best_parameters(
    name: str, samples: Sequence[Sample], *, fixed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the parameters of the best score on annotated images.

    The score is the mean over images of AP averaged over IoU 0.50:0.05:0.95, or of the IoU of
    the foreground where no single objects are annotated. One parameter after the other takes its
    best value of `septum.classical.create.grid`, until none changes; of equal scores the present
    value wins, then the one that stands first in the grid.

    Parameters
    ----------
    name : str
        One of `septum.classical.create.names`.
    samples : sequence of Sample
    fixed : mapping, optional
        Parameters that are not tuned.

    Returns
    -------
    dict
        ``method``, ``parameters`` (all of them), ``score`` (None where there is nothing to
        score), ``cases``, ``pixels`` (how many were looked at): JSON-able.

    Raises
    ------
    SeptumError
        As `tune`.
    """
    fixed = dict(fixed or {})
    channels = min((len(sample.image) for sample in samples), default=1)
    values = grid(name, channels=channels, **_typical_object(samples))
    free = {key: options for key, options in values.items() if key not in fixed}
    start = {key: options[0] for key, options in free.items()}
    tried: dict[Method, float] = {}

    def score(parameters: Mapping[str, Any]) -> float:
        method = create(name, parameters)
        if method not in tried:
            tried[method] = _score(method, samples)
        return tried[method]

    best = descend({**start, **fixed}, free, score)
    result = score(best)
    _log.info("%s: %.4f, the best of %d sets of parameters", name, result, len(tried))
    return {
        "method": name,
        "parameters": create(name, best).model_dump(mode="json"),
        "score": None if result < 0 else result,
        "cases": len(samples),
        "pixels": sum(sample.true.size for sample in samples),
    }


def _score(method: Method, samples: Sequence[Sample]) -> float:
    """Return the mean over images; -1 where there is nothing to find and nothing found."""
    scores = []
    for sample in samples:
        found = method.segment(sample.image, spacing=sample.spacing)
        if sample.instances:
            table = OverlapTable.from_labels(sample.true, found, sample.void)
            scores.append(float(average_precision(table).mean()))
        else:
            found = found if sample.void is None else np.where(sample.void, 0, found)
            both = np.count_nonzero((sample.true > 0) & (found > 0))
            either = np.count_nonzero((sample.true > 0) | (found > 0))
            scores.append(ratio(both, either, math.nan))
    return mean_score(scores)


def _typical_object(samples: Sequence[Sample]) -> dict[str, float]:
    """Return the median size of the objects as `septum.classical.create.grid` takes it, if any."""
    pixels, edges = [], []
    for sample in samples:
        labels = sample.true if sample.instances else ndimage.label(sample.true > 0)[0]
        sizes = np.unique(labels[labels > 0], return_counts=True)[1]
        pixel = np.prod(np.divide(sample.spacing, min(sample.spacing)))
        pixels.append(sizes)
        edges.append((sizes * pixel) ** (1 / labels.ndim))
    if not sum(map(len, pixels)):
        return {}
    return {
        "pixels": float(np.median(np.concatenate(pixels))),
        "edge": float(np.median(np.concatenate(edges))),
    }
