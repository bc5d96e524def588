"""Non-maximum suppression: of boxes that overlap, the one with the highest score is kept.

The suppression is greedy and exact: in the order of falling score, a box is kept unless its IoU
with a box kept before exceeds the threshold. Two boxes overlap only if they share a cell of a
grid, so that each is compared with boxes kept in its own cells and not with all.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from septum.jit import compiled

_MAX_CELLS = 2**18


def nms(boxes: Tensor, scores: Tensor, threshold: float, groups: Tensor | None = None) -> Tensor:
    """Return the indices of the boxes to keep.

    Parameters
    ----------
    boxes : (n, 2 * axes) float tensor
        Start and end along each axis.
    scores : (n,) float tensor
        Scores; boxes of equal score are taken in their order.
    threshold : float
        IoU above which the box with the lower score is dropped.
    groups : (n,) integer tensor, optional
        Groups (classes, images); boxes of different groups are not compared.

    Returns
    -------
    (k,) int64 tensor
        Indices by falling score, on the device of ``boxes``. The work is done on the CPU.
    """
    if len(boxes) == 0:
        return torch.zeros(0, dtype=torch.int64, device=boxes.device)
    corners = boxes.detach().cpu().double().numpy()
    axes = corners.shape[1] // 2
    start, stop = np.ascontiguousarray(corners[:, :axes]), np.ascontiguousarray(corners[:, axes:])
    order = np.argsort(-scores.detach().cpu().double().numpy(), kind="stable")
    if groups is None:
        group = np.zeros(len(start), np.int64)
    else:
        group = groups.detach().cpu().numpy().astype(np.int64)
    first, last, n_cells = _cells(start, stop)
    indices = _suppress(start, stop, order, group, first, last, n_cells, threshold)
    return torch.from_numpy(indices).to(boxes.device)


def _cells(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the first and the last cell of each box along each axis, and the number of cells.

    A cell has the average size of the boxes.
    """
    low, high = start.min(axis=0), stop.max(axis=0)
    edge = np.maximum((stop - start).mean(axis=0), 1e-9)
    most = int(_MAX_CELLS ** (1 / start.shape[1]))
    n_cells = np.clip(np.ceil((high - low) / edge), 1, most).astype(np.int64)
    edge = np.maximum((high - low) / n_cells, 1e-9)
    first = np.clip(((start - low) / edge).astype(np.int64), 0, n_cells - 1)
    last = np.clip(((stop - low) / edge).astype(np.int64), first, n_cells - 1)
    return first, last, n_cells


@compiled
def _suppress(start, stop, order, group, first, last, n_cells, threshold):  # noqa: ANN001, ANN202
    """Keep boxes in the given order; each cell has a linked list of those kept in it."""
    axes = start.shape[1]
    total = 1
    for a in range(axes):
        total *= n_cells[a]
    newest = np.full(total, -1, np.int64)
    entry_box = np.empty(4 * len(order), np.int64)
    entry_next = np.empty(4 * len(order), np.int64)
    entries = 0
    kept = np.empty(len(order), np.int64)
    n_kept = 0
    for box in order:
        spread = 1
        for a in range(axes):
            spread *= last[box, a] - first[box, a] + 1
        stays = True
        for step in range(spread):
            entry = newest[_cell(step, first[box], last[box], n_cells)]
            while entry >= 0 and stays:
                earlier = entry_box[entry]
                if group[earlier] == group[box]:
                    stays = _iou(start, stop, box, earlier) <= threshold
                entry = entry_next[entry]
            if not stays:
                break
        if not stays:
            continue
        kept[n_kept] = box
        n_kept += 1
        if entries + spread > len(entry_box):
            more = len(entry_box) + spread
            entry_box = np.concatenate((entry_box, np.empty(more, np.int64)))
            entry_next = np.concatenate((entry_next, np.empty(more, np.int64)))
        for step in range(spread):
            cell = _cell(step, first[box], last[box], n_cells)
            entry_box[entries] = box
            entry_next[entries] = newest[cell]
            newest[cell] = entries
            entries += 1
    return kept[:n_kept].copy()


@compiled
def _cell(step, first, last, n_cells):  # noqa: ANN001, ANN202
    """Return the flat index of the step-th cell between first and last."""
    cell = 0
    for a in range(len(first)):
        width = last[a] - first[a] + 1
        cells_per_step = 1
        for b in range(a + 1, len(first)):
            cells_per_step *= last[b] - first[b] + 1
        cell = cell * n_cells[a] + first[a] + (step // cells_per_step) % width
    return cell


@compiled
def _iou(start, stop, i, j):  # noqa: ANN001, ANN202
    intersection, volume_i, volume_j = 1.0, 1.0, 1.0
    for a in range(start.shape[1]):
        intersection *= max(min(stop[i, a], stop[j, a]) - max(start[i, a], start[j, a]), 0.0)
        volume_i *= stop[i, a] - start[i, a]
        volume_j *= stop[j, a] - start[j, a]
    return intersection / (volume_i + volume_j - intersection) if intersection > 0 else 0.0
