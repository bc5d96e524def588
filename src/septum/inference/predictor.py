"""Prediction of label maps of an image by one or several trained models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from septum.config import registry
from septum.config.schema import CRF, Predict
from septum.data.intensity import normalise
from septum.data.store_attributes import IntensityStatistics, PredictionAttributes
from septum.data.windows import square_planes
from septum.decoding.decode import decode
from septum.decoding.panoptic import likeliest_stuff
from septum.decoding.scene import Scene, decode_scene
from septum.errors import problem
from septum.heads.base import head_class
from septum.inference.crf import refine
from septum.inference.detect_tiled import detect_tiled
from septum.inference.ensemble import Ensemble, Model
from septum.inference.merge_tiles import ensemble_detections
from septum.inference.tiling import auto_tile, predict_tiled
from septum.networks.model_header import ModelHeader
from septum.networks.segmenter import Segmenter


def predict_probabilities(
    segmenter: Segmenter,
    header: ModelHeader,
    image: Any,
    statistics: IntensityStatistics,
    settings: Predict,
) -> np.ndarray:
    """Predict the probabilities of an image, refined by a CRF if ``predict.crf`` is set.

    Parameters
    ----------
    segmenter : Segmenter
        Network, which runs on its own device.
    header : ModelHeader
    image : (C, *spatial) array, numpy or zarr
        Raw intensities, which are read window by window.
    statistics : IntensityStatistics
        Statistics of the whole image (`septum.data.intensity.statistics`).
    settings : Predict

    Returns
    -------
    (K, *spatial) float32 array

    Raises
    ------
    SeptumError
        If ``predict.tile`` has another number of axes than the image, or ``predict.crf`` is
        set for a head with regression.
    """
    tile = _tile(header, segmenter, settings)
    device = next(segmenter.parameters()).device
    normalised = _normaliser(header, statistics)
    probabilities = predict_tiled(
        segmenter,
        image,
        tile=tile,
        overlap=settings.overlap,
        batch=settings.batch,
        device=device,
        tta=settings.tta,
        planes=_rotated_planes(header) if settings.tta else None,
        normalise=normalised,
        progress=True,
    )
    if settings.crf is None:
        return probabilities
    return _refined(probabilities, normalised(np.asarray(image)), header, settings.crf, device)


def predict_scenes(
    segmenter: Segmenter,
    header: ModelHeader,
    image: Any,
    statistics: IntensityStatistics,
    settings: Predict,
    mask_thresholds: Sequence[float],
) -> dict[float, Scene]:
    """Predict the objects of an image by detectors, and the stuff if they predict stuff.

    The first parameters are those of `predict_probabilities`. Test-time augmentation
    (``predict.tta``) is used for the maps of stuff only.

    Parameters
    ----------
    mask_thresholds : sequence of float
        Probabilities above which a pixel belongs to an object.

    Returns
    -------
    dict of float to Scene
        A scene for each threshold.
    """
    several = isinstance(segmenter, Ensemble)
    detected = [
        detect_tiled(
            detector,
            image,
            tile=_tile(header, detector, settings),
            overlap=settings.overlap,
            batch=settings.batch,
            device=next(detector.parameters()).device,
            mask_thresholds=mask_thresholds,
            normalise=_normaliser(header, statistics),
            progress=True,
        )
        for detector in (segmenter.segmenters if several else [segmenter])
    ]
    stuff = None
    if header.head == "panoptic" and header.annotation == "panoptic":
        probabilities = predict_probabilities(segmenter, header, image, statistics, settings)
        stuff = likeliest_stuff(probabilities, header.classes)
    scenes = {}
    for threshold, *of_models in zip(mask_thresholds, *detected, strict=True):
        shape = image.shape[1:]
        objects = ensemble_detections(of_models, shape) if several else of_models[0]
        scenes[threshold] = Scene(objects, stuff)
    return scenes


def _normaliser(
    header: ModelHeader, statistics: IntensityStatistics
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that normalises raw intensities to the input of the network."""
    return partial(normalise, statistics=statistics, scheme=header.intensities)


