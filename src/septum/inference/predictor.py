"""A trained model, or several, as one that predicts: from an image to its label maps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from septum.config import registry
from septum.config.schema import CRF, Predict
from septum.data.intensity import normalise
from septum.data.windows import square_planes
from septum.decoding.decode import decode
from septum.decoding.objects import agree
from septum.decoding.panoptic import likeliest_stuff
from septum.errors import problem
from septum.heads.heads import HEADS
from septum.inference.crf import refine
from septum.inference.detect_tiled import Scene, decode_scene, detect_tiled
from septum.inference.tiling import auto_tile, predict_tiled
from septum.networks.device import CHANNELS_LAST
from septum.networks.model_file import ModelHeader, load_model
from septum.networks.segmenter import Segmenter

OF_OBJECTS = ("threshold", "overlap", "min_size", "min_stuff")
"""What of a decoder `decode_scene` takes; `predict_scenes` takes its mask_threshold."""
OF_MAPS = ("method", "threshold", "seed_threshold", "flow_error", "min_size", "min_stuff")
"""What of a decoder `septum.decoding.decode.decode` takes."""
_DECODER = tuple(dict.fromkeys((*OF_MAPS, *OF_OBJECTS, "mask_threshold")))


@dataclass(frozen=True)
class Model:
    """What predicts: one network, or the mean of several.

    Parameters
    ----------
    segmenter : Segmenter
        On the device, in evaluation mode.
    header : ModelHeader
        With the decoder to be used.
    digests : tuple of str
        SHA-256 of each model file.
    """

    segmenter: Segmenter
    header: ModelHeader
    digests: tuple[str, ...]


class Ensemble(Segmenter):
    """The mean of the probabilities of networks of one architecture.

    What detectors find has no mean: it is put together by `predict_scenes`.
    """

    def __init__(self, segmenters: Sequence[Segmenter]) -> None:
        super().__init__()
        self.segmenters = nn.ModuleList(segmenters)
        self.margin = segmenters[0].margin
        self.stride = segmenters[0].stride

    def legal_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest input size that is accepted and that holds ``size``."""
        return self.segmenters[0].legal_size(size)

    def losses(self, images: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Refuse: an ensemble is made of trained networks."""
        raise TypeError("an ensemble is not trained")

    def turned_back(
        self, spatial_dims: int, order: Sequence[int], flips: Sequence[int]
    ) -> tuple[list[int], list[float]] | None:
        """Say what the channels of a turned image's prediction mean for the image."""
        return self.segmenters[0].turned_back(spatial_dims, order, flips)

    def predict(self, images: Tensor) -> Tensor:
        """Return the mean maps (N, K, *(size - 2 * margin))."""
        total = self.segmenters[0].predict(images)
        for segmenter in self.segmenters[1:]:
            total = total + segmenter.predict(images)
        return total / len(self.segmenters)


def load_models(paths: Sequence[str | Path], device: torch.device) -> Model:
    """Load model files as one predictor.

    Of several models the decoder's method is the one that they do best by: its scores on their
    validation cases, added up, are highest (of equals ``components``). Its numbers are the
    medians over the models that chose this method.

    Raises
    ------
    SeptumError
        If a file is no model, or the models do not go together.
    """
    loaded = [load_model(path, device) for path in paths]
    headers = [header for _, header in loaded]
    for path, header in zip(paths, headers, strict=True):
        if "method" not in header.decoder:
            raise problem(path, "holds no decoder", "train it to its end by `septum train`")
    _require_same_kind(paths, headers)
    layout = CHANNELS_LAST[headers[0].spatial_dims + 2]
    # weights laid out as the images are: a third faster on a CPU
    segmenters = [segmenter.to(memory_format=layout) for segmenter, _ in loaded]
    digests = tuple(hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths)
    if len(loaded) == 1:
        return Model(segmenters[0], headers[0], digests)
    decoder = common_decoder([header.decoder for header in headers])
    header = headers[0].model_copy(update={"decoder": decoder})
    return Model(Ensemble(segmenters).eval(), header, digests)


def common_decoder(decoders: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the decoder of an ensemble (see `load_models`)."""
    present = [decoder["method"] for decoder in decoders]
    simplest_first = [name for head in registry.HEADS.values() for name in head.methods]
    methods = [name for name in dict.fromkeys([*simplest_first, *present]) if name in present]

    def total(method: str) -> float:
        return sum(d.get("score") or 0.0 for d in decoders if d["method"] == method)

    method = max(methods, key=total)  # the first of equals
    chosen = [decoder for decoder in decoders if decoder["method"] == method]
    common: dict[str, Any] = {"method": method}
    for name in _DECODER[1:]:
        values = [decoder.get(name) for decoder in chosen]
        common[name] = None if None in values else median(values)
    for name in ("min_size", "min_stuff"):
        if common[name] is not None:
            common[name] = round(common[name])
    return common


def _require_same_kind(paths: Sequence[str | Path], headers: Sequence[ModelHeader]) -> None:
    kinds = ("network", "options", "spatial_dims", "in_channels", "head", "classes")
    for path, header in zip(paths[1:], headers[1:], strict=True):
        for kind in (*kinds, "annotation", "normalisation"):
            if getattr(header, kind) != getattr(headers[0], kind):
                what = f"does not go together with {paths[0]}: they differ in {kind}"
                raise problem(path, what, "give the models of one experiment on one dataset")


def predict_probabilities(
    segmenter: Segmenter,
    header: ModelHeader,
    image: Any,
    statistics: Mapping[str, Any],
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
    statistics : mapping
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
    normalised = partial(normalise, statistics=statistics, normalisation=header.normalisation)
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
    statistics: Mapping[str, Any],
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
    found = [
        detect_tiled(
            detector,
            image,
            tile=_tile(header, detector, settings),
            overlap=settings.overlap,
            batch=settings.batch,
            device=next(detector.parameters()).device,
            mask_thresholds=mask_thresholds,
            normalise=partial(normalise, statistics=statistics, normalisation=header.normalisation),
            progress=True,
        )
        for detector in (segmenter.segmenters if several else [segmenter])
    ]
    stuff = None
    if header.head == "panoptic" and header.annotation == "panoptic":
        probabilities = predict_probabilities(segmenter, header, image, statistics, settings)
        stuff = likeliest_stuff(probabilities, header.classes)
    scenes = {}
    for level, *of_models in zip(mask_thresholds, *found, strict=True):
        objects = agree(of_models, image.shape[1:]) if several else of_models[0]
        scenes[level] = Scene(objects, stuff)
    return scenes


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
    if HEADS[header.head].regression is not None:
        what = f"is for class probabilities, and the model's head is {header.head!r}"
        raise problem("predict.crf", what, "set it to false")
    finest = min(header.spacing)
    found = refine(
        torch.from_numpy(probabilities).to(device),
        torch.from_numpy(image),
        # pixels of the finest axis, whatever the unit: thick slices are further apart
        spacing=[step / finest for step in header.spacing],
        **settings.model_dump(),
    )
    return found.cpu().numpy()


def _turned_planes(header: ModelHeader) -> list[tuple[int, int]]:
    """Return the planes in which training turned its patches: the network knows no others.

    Raises
    ------
    SeptumError
        If it was trained without flips, which every symmetry is made of.
    """
    if not header.trained.get("flip", True):
        what = "asks for flips, but the model was trained without (train.flip)"
        raise problem("predict.tta", what, "set it to false, or train with train.flip")
    if not header.trained.get("rotate", True):
        return []
    return square_planes(header.patch, header.spacing)


def predict_case(
    model: Model, image: Any, statistics: Mapping[str, Any], settings: Predict
) -> tuple[np.ndarray, np.ndarray | None, list[float] | None]:
    """Return the class map, the instance map and the objects' scores of an image.

    Parameters are those of `predict_probabilities`; the decoder is the model's. The maps are
    uint16 and uint32; where only classes are predicted, there are no instances and no scores.
    """
    header = model.header
    if registry.HEADS[header.head].of_detectors:
        level = header.decoder["mask_threshold"]
        given = model.segmenter, header, image, statistics, settings
        scene = predict_scenes(*given, [level])[level]
        levels = {name: header.decoder[name] for name in OF_OBJECTS}
        return decode_scene(scene, image.shape[1:], header.classes, **levels)
    probabilities = predict_probabilities(model.segmenter, header, image, statistics, settings)
    semantic, instance = decode(
        probabilities,
        head=header.head,
        classes=header.classes,
        annotation=header.annotation,
        spacing=header.spacing,
        **{name: header.decoder[name] for name in OF_MAPS if name in header.decoder},
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
    if header.head == "border":
        inside += probabilities[len(header.classes) + 1]
    ids = instance.ravel()
    sizes = np.bincount(ids)[1:]
    sums = np.bincount(ids, weights=inside.ravel())[1:]
    return np.round(sums / sizes.clip(min=1), 6).clip(max=1).tolist()


def describe(model: Model, settings: Predict) -> dict[str, Any]:
    """Return what is kept beside a prediction about the model that made it, and its windows."""
    header = model.header
    return {
        "annotation": header.annotation,
        "classes": {str(i): spec.name for i, spec in sorted(header.classes.items())},
        "decoder": {name: header.decoder.get(name) for name in _DECODER},
        "tile": list(_tile(header, model.segmenter, settings)),
        "models": list(model.digests),
    }
