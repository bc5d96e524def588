"""Model files that are read and made in one go."""

from __future__ import annotations

from septum.inference.ensemble import combine, make_model, require_same_kind
from septum.networks.model_file import read_model


def load_model(path, device="cpu"):
    """Return the segmenter and the header of a model file."""
    stored = read_model(path)
    return stored.segmenter(device), stored.header


def load_models(paths, device):
    """Return the model that several model files are together."""
    stored = [read_model(path) for path in paths]
    require_same_kind(stored)
    return combine([make_model(model, device) for model in stored])
