"""SEG, the segmentation measure of the Cell Tracking Challenge.

For every true object the Jaccard index with the one predicted object that covers more than
half of it, 0 where there is none; averaged over the true objects (Maška et al.,
Bioinformatics 2014; the "IoU" of the U-Net paper's cell tables). Spurious objects do not count.
"""

from __future__ import annotations

import numpy as np

from septum.metrics.overlap import OverlapTable, overlap_table
from septum.metrics.ratio import ratio


def seg_score(true: OverlapTable | np.ndarray, pred: np.ndarray | None = None) -> float:
    """Return SEG of two label maps of one shape, or of an `OverlapTable`.

    NaN where there is no true object.
    """
    table = overlap_table(true, pred)
    covering = 2 * table.intersections > table.true_areas[table.rows]
    return ratio(table.ious[covering].sum(), table.n_true)
