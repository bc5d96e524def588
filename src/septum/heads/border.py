"""The border head: background, classes, and the border of instances as one more class."""

from __future__ import annotations

import numpy as np

from septum.heads.base import Head


class BorderHead(Head):
    """Background, the inside of each class, and the border of all instances.

    A border pixel belongs to an instance and shares a face with a pixel of another instance or
    of the background (a one-pixel inner boundary, without the border of the image), as in the
    three-class U-Net of the StarDist paper (Schmidt et al., MICCAI 2018,
    https://arxiv.org/abs/1806.03535). Without instances there is no border.
    """

    has_border = True

    @staticmethod
    def channels(n_classes: int) -> int:
        """Return 2 + n_classes."""
        return 2 + n_classes

    def target(self, semantic: np.ndarray, instance: np.ndarray | None) -> np.ndarray:
        """Return the class channels, n_classes + 1 on borders (see `Head.target`)."""
        channel = self._classes_as_channels(semantic)
        if instance is not None:
            channel[_inner_boundary(np.asarray(instance))] = len(self.classes) + 1
        return channel


def _inner_boundary(instance: np.ndarray) -> np.ndarray:
    """Return the mask of instance pixels that share a face with a pixel of another id."""
    boundary = np.zeros(instance.shape, bool)
    for axis in range(instance.ndim):
        ahead = (slice(None),) * axis + (slice(1, None),)
        behind = (slice(None),) * axis + (slice(None, -1),)
        differ = instance[ahead] != instance[behind]
        boundary[ahead] |= differ
        boundary[behind] |= differ
    return boundary & (instance > 0)
