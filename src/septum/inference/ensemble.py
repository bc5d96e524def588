"""One trained model, or several of one kind, as one that predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from septum.config import registry
from septum.data.fold_values import common_parameters
from septum.decoding.parameters import Decoder
from septum.errors import problem
from septum.networks.device import CHANNELS_LAST
from septum.networks.model_file import StoredModel, read_model
from septum.networks.model_header import ModelHeader
from septum.networks.segmenter import Segmenter

SAME_IN_ALL = (
    "network",
    "options",
    "spatial_dims",
    "in_channels",
    "head",
    "classes",
    "annotation",
    "intensities",
)
"""What the headers of models say alike that go together."""


@dataclass(frozen=True)
class Model:
    """One network that predicts, or the mean of several.

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

    The objects of detectors have no mean: `septum.inference.predictor.predict_scenes` merges them.
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
    """Load model files as one predictor (see `combine`).

    Raises
    ------
    SeptumError
        If a file is no model, or the models do not go together.
    """
    stored = [read_model(path) for path in paths]
    require_same_kind(stored)
    return combine([make_model(one, device) for one in stored])


def make_model(stored: StoredModel, device: torch.device) -> Model:
    """Return a model file that was read as one that predicts.

    Raises
    ------
    SeptumError
        If it holds no decoder, or its weights do not fit the network that it names.
    """
    if stored.header.decoder is None:
        raise problem(stored.path, "holds no decoder", "tune one by `septum tune`")
    # weights laid out as the images are: a third faster on a CPU
    layout = CHANNELS_LAST[stored.header.spatial_dims + 2]
    segmenter = stored.segmenter(device).to(memory_format=layout)
    return Model(segmenter, stored.header, (stored.sha256,))


def combine(models: Sequence[Model]) -> Model:
    """Return the mean of several models, which share their networks with it; of one, itself.

    The decoder is their `common_decoder`, all else the first one's.
    """
    if len(models) == 1:
        return models[0]
    decoder = common_decoder([model.header.decoder for model in models])
    header = models[0].header.model_copy(update={"decoder": decoder})
    digests = tuple(digest for model in models for digest in model.digests)
    return Model(Ensemble([model.segmenter for model in models]).eval(), header, digests)


def common_decoder(decoders: Sequence[Decoder]) -> Decoder:
    """Return the decoder of an ensemble.

    Its method is the one that the models do best by: its scores on their validation cases, added
    up, are highest (of equals the first of `septum.config.registry.METHODS`). Its parameters are
    the medians over the models that chose this method
    (`septum.data.fold_values.common_parameters`).
    """
    chosen: dict[str, list[Decoder]] = {}
    for decoder in decoders:
        chosen.setdefault(decoder.method, []).append(decoder)
    simplest_first = [name for name in (*registry.METHODS, *chosen) if name in chosen]
    # the first of equals
    method = max(simplest_first, key=lambda name: sum(d.score or 0.0 for d in chosen[name]))
    parameters = common_parameters([decoder.parameters for decoder in chosen[method]])
    return Decoder(method=method, parameters=parameters)


def require_same_kind(stored: Sequence[StoredModel]) -> None:
    """Raise if model files do not go together, naming the first difference."""
    first = stored[0]
    for other in stored[1:]:
        for name in SAME_IN_ALL:
            if getattr(other.header, name) != getattr(first.header, name):
                what = f"does not go together with {first.path}: they differ in {name}"
                raise problem(other.path, what, "give the models of one experiment on one dataset")
