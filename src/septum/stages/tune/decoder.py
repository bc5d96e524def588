"""The decoder's few parameters, chosen on validation cases: never on test cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from septum.config import registry
from septum.config.schema import ClassSpec, Decode, Predict
from septum.data.store import VOID, open_case
from septum.decoding.decode import SEEDED, decode
from septum.decoding.panoptic import least_stuff
from septum.inference.detect_tiled import Scene, decode_scene
from septum.inference.predictor import OF_OBJECTS, predict_probabilities, predict_scenes
from septum.metrics.matching import average_precision
from septum.metrics.overlap import OverlapTable
from septum.metrics.panoptic import panoptic_quality
from septum.networks.model_file import ModelHeader
from septum.networks.segmenter import Segmenter
from septum.stages.tune.coordinate_descent import descend, mean_score
from septum.stages.tune.subsample import central_windows

MAX_PIXELS = 2**23
"""Validation pixels that are looked at; about a minute of tuning."""
LEAST_PIXELS = 2**19
"""Of a single case at least so many, before cases are left out."""
THRESHOLDS = tuple(percent / 100 for percent in range(30, 75, 5))
SCORES = tuple(percent / 100 for percent in range(30, 100, 5))
"""Thresholds of objects: a detector is sure of most that it finds."""
SEED_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SIZES = (0.5, 1, 2, 3)
"""Minimum sizes, in units of the dataset's default."""
FLOW_ERRORS = (0.4, 0.6, 0.8, 1.2)
OVERLAPS = (0.2, 0.5, 0.8)
MASKS = {2: (0.5,), 3: (0.5, 0.4, 0.3, 0.2)}
"""Thresholds of masks by the number of axes. Where a surface is uncertain, one half cuts its
bulges off: in 3-D a tenth of an object, on the volume of the training itself. In 2-D next to
nothing, and what is tuned there is how wide the validation cases are annotated: on axons of
other animals PQ fell from 0.67 to 0.57."""
START = {
    "threshold": 0.5,
    "mask_threshold": 0.5,
    "seed_threshold": 0.7,
    "flow_error": 0.4,
    "overlap": 0.5,
}

Found = np.ndarray | Mapping[float, Scene]
"""Probabilities (K, *spatial), or what a detector sees by the threshold of its masks."""
Prediction = tuple[Found, np.ndarray | None, np.ndarray]
"""What was found, true class map, true instance map."""


def tune_decoder(
    segmenter: Segmenter,
    header: ModelHeader,
    cases: Sequence[str | Path],
    settings: Decode,
    *,
    min_size_default: int | None = None,
) -> dict[str, Any]:
    """Predict validation cases and return the decoder that is best for them.

    At most `MAX_PIXELS` are used: of large cases the centre, and, where there are still too
    many, cases evenly spaced in the given order.

    Parameters
    ----------
    segmenter : Segmenter
        Used on the device where it is.
    header : ModelHeader
    cases : sequence of path
        Canonical cases with instances.
    settings : Decode
        What is not ``auto`` stays.
    min_size_default : int, optional
        The plan's; by default half the size of the smallest 1 % of the true objects seen.

    Returns
    -------
    dict
        As `best_decoder`.
    """
    predictions: list[Prediction] = []
    if header.annotation != "semantic":
        how = Predict.model_validate({**header.predict, "device": "auto"})
        for path, window in central_windows(cases, most=MAX_PIXELS, least=LEAST_PIXELS):
            case = open_case(path)
            image = case.image[(slice(None), *window)]
            given = segmenter, header, image, case.statistics, how
            if registry.HEADS[header.head].of_detectors:
                fixed = settings.mask_threshold
                levels = MASKS[header.spatial_dims] if fixed == "auto" else [fixed]
                found = predict_scenes(*given, levels)
            else:  # in half the memory
                found = predict_probabilities(*given).astype(np.float16)
            maps = [np.asarray(labels[window]) for labels in (case.semantic, case.instance)]
            predictions.append((found, *maps))
    return best_decoder(
        predictions,
        head=header.head,
        classes=header.classes,
        annotation=header.annotation,
        settings=settings,
        min_size_default=min_size_default,
        spacing=header.spacing,
    )


