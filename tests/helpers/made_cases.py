"""Training cases made of arrays."""

from __future__ import annotations

import numpy as np

from septum.config.schema import NoScaling
from septum.data.store_attributes import IntensityStatistics
from septum.stages.train.cases import TrainingCase
from septum.stages.train.foreground import find_foreground

NONE = NoScaling()
NO_STATISTICS = IntensityStatistics({}, [], [])


def case_of(image, instance, name="a", weights=None):
    semantic = (instance > 0).astype(np.uint16)
    foreground = find_foreground(semantic, instance, np.random.default_rng(0))
    return TrainingCase(name, image, semantic.astype(np.uint8), weights, NO_STATISTICS, foreground)


def ramp(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(1, *shape)
