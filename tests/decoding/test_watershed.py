"""Seeds that are flooded."""

from __future__ import annotations

import numpy as np
from perfect_maps import foreground, instances


def test_watershed_divides_what_grew_together():
    y, x = np.mgrid[:21, :41]
    two = np.maximum(1 - np.hypot(y - 10, x - 11) / 14, 1 - np.hypot(y - 10, x - 29) / 14)
    merged = foreground(two)
    assert instances(merged, threshold=0.3).max() == 1
    divided = instances(merged, method="watershed", threshold=0.3, seed_threshold=0.6)
    assert divided.max() == 2
    beyond = (divided > 0) != (two > np.float32(0.3))
    # the notch between the two, one pixel wide
    assert set(np.argwhere(beyond)[:, 1].tolist()) <= {20}
    assert (divided[:, :20][two[:, :20] > 0.3] == 1).all()
    assert (divided[:, 21:][two[:, 21:] > 0.3] == 2).all()


def test_watershed_drops_what_holds_no_seed():
    probability = np.full((3, 7), 0.05)
    probability[1, 1:3] = 0.6
    probability[1, 4:6] = 0.9
    found = instances(foreground(probability), method="watershed", seed_threshold=0.8)
    assert found[1].tolist() == [0, 0, 0, 0, 1, 1, 0]
