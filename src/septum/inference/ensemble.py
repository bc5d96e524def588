"""A trained model, or an ensemble of several of the same kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from septum.config import registry
from septum.data.fold_values import common_parameters
from septum.decoding.parameters import Decoder
from septum.errors import problem
from septum.networks.device import CHANNELS_LAST
from septum.networks.model_file import StoredModel
from septum.networks.model_header import ModelHeader
from septum.networks.segmenter import Segmenter

FIELDS_EQUAL_IN_ENSEMBLE = (
    "network",
    "options",
    "spatial_dims",
    "in_channels",
    "head",
    "classes",
    "annotation",
    "intensities",
)
"""Fields of the header that must be equal in all models of an ensemble."""


@dataclass(frozen=True)
class Model:
    """A network for inference, or the mean of several.

    Parameters
    ----------
    segmenter : Segmenter
        The network, on its device and in evaluation mode.
    header : ModelHeader
        The header, including the decoder.
    digests : tuple of str
        SHA-256 of each model file.
    """

    segmenter: Segmenter
    header: ModelHeader
    digests: tuple[str, ...]


class Ensemble(Segmenter):
    """The mean of the probabilities of networks of one architecture.

    Objects of detectors are not averaged but merged (`septum.inference.predictor.predict_scenes`).
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
        """Raise a TypeError, since an ensemble consists of trained networks."""
        raise TypeError("an ensemble is not trained")

    def undo_symmetry(
        self, spatial_dims: int, order: Sequence[int], flips: Sequence[int]
    ) -> tuple[list[int], list[float]] | None:
        """Return how to transform the channels back (see `Segmenter.undo_symmetry`)."""
        return self.segmenters[0].undo_symmetry(spatial_dims, order, flips)

    def predict(self, images: Tensor) -> Tensor:
        """Return the mean maps (N, K, *(size - 2 * margin))."""
        total = self.segmenters[0].predict(images)
        for segmenter in self.segmenters[1:]:
            total = total + segmenter.predict(images)
        return total / len(self.segmenters)


def make_model(stored: StoredModel, device: torch.device) -> Model:
    """Create a model from the contents of a model file.

    Raises
    ------
    SeptumError
        If the file holds no decoder, or its weights do not fit the network that it names.
    """
    if stored.header.decoder is None:
        raise problem(stored.path, "holds no decoder", "tune one by `septum tune`")
    # weights in the same layout as images make inference a third faster on a CPU
    layout = CHANNELS_LAST[stored.header.spatial_dims + 2]
    segmenter = stored.segmenter(device).to(memory_format=layout)
    return Model(segmenter, stored.header, (stored.sha256,))


def combine(models: Sequence[Model]) -> Model:
    """Return the ensemble of several models, which shares their networks.

    Its decoder is their `common_decoder`, and the other fields of its header are those of the
    first model. A single model is returned unchanged.
    """
    if len(models) == 1:
        return models[0]
    decoder = common_decoder([model.header.decoder for model in models])
    header = models[0].header.model_copy(update={"decoder": decoder})
    digests = tuple(digest for model in models for digest in model.digests)
    return Model(Ensemble([model.segmenter for model in models]).eval(), header, digests)


def common_decoder(decoders: Sequence[Decoder]) -> Decoder:
    """Return the decoder of an ensemble.

    Its method is the one with the highest sum of scores on the models' validation cases (of
    equal ones the first in `septum.config.registry.METHODS`). Its parameters are the medians over
    the models that have this method (`septum.data.fold_values.common_parameters`).
    """
    by_method: dict[str, list[Decoder]] = {}
    for decoder in decoders:
        by_method.setdefault(decoder.method, []).append(decoder)
    simplest_first = [name for name in (*registry.METHODS, *by_method) if name in by_method]
    # max returns the first of equal ones
    method = max(simplest_first, key=lambda name: sum(d.score or 0.0 for d in by_method[name]))
    parameters = common_parameters([decoder.parameters for decoder in by_method[method]])
    return Decoder(method=method, parameters=parameters)


def require_same_kind(stored: Sequence[StoredModel]) -> None:
    """Raise if model files differ in kind, naming the first difference."""
    first = stored[0]
    for other in stored[1:]:
        for name in FIELDS_EQUAL_IN_ENSEMBLE:
            if getattr(other.header, name) != getattr(first.header, name):
                what = f"does not go together with {first.path}: they differ in {name}"
                raise problem(other.path, what, "give the models of one experiment on one dataset")
