"""The semantic head: background and classes."""

from __future__ import annotations

import numpy as np

from septum.heads.base import Head
from septum.instances.touching import separate_touching


class SemanticHead(Head):
    """Background and classes, with a ridge of background between touching instances.

    The ridge is one pixel wide (`septum.instances.touching.separate_touching`). Together with
    border weights this is the scheme of the U-Net paper.
    """

    @staticmethod
    def channels(n_classes: int) -> int:
        """Return 1 + n_classes."""
        return 1 + n_classes

    def target(self, semantic: np.ndarray, instance: np.ndarray | None) -> np.ndarray:
        """Return the class channels, 0 on the ridges (see `Head.target`)."""
        channel = self._classes_as_channels(semantic)
        if instance is not None:
            instance = np.asarray(instance)
            channel[(instance > 0) & (separate_touching(instance) == 0)] = 0
        return channel
