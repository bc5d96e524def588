"""Parts of the headers of model files."""

from __future__ import annotations

from septum.networks.model_header import TrainingRecord


def training_record(**changes):
    """Return how a model was trained, with what is of interest changed."""
    known = {"dataset": "balls", "experiment": "net", "fold": 0, "seed": 0, "cases": 3}
    known |= {"epochs": 2, "best_epoch": 1, "best": 0.5}
    return TrainingRecord(**{**known, **changes})
