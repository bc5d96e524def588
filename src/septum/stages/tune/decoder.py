"""Tuning of the parameters of a decoder on validation cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from septum.config import registry
from septum.config.registry import Number
from septum.config.schema import ClassSpec, Decode
from septum.data.store import VOID, open_case
from septum.decoding.base import method_class, size_tuning
from septum.decoding.decode import decode
from septum.decoding.parameters import ARGMAX, Decoder
from septum.decoding.scene import Scene, decode_scene
from septum.inference.predictor import predict_probabilities, predict_scenes
from septum.metrics.matching import average_precision
from septum.metrics.overlap import OverlapTable
from septum.metrics.panoptic import panoptic_quality
from septum.networks.model_header import ModelHeader
from septum.networks.segmenter import Segmenter
from septum.stages.tune.coordinate_descent import descend, mean_score
from septum.stages.tune.subsample import central_windows

MAX_VALIDATION_PIXELS = 2**23
"""Validation pixels that a decoder is tuned on, which takes about a minute."""
MIN_PIXELS_PER_CASE = 2**19
"""Pixels to which the windows of large cases may shrink before whole cases are left out."""

Output = np.ndarray | Mapping[float, Scene]
"""Maps (K, *spatial), or scenes of a detector by mask threshold."""
Prediction = tuple[Output, np.ndarray | None, np.ndarray]
"""The output for a case, its true class map, and its true instance map."""


def tune_decoder(
    segmenter: Segmenter,
    header: ModelHeader,
    cases: Sequence[str | Path],
    settings: Decode,
    *,
    min_size: int,
) -> Decoder:
    """Predict validation cases and return the decoder with the best score on them.

    At most `MAX_VALIDATION_PIXELS` are used: the centres of large cases, and, if these are still
    too many, cases evenly spaced in the given order.

    Parameters
    ----------
    segmenter : Segmenter
        Runs on the device that it is on.
    header : ModelHeader
    cases : sequence of path
        Canonical cases with instances.
    settings : Decode
        Parameters that are not ``auto`` are not tuned.
    min_size : int
        Minimum size of the plan; multiples of it are tried.

    Returns
    -------
    Decoder
        See `best_decoder`.
    """
    predictions: list[Prediction] = []
    if header.annotation != "semantic":
        predict_settings = header.predict.model_copy(update={"device": "auto"})
        for path, window in central_windows(
            cases, most=MAX_VALIDATION_PIXELS, least=MIN_PIXELS_PER_CASE
        ):
            case = open_case(path)
            image = case.image[(slice(None), *window)]
            arguments = segmenter, header, image, case.statistics, predict_settings
            output: Output
            if registry.HEADS[header.head].of_detectors:
                output = predict_scenes(*arguments, _mask_thresholds(header, settings))
            else:  # half precision takes half the memory
                output = predict_probabilities(*arguments).astype(np.float16)
            maps = [np.asarray(labels[window]) for labels in (case.semantic, case.instance)]
            predictions.append((output, *maps))
    return best_decoder(
        predictions,
        head=header.head,
        classes=header.classes,
        annotation=header.annotation,
        settings=settings,
        min_size=min_size,
        spatial_dims=header.spatial_dims,
        spacing=header.spacing,
    )


def _mask_thresholds(header: ModelHeader, settings: Decode) -> Sequence[float]:
    """Return the mask thresholds for which scenes are needed."""
    if settings.mask_threshold != "auto":
        return [settings.mask_threshold]
    (method,) = registry.HEADS[header.head].methods
    return method_class(method).tuning(header.spatial_dims)["mask_threshold"].values


def best_decoder(
    predictions: Sequence[Prediction],
    *,
    head: str,
    classes: Mapping[int, ClassSpec],
    annotation: str,
    settings: Decode,
    min_size: int,
    spatial_dims: int = 2,
    spacing: Sequence[float] | None = None,
) -> Decoder:
    """Return the decoder with the best score on given predictions.

    The score of a decoder is the mean over cases of AP averaged over IoU 0.50:0.05:0.95, with all
    classes taken together, or, for panoptic annotation, the mean over cases of PQ. The parameters
    of each method are set to their best value in turn, until none changes. Of equal scores the
    simplest decoder is chosen (the head's first method, then values near the start).

    Parameters
    ----------
    predictions : sequence of (`Output`, true semantic, true instance)
        Void pixels of the class map are ignored. It may be None, except for panoptic annotation.
    head, classes, annotation, spacing
        As in `septum.decoding.decode.decode`.
    settings : Decode
        Parameters that are not ``auto`` are not tuned.
    min_size : int
        Minimum size of the plan; multiples of it are tried.
    spatial_dims : int
        Number of axes of the images.

    Returns
    -------
    Decoder
        The decoder with its score, which is None if there was nothing to score. For semantic
        annotation nothing is tuned, and the method is ``argmax``.
    """
    if annotation == "semantic":
        return Decoder(method=ARGMAX)
    score_by_decoder: dict[tuple[str | Number, ...], float] = {}

    def score(decoder: Decoder) -> float:
        key = (decoder.method, *decoder.parameters.values())
        if key not in score_by_decoder:
            score_by_decoder[key] = _score(
                predictions,
                decoder,
                head=head,
                classes=classes,
                annotation=annotation,
                spacing=spacing,
            )
        return score_by_decoder[key]

    methods = registry.HEADS[head].methods if settings.method == "auto" else (settings.method,)
    sizes = size_tuning(min_size, annotation)
    candidates = []
    for method in methods:
        tuning = {**method_class(method).tuning(spatial_dims), **sizes}
        fixed = {name: getattr(settings, name) for name in tuning}
        start = {n: t.start if fixed[n] == "auto" else fixed[n] for n, t in tuning.items()}
        free = {
            name: sorted(how.values, key=lambda value, how=how: abs(value - how.start))
            for name, how in tuning.items()
            if fixed[name] == "auto"
        }
        candidates.append(_best_of_method(method, start, free, score))
    best = max(candidates, key=score)  # the first of equals
    result = score(best)
    return best.model_copy(update={"score": None if result < 0 else result})


def _best_of_method(
    method: str,
    start: dict[str, Number],
    free: Mapping[str, Sequence[Number]],
    score: Callable[[Decoder], float],
) -> Decoder:
    """Return a method with the best parameters, varying those that are free."""

    def score_of(parameters: Mapping[str, Number]) -> float:
        return score(Decoder(method=method, parameters=dict(parameters)))

    return Decoder(method=method, parameters=descend(start, free, score_of))


def _score(
    predictions: Sequence[Prediction],
    decoder: Decoder,
    *,
    head: str,
    classes: Mapping[int, ClassSpec],
    annotation: str,
    spacing: Sequence[float] | None,
) -> float:
    """Return the mean of AP, or PQ, over cases; -1 if no case has true or predicted objects."""
    scores = []
    things = [i for i, spec in classes.items() if spec.kind == "thing"]
    for output, semantic, instance in predictions:
        if isinstance(output, Mapping):
            scene = output[decoder["mask_threshold"]]
            decoded = decode_scene(scene, instance.shape, classes, decoder)[:2]
        else:
            decoded = decode(
                output,
                decoder,
                head=head,
                classes=classes,
                annotation=annotation,
                spacing=spacing,
            )
        void = None if semantic is None else semantic == VOID
        if annotation == "panoptic":
            true = np.where(void, 0, semantic), instance
            scores.append(panoptic_quality(true, decoded, things=things, void=void).pq)
        else:
            table = OverlapTable.from_labels(instance, decoded[1], void)
            scores.append(float(average_precision(table).mean()))
    return mean_score(scores)
