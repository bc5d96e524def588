"""Normalised cuts of a graph of superpixels (Shi and Malik, IEEE TPAMI 2000).

https://doi.org/10.1109/34.868688

The nodes are superpixels (SLIC; Achanta et al., IEEE TPAMI 2012). Edges connect touching
superpixels; their weight is the similarity of grey values times the relative area of contact.
The graph is divided recursively while the normalised cut is below ``cut``
(`skimage.graph.cut_normalized`). Departures: objects are separated from the background by the
threshold, since this first cut would need the eigenvectors of the whole image; each connected
component of the foreground is a graph of its own. A component has at most `MAX_NODES`
superpixels, so that they are larger in large components.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from scipy import ndimage
from skimage.graph import RAG, cut_normalized
from skimage.segmentation import slic

from septum.classical.base import Length, Method

MAX_NODES = 500
"""Largest number of superpixels of a component, whose eigenvectors take a second to compute."""
COMPACTNESS = 0.3
"""Weight of spatial proximity relative to grey values, which SLIC scales to 0…1."""


class NormalizedCut(Method):
    """Foreground by the threshold, then recursive normalised cuts of its superpixels.

    Parameters
    ----------
    superpixel : float
        Edge of a superpixel, in pixels.
    contrast : float
        Difference of grey values at which the similarity of two superpixels is 0.6, where 1 is
        the contrast of objects to the background.
    cut : float
        Normalised cut (0 to 2) below which a component is cut in two; 0 for no cuts.

    Notes
    -----
    The other parameters are those of `septum.classical.base.Method`.
    """

    superpixel: Annotated[float, Field(ge=1)] = 3.0
    contrast: Annotated[float, Field(gt=0)] = 0.3
    cut: Length = 0.1

    tuning_pixels: ClassVar[int] = 2**19

    @classmethod
    def grid(cls, edge: float) -> dict[str, Sequence[Any]]:
        """Return the values that tuning tries (`septum.classical.base.Method.grid`)."""
        edges = (edge / share for share in (4, 3, 6))
        return {
            **Method.grid(edge),
            "cut": (0.1, 0.0, 0.02, 0.05, 0.2, 0.3),
            "superpixel": tuple(max(1.0, round(length, 1)) for length in edges),
            "contrast": (0.3, 0.1, 0.6),
        }

    def find(self, grey: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Return a label map (`septum.classical.base.Method.find`)."""
        components, count = ndimage.label(grey > self.level)
        if not self.cut:
            return components
        for number, box in enumerate(ndimage.find_objects(components), start=1):
            mask = components[box] == number
            parts = self._cut(grey[box], mask, steps)
            # the first part keeps the number of its component
            components[box][parts > 1] = count + parts[parts > 1] - 1
            count += parts.max() - 1
        return components

    def _cut(self, grey: np.ndarray, mask: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Return the label map of the parts of one connected component, numbered from 1."""
        volume = mask.sum() * np.prod(steps)
        nodes = min(MAX_NODES, round(volume / self.superpixel**grey.ndim))
        labels = mask.astype(int)
        if nodes < 2 or min(mask.shape) < 2:
            return labels
        superpixels = slic(
            grey, nodes, COMPACTNESS, mask=mask, spacing=steps, channel_axis=None, start_label=1
        )
        graph = self._graph(grey, superpixels, steps)
        parts = cut_normalized(superpixels, graph, thresh=self.cut, rng=0)
        labels[mask] = np.unique(parts[mask], return_inverse=True)[1] + 1
        return labels

    def _graph(self, grey: np.ndarray, superpixels: np.ndarray, steps: np.ndarray) -> RAG:
        """Return the graph of superpixels, weighted by similarity and contact (0 to 1)."""
        count = superpixels.max()
        means = ndimage.mean(grey, superpixels, np.arange(1, count + 1))
        edge = ((superpixels > 0).sum() * np.prod(steps) / count) ** (1 / grey.ndim)
        contact = np.zeros((count + 1, count + 1))
        for axis in range(grey.ndim):
            along = np.moveaxis(superpixels, axis, 0)
            face = np.prod(np.delete(steps, axis)) / edge ** (grey.ndim - 1)
            np.add.at(contact, (along[:-1], along[1:]), face)
        contact = np.triu(np.minimum(contact + contact.T, 1), 1)
        graph = RAG()
        graph.add_nodes_from((n, {"labels": [n]}) for n in range(1, count + 1))
        for a, b in np.argwhere(contact[1:, 1:]) + 1:
            similarity = np.exp(-((means[a - 1] - means[b - 1]) ** 2) / (2 * self.contrast**2))
            graph.add_edge(int(a), int(b), weight=float(contact[a, b] * similarity))
        return graph