def best_decoder(
    predictions: Iterable[Prediction],
    *,
    head: str,
    classes: Mapping[int, ClassSpec],
    annotation: str,
    settings: Decode,
    min_size_default: int | None = None,
    spacing: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Return the decoder of the best score on given predictions.

    The score of a decoder is the mean over cases of AP averaged over IoU 0.50:0.05:0.95, all
    classes taken together; of panoptic annotation, the mean over cases of PQ. For each method
    one parameter after the other takes its best value, until none changes; of equal scores the
    simplest wins (``components``, then values near the start).

    Parameters
    ----------
    predictions : iterable of (`Found`, true semantic, true instance)
        Of the class map, which may be None but for panoptic annotation, what is void is not
        looked at.
    head, classes, annotation
        As in `septum.decoding.decode.decode`.
    settings : Decode
        What is not ``auto`` stays.
    min_size_default : int, optional
        Minimum sizes are tried about this one; by default as in `tune_decoder`.

    Returns
    -------
    dict
        ``method``, ``threshold``, ``mask_threshold``, ``seed_threshold``, ``flow_error``,
        ``overlap``, ``min_size``, ``min_stuff``, ``score``: JSON-able; what is not used, and a
        score of nothing, are None. Semantic annotation has nothing to tune: method ``argmax``.
    """
    if annotation == "semantic":
        unused = dict.fromkeys((*START, "min_size", "min_stuff", "score"))
        return {"method": "argmax", **unused}
    predictions = list(predictions)
    seen = predictions[0][0] if predictions else None
    masks = tuple(seen) if isinstance(seen, Mapping) else ()
    if min_size_default is None:
        min_size_default = _smallest(true for _, _, true in predictions)
    tried: dict[tuple, float] = {}

    def score(decoder: Mapping[str, Any]) -> float:
        key = tuple(decoder.values())
        if key not in tried:
            known = {"head": head, "classes": classes, "annotation": annotation}
            tried[key] = _score(predictions, {**known, "spacing": spacing, **decoder})
        return tried[key]

    methods = registry.HEADS[head].methods if settings.method == "auto" else (settings.method,)
    unused = [] if annotation == "panoptic" else ["min_stuff"]
    found = [
        _best_of_method(method, unused, settings, min_size_default, masks, score)
        for method in methods
    ]
    best = max(found, key=score)  # the first of equals
    result = score(best)
    return {**best, "score": None if result < 0 else result}


def _best_of_method(
    method: str,
    unused: Sequence[str],
    settings: Decode,
    min_size_default: int,
    masks: Sequence[float],
    score: Callable[[Mapping[str, Any]], float],
) -> dict[str, Any]:
    """Return the best parameters of a method; what is configured stays."""
    start = {**START, "min_size": min_size_default, "min_stuff": 0}
    grid: dict[str, Sequence[Any]] = {
        "threshold": SCORES if method == "objects" else THRESHOLDS,
        "mask_threshold": masks,
        "seed_threshold": SEED_THRESHOLDS,
        "flow_error": FLOW_ERRORS,
        "overlap": OVERLAPS,
        "min_size": sorted({round(factor * min_size_default) for factor in SIZES}),
        "min_stuff": least_stuff(min_size_default),
    }
    unused = [
        *unused,
        *([] if method in SEEDED else ["seed_threshold"]),
        *([] if method == "flows" else ["flow_error"]),
        *([] if method == "objects" else ["overlap", "mask_threshold"]),
    ]
    decoder: dict[str, Any] = {"method": method}
    for name, value in start.items():
        fixed = getattr(settings, name)
        decoder[name] = value if fixed == "auto" else fixed
    decoder |= dict.fromkeys(unused)
    free = {
        name: sorted(values, key=lambda v, n=name: abs(v - start[n]))
        for name, values in grid.items()
        if getattr(settings, name) == "auto" and decoder[name] is not None
    }
    return descend(decoder, free, score)


def _score(predictions: Sequence[Prediction], decoder: Mapping[str, Any]) -> float:
    """Return the mean over cases of AP, or PQ; -1 where no case has or is given an object."""
    scores = []
    things = [i for i, spec in decoder["classes"].items() if spec.kind == "thing"]
    for found, classes, true in predictions:
        pred = _decoded(found, true.shape, decoder)
        void = None if classes is None else classes == VOID
        if decoder["annotation"] == "panoptic":
            truth = np.where(void, 0, classes), true
            scores.append(panoptic_quality(truth, pred, things=things, void=void).pq)
        else:
            table = OverlapTable.from_labels(true, pred[1], void)
            scores.append(float(average_precision(table).mean()))
    return mean_score(scores)


def _decoded(
    found: Found, shape: Sequence[int], decoder: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the class map and the instance map."""
    if isinstance(found, Mapping):
        levels = {name: decoder[name] for name in OF_OBJECTS}
        scene = found[decoder["mask_threshold"]]
        return decode_scene(scene, shape, decoder["classes"], **levels)[:2]
    of_objects = {"overlap", "mask_threshold"}
    return decode(found, **{k: v for k, v in decoder.items() if k not in of_objects})


def _smallest(instances: Iterable[np.ndarray]) -> int:
    sizes = [np.unique(true[true > 0], return_counts=True)[1] for true in instances]
    sizes = [size for size in sizes if size.size]
    return int(np.percentile(np.concatenate(sizes), 1)) // 2 if sizes else 0