def _tile(header: ModelHeader, segmenter: Segmenter, settings: Predict) -> Sequence[int]:
    """Return the size of the windows of a prediction."""
    if settings.tile == "auto":
        return auto_tile(header.patch, segmenter.margin)
    if len(settings.tile) != header.spatial_dims:
        what = f"gives {len(settings.tile)} sizes, but the images have {header.spatial_dims} axes"
        raise problem("predict.tile", what, f"give {header.spatial_dims} sizes, or auto")
    return settings.tile


def _refined(
    probabilities: np.ndarray,
    image: np.ndarray,
    header: ModelHeader,
    settings: CRF,
    device: torch.device,
) -> np.ndarray:
    """Refine probabilities by a CRF, given the normalised image."""
    if head_class(header.head).regression is not None:
        what = f"is for class probabilities, and the model's head is {header.head!r}"
        raise problem("predict.crf", what, "set it to false")
    finest = min(header.spacing)
    refined = refine(
        torch.from_numpy(probabilities).to(device),
        torch.from_numpy(image),
        # in pixels of the finest axis, which is independent of the unit
        spacing=[step / finest for step in header.spacing],
        **settings.model_dump(),
    )
    return refined.cpu().numpy()


def _rotated_planes(header: ModelHeader) -> list[tuple[int, int]]:
    """Return the planes in which patches were rotated in training.

    Raises
    ------
    SeptumError
        If the model was trained without flips, which test-time augmentation needs.
    """
    if header.trained is None:
        return square_planes(header.patch, header.spacing)
    if not header.trained.flip:
        what = "asks for flips, but the model was trained without (train.flip)"
        raise problem("predict.tta", what, "set it to false, or train with train.flip")
    if not header.trained.rotate:
        return []
    return square_planes(header.patch, header.spacing)


def predict_case(
    model: Model, image: Any, statistics: IntensityStatistics, settings: Predict
) -> tuple[np.ndarray, np.ndarray | None, list[float] | None]:
    """Predict the class map, the instance map and the scores of objects of an image.

    The parameters are those of `predict_probabilities`, and the decoder is that of the model.

    Returns
    -------
    semantic : (*spatial) uint16 array
    instance : (*spatial) uint32 array or None
        None if only classes are predicted.
    scores : list of float or None
        Score of each object; None if only classes are predicted.
    """
    header = model.header
    if registry.HEADS[header.head].of_detectors:
        threshold = header.decoder["mask_threshold"]
        arguments = model.segmenter, header, image, statistics, settings
        scene = predict_scenes(*arguments, [threshold])[threshold]
        return decode_scene(scene, image.shape[1:], header.classes, header.decoder)
    probabilities = predict_probabilities(model.segmenter, header, image, statistics, settings)
    semantic, instance = decode(
        probabilities,
        header.decoder,
        head=header.head,
        classes=header.classes,
        annotation=header.annotation,
        spacing=header.spacing,
    )
    if instance is None:
        return semantic, None, None
    return semantic, instance, object_scores(probabilities, instance, header)


def object_scores(
    probabilities: np.ndarray, instance: np.ndarray, header: ModelHeader
) -> list[float]:
    """Return the score of each object, the mean probability of its pixels of being in an object.

    Parameters
    ----------
    probabilities : (K, *spatial) float array
        Channels in the order of the head (`septum.decoding.decode.decode`). The probability of
        being in an object is the sum over thing classes and the border.
    instance : (*spatial) integer array
        Label map with ids 1 … n.
    header : ModelHeader
        Header with the head and the classes.

    Returns
    -------
    list of n floats
    """
    inside = np.zeros(instance.shape)
    for channel, class_id in enumerate(sorted(header.classes), start=1):
        if header.classes[class_id].kind == "thing":
            inside += probabilities[channel]
    if head_class(header.head).has_border:
        inside += probabilities[len(header.classes) + 1]
    ids = instance.ravel()
    sizes = np.bincount(ids)[1:]
    sums = np.bincount(ids, weights=inside.ravel())[1:]
    return np.round(sums / sizes.clip(min=1), 6).clip(max=1).tolist()


def describe(model: Model, settings: Predict) -> PredictionAttributes:
    """Return the attributes of a prediction, which describe its model and its windows."""
    header = model.header
    return PredictionAttributes(
        annotation=header.annotation,
        classes={number: spec.name for number, spec in sorted(header.classes.items())},
        decoder=header.decoder.described(),
        tile=tuple(_tile(header, model.segmenter, settings)),
        models=tuple(model.digests),
    )
