"""Maps of a network that makes no mistake."""

from __future__ import annotations

import numpy as np
from every_head import HEADS

from septum.config.schema import ClassSpec

ONE = {1: ClassSpec(name="nucleus")}


def perfect(head, instance, classes=ONE, semantic=None):
    """Return the probabilities of a network that is right and sure everywhere."""
    semantic = (instance > 0).astype(np.uint16) if semantic is None else semantic
    target = HEADS[head](classes).target(semantic, instance)
    channels = np.arange(HEADS[head].channels(len(classes)))
    return (target == channels.reshape(-1, *[1] * target.ndim)).astype(np.float32)
