"""From an image to its label maps, by a trained model or by several."""

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
    """Return the probabilities (K, *spatial), float32, of an image, refined where asked for.

    Parameters
    ----------
    segmenter : Segmenter
        Used on the device where it is.
    header : ModelHeader
    image : (C, *spatial) array, numpy or zarr
        Raw; read window by window.
    statistics : IntensityStatistics
        Of the whole image (`septum.data.intensity.statistics`).
    settings : Predict

    Raises
    ------
    SeptumError
        If ``predict.tile`` has another number of axes than the image, or ``predict.crf`` is
        given for a head that regresses.
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
        planes=_turned_planes(header) if settings.tta else None,
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
    """Return the objects that detectors find in an image, and the stuff where they know stuff.

    The first parameters are those of `predict_probabilities`; turned images (``predict.tta``)
    are for the maps of stuff only.

    Parameters
    ----------
    mask_thresholds : sequence of float
        Probabilities above which a pixel belongs to an object: a scene of each.
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
    for level, *of_models in zip(mask_thresholds, *detected, strict=True):
        shape = image.shape[1:]
        objects = ensemble_detections(of_models, shape) if several else of_models[0]
        scenes[level] = Scene(objects, stuff)
    return scenes


def _normaliser(
    header: ModelHeader, statistics: IntensityStatistics
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from raw intensities to the network's input."""
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
    """Return the probabilities refined by the (normalised) image they are of."""
    if head_class(header.head).regression is not None:
        what = f"is for class probabilities, and the model's head is {header.head!r}"
        raise problem("predict.crf", what, "set it to false")
    finest = min(header.spacing)
    refined = refine(
        torch.from_numpy(probabilities).to(device),
        torch.from_numpy(image),
        # pixels of the finest axis, whatever the unit: thick slices are further apart
        spacing=[step / finest for step in header.spacing],
        **settings.model_dump(),
    )
    return refined.cpu().numpy()


def _turned_planes(header: ModelHeader) -> list[tuple[int, int]]:
    """Return the planes in which training turned its patches: the network knows no others.

    Raises
    ------
    SeptumError
        If it was trained without flips, which every symmetry is made of.
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
    """Return the class map, the instance map and the objects' scores of an image.

    Parameters are those of `predict_probabilities`; the decoder is the model's. The maps are
    uint16 and uint32; where only classes are predicted, there are no instances and no scores.
    """
    header = model.header
    if registry.HEADS[header.head].of_detectors:
        level = header.decoder["mask_threshold"]
        arguments = model.segmenter, header, image, statistics, settings
        scene = predict_scenes(*arguments, [level])[level]
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
    """Return how sure a network is of each object: the mean probability of being in one.

    Parameters
    ----------
    probabilities : (K, *spatial) float array
        As `septum.decoding.decode.decode` takes them; classes of things are added up, and with them
        the border.
    instance : (*spatial) integer array
        Objects 1 … n.
    header : ModelHeader
        With the head and the classes.

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
    """Return what is kept beside a prediction about the model that made it, and its windows."""
    header = model.header
    return PredictionAttributes(
        annotation=header.annotation,
        classes={number: spec.name for number, spec in sorted(header.classes.items())},
        decoder=header.decoder.described(),
        tile=tuple(_tile(header, model.segmenter, settings)),
        models=tuple(model.digests),
    )
