"""COCO's run lengths, by hand, read back, and against pycocotools."""

from __future__ import annotations

import numpy as np
import pycocotools.mask
from delivered import decoded, masks

from septum.data.writers.rle import encode


def test_run_lengths_by_hand_and_back():
    # columns: 2 zeros, 1 one, 3 zeros
    assert encode(np.array([[0, 0], [0, 0], [1, 0]], bool)) == {"size": [3, 2], "counts": "213"}
    for mask in masks():
        np.testing.assert_array_equal(decoded(encode(mask)), mask)
        moved = encode(mask, (40, 50), (60, 80))
        bounds = (40, 20 - mask.shape[0]), (50, 30 - mask.shape[1])
        np.testing.assert_array_equal(decoded(moved), np.pad(mask, bounds))


def test_run_lengths_are_those_of_pycocotools():
    peer = pycocotools.mask
    for mask in masks():
        theirs = peer.encode(np.asfortranarray(mask, np.uint8))
        assert encode(mask)["counts"] == theirs["counts"].decode()
