"""Real label maps through each head: labels, targets, decoder, and the same labels again.

What comes back is scored by panoptic quality (PQ), averaged over the maps of a set. It is 0.98
and more where the definition of the head allows. Where it does not (`LESS`):

- `semantic` takes a ridge of one pixel from touching objects, and `border` a rim. Cells of 50
  pixels (imc), slivers of nuclei that the volume's edge cuts and what fills a whole tissue fall
  to pieces. The ridge is given back to the object that comes first, which is the one that it was
  taken from only where ids rise as the objects lie in the image (not in the volumes here).
- `distance` labels what is deep inside, and in an object that is thin, or thick at several
  places, that is no single piece.
- `stardist` is for star-convex objects: not for a tissue's cells (it was not made for them, and
  is not tried), and not for slivers of nuclei.
- `flows` of long objects converge in several places.
"""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from decoders import decode
from every_head import HEADS
from perfect_maps import ONE, perfect

from septum.metrics.panoptic import panoptic_quality

# set -> pattern of the label maps, every how many of them, and the part that is taken
SETS = {
    "dsb2018-fluo": ("dsb2018/fluo/labels/*", 150, ...),
    "dsb2018-rgb": ("dsb2018/rgb/labels/*", 50, ...),
    "dichela": ("dichela/labels/*", 28, np.s_[:320]),
    "stardist-2d": ("stardist/*_mask2d.tif", 1, ...),
    "imc": ("imc/labels/*", 1, ...),
    "axonsem": ("axonsem/labels/*", 4, np.s_[:500, :500]),
    "stardist-3d": ("stardist/*_mask3d.tif", 1, ...),
    "nuclei-3d": ("plantseg/nuclei*labels.tif", 3, np.s_[:32]),
    "cells-3d": ("plantseg/membrane*labels.tif", 1, np.s_[:24, :64, :64]),
    "fib25": ("fib25/labels.tif", 1, np.s_[:16, :64, :64]),
}
# head -> the method of its decoder, and seed thresholds, of which a tuned decoder has the better
WAYS = {
    "semantic": ("components", [None]),
    "border": ("components", [None]),
    "distance": ("watershed", [0.3, 0.4]),
    "stardist": ("stars", [0.7]),
    "flows": ("flows", [None]),
}
LEAST = 0.98
# where the definition of a head does not allow that (see above): what it gives back at least
LESS = {
    ("imc", "semantic"): 0.84,
    ("imc", "border"): 0.89,
    ("stardist-3d", "semantic"): 0.91,
    ("nuclei-3d", "border"): 0.93,
    ("nuclei-3d", "stardist"): 0.92,
    ("cells-3d", "semantic"): 0.62,
    ("cells-3d", "border"): 0.79,
    ("cells-3d", "distance"): 0.59,
    ("cells-3d", "flows"): 0.91,
    ("fib25", "semantic"): 0.74,
    ("fib25", "border"): 0.76,
    ("fib25", "distance"): 0.61,
    ("fib25", "flows"): 0.86,
}
NOT_STAR_CONVEX = ("cells-3d", "fib25")


def quality(real_data, name, head):
    """Return the mean PQ of what comes back of a set's label maps."""
    pattern, step, part = SETS[name]
    method, seeds = WAYS[head]
    found = []
    for path in sorted(real_data.glob(pattern))[::step]:
        truth = tifffile.imread(path)[part].astype(np.int64)
        maps = perfect(head, truth)
        if HEADS[head].regression is not None:
            regressed = HEADS[head].regression.target(truth, (1.0,) * truth.ndim)
            maps = np.concatenate([maps, regressed])
        sizes = np.unique(truth[truth > 0], return_counts=True)[1]
        known = {"head": head, "classes": ONE, "annotation": "instance", "method": method}
        known["min_size"] = int(np.percentile(sizes, 1) / 2)  # as a plan has it
        back = [decode(maps, seed_threshold=seed, **known)[1] for seed in seeds]
        found.append([panoptic_quality(truth, instance).pq for instance in back])
    assert found
    return float(np.max(np.mean(found, axis=0)))


@pytest.mark.real_data
@pytest.mark.parametrize("head", WAYS)
@pytest.mark.parametrize("name", SETS)
def test_real_objects_come_back(real_data, name, head):
    if head == "stardist" and name in NOT_STAR_CONVEX:
        pytest.skip("made for star-convex objects")
    assert quality(real_data, name, head) >= LESS.get((name, head), LEAST)
