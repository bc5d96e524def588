"""Tuning of the parameters of a classical method on validation cases."""

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
from septum.classical.create import create_method, method_class, parameter_grid
from septum.data.store import VOID, open_case
from septum.metrics.matching import average_precision
from septum.metrics.overlap import OverlapTable
from septum.metrics.ratio import ratio
from septum.stages.tune.coordinate_descent import descend, mean_score
from septum.stages.tune.subsample import central_windows

MIN_PIXELS_PER_CASE = 2**15
"""Pixels to which the windows of large cases may shrink before whole cases are left out."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sample:
    """An annotated image, or a part of one.

    Parameters
    ----------
    image : (C, *spatial) array
    true : (*spatial) integer array
        Instance ids; or, without ``instances``, its foreground (any number but 0).
    spacing : tuple of float
        Distance between pixel centres along each axis.
    instances : bool
        Whether single objects are annotated.
    void : (*spatial) bool array, optional
        Pixels that are ignored.
    """

    image: np.ndarray
    true: np.ndarray
    spacing: tuple[float, ...]
    instances: bool = True
    void: np.ndarray | None = None


def tune(
    name: str, cases: Sequence[str | Path], *, fixed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the parameters with the best score on validation cases.

    At most ``tuning_pixels`` of the method are used: the centres of large cases, and, if these
    are still too many, cases evenly spaced in the given order.

    Parameters
    ----------
    name : str
        One of `septum.classical.create.method_names`.
    cases : sequence of path
        Canonical cases with labels.
    fixed : mapping, optional
        Parameters that are not tuned.

    Returns
    -------
    dict
        See `best_parameters`.

    Raises
    ------
    SeptumError
        If the method is unknown or not defined for such images, or a fixed parameter is wrong.
    """
    most = method_class(name).tuning_pixels
    samples = []
    for path, window in central_windows(cases, most=most, least=MIN_PIXELS_PER_CASE):
        case = open_case(path)
        classes = np.asarray(case.semantic[window])
        void = classes == VOID
        classes_or_background = np.where(void, 0, classes)
        samples.append(
            Sample(
                image=np.asarray(case.image[(slice(None), *window)]),
                true=classes_or_background
                if case.instance is None
                else np.asarray(case.instance[window]),
                spacing=case.geometry.spacing,
                instances=case.instance is not None,
                void=void if void.any() else None,
            )
        )
    return best_parameters(name, samples, fixed=fixed)


def best_parameters(
    name: str, samples: Sequence[Sample], *, fixed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the parameters with the best score on annotated images.

    The score is the mean over images of AP averaged over IoU 0.50:0.05:0.95, or of the IoU of
    the foreground if no single objects are annotated. Parameters are set to the best value of
    `septum.classical.create.parameter_grid` in turn, until none changes. Of equal scores the
    current value is kept, otherwise the first one in the grid.

    Parameters
    ----------
    name : str
        One of `septum.classical.create.method_names`.
    samples : sequence of Sample
    fixed : mapping, optional
        Parameters that are not tuned.

    Returns
    -------
    dict
        A record of JSON's types: ``method``, ``parameters`` (tuned and fixed), ``score`` (None if
        there is nothing to score), and the numbers of ``cases`` and ``pixels`` that were used.

    Raises
    ------
    SeptumError
        As `tune`.
    """
    fixed = dict(fixed or {})
    channels = min((len(sample.image) for sample in samples), default=1)
    values = parameter_grid(name, channels=channels, **_typical_object(samples))
    free = {key: options for key, options in values.items() if key not in fixed}
    start = {key: options[0] for key, options in free.items()}
    score_by_method: dict[Method, float] = {}

    def score(parameters: Mapping[str, Any]) -> float:
        method = create_method(name, parameters)
        if method not in score_by_method:
            score_by_method[method] = _score(method, samples)
        return score_by_method[method]

    best = descend({**start, **fixed}, free, score)
    result = score(best)
    _log.info("%s: %.4f, the best of %d sets of parameters", name, result, len(score_by_method))
    return {
        "method": name,
        "parameters": create_method(name, best).model_dump(mode="json"),
        "score": None if result < 0 else result,
        "cases": len(samples),
        "pixels": sum(sample.true.size for sample in samples),
    }


def _score(method: Method, samples: Sequence[Sample]) -> float:
    """Return the mean score over images; -1 if it is undefined for all of them."""
    scores = []
    for sample in samples:
        predicted = method.segment(sample.image, spacing=sample.spacing)
        if sample.instances:
            table = OverlapTable.from_labels(sample.true, predicted, sample.void)
            scores.append(float(average_precision(table).mean()))
        else:
            predicted = predicted if sample.void is None else np.where(sample.void, 0, predicted)
            intersection = np.count_nonzero((sample.true > 0) & (predicted > 0))
            union = np.count_nonzero((sample.true > 0) | (predicted > 0))
            scores.append(ratio(intersection, union, math.nan))
    return mean_score(scores)


def _typical_object(samples: Sequence[Sample]) -> dict[str, float]:
    """Return the median size of the objects, if any, as arguments of `parameter_grid`."""
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
