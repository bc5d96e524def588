"""Minimum cuts of pixel grids. This is the only module that uses PyMaxflow, which is GPL.

The energy of a labelling L (object or background) is

    E(L) = Σ_p cost of p's label + Σ_pq weight_pq · [L_p ≠ L_q]

over pixels p and pairs of neighbours pq. Its global minimum is a minimum cut (Greig, Porteous
and Seheult 1989), which is found by the algorithm of Boykov and Kolmogorov (IEEE TPAMI 2004).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from septum.errors import problem

try:
    import maxflow
except ImportError:
    raise problem(
        "PyMaxflow",
        "is not installed, and the baselines graph_cut and cpmc need it",
        "pip install 'septum[graphcut]' (it is under the GPL, Septum itself under BSD-3-Clause), "
        "or choose another method, such as watershed",
    ) from None


@dataclass(frozen=True)
class Edges:
    """The edges from every pixel to its neighbour in one direction.

    Parameters
    ----------
    offset : tuple of int
        Offset from a pixel to its neighbour, -1, 0 or 1 along each axis.
    length : float
        Distance between the centres of the two.
    weights : (*spatial) float64 array, >= 0
        Weight of the edge that begins at each pixel; it has no effect where the edge leaves the
        image.
    """

    offset: tuple[int, ...]
    length: float
    weights: np.ndarray

    def within(self, window: tuple[slice, ...]) -> Edges:
        """Return the edges of a part of the image."""
        return Edges(self.offset, self.length, self.weights[window])

    def ends(self, array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the values of an array (*spatial) at both ends of each edge (views)."""
        sizes = list(zip(self.offset, array.shape, strict=True))
        begin = tuple(slice(max(0, -o), n - max(0, o)) for o, n in sizes)
        end = tuple(slice(max(0, o), n - max(0, -o)) for o, n in sizes)
        return array[begin], array[end]


def contrast_edges(grey: np.ndarray, steps: np.ndarray, *, connectivity: int) -> list[Edges]:
    """Weight edges by the similarity of neighbours, exp(−(I_p − I_q)² / (2 σ²)) / distance.

    Boykov and Jolly (ICCV 2001) do not define σ². As in Rother et al. (SIGGRAPH 2004), it is the
    mean squared difference of neighbours that share a face, so that weights adapt to the
    contrast of the image.

    Parameters
    ----------
    grey : (*spatial) float array
    steps : (axes,) array
        Distance between pixel centres along each axis.
    connectivity : int
        Largest number of axes along which neighbours differ; 1 for neighbours through faces.

    Returns
    -------
    list of Edges
        Edges of every direction, where each pair of neighbours occurs once.
    """
    squares = [np.diff(grey.astype(float), axis=axis) ** 2 for axis in range(grey.ndim)]
    variance = sum(s.sum() for s in squares) / max(1, sum(s.size for s in squares))
    by_offset = []
    for offset in itertools.product((-1, 0, 1), repeat=grey.ndim):
        # only the forward one of two opposite directions
        if not 0 < np.count_nonzero(offset) <= connectivity or offset < (0,) * grey.ndim:
            continue
        edges = Edges(offset, float(np.linalg.norm(offset * steps)), np.zeros(grey.shape))
        begin, end = edges.ends(grey.astype(float))
        similarity = np.exp(-((begin - end) ** 2) / (2 * variance)) if variance else 1.0
        edges.ends(edges.weights)[0][...] = similarity / edges.length
        by_offset.append(edges)
    return by_offset


def minimum_cut(
    as_background: np.ndarray, as_object: np.ndarray, edges: list[Edges]
) -> tuple[np.ndarray, float]:
    """Return the labelling of minimum energy.

    Parameters
    ----------
    as_background, as_object : (*spatial) float arrays, >= 0
        Costs of the two labels of each pixel.
    edges : list of Edges
        Edges whose weights are the costs of different labels at their ends.

    Returns
    -------
    mask : (*spatial) bool array
        Pixels of objects.
    energy : float
        Minimum energy.
    """
    shape = as_background.shape
    graph = maxflow.Graph[float](as_background.size, len(edges) * as_background.size)
    nodes = graph.add_grid_nodes(shape)
    for directed in edges:
        structure = np.zeros((3,) * len(shape))
        structure[tuple(o + 1 for o in directed.offset)] = 1
        graph.add_grid_edges(nodes, directed.weights, structure, symmetric=True)
    # objects are on the side of the source; pixels on the side of the sink are background
    graph.add_grid_tedges(nodes, as_background, as_object)
    energy = graph.maxflow()
    return ~graph.get_grid_segments(nodes), energy
