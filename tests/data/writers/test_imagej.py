"""Regions of interest for ImageJ, read again."""

from __future__ import annotations

import numpy as np
import roifile
from delivered import deliver, filled, scene


def test_rois_of_imagej(tmp_path):
    out = deliver(tmp_path, ["imagej_roi"])
    first = (out / "a_rois.zip").read_bytes()
    rois = roifile.roiread(out / "a_rois.zip")
    _, instance = scene()
    assert [roi.name for roi in rois] == ["00001", "00002", "00004"]
    for roi in rois:
        rings = roi.coordinates(multi=True)
        rings = rings if isinstance(rings, list) else [rings]
        rings = [[tuple(map(int, corner)) for corner in ring] for ring in rings]
        mask = instance == int(roi.name)
        np.testing.assert_array_equal(filled(rings, mask.shape), mask)
        rows, columns = np.nonzero(mask)
        assert (roi.left, roi.top) == (columns.min(), rows.min())
        assert (roi.right, roi.bottom) == (columns.max() + 1, rows.max() + 1)
    assert rois[0].stroke_color == bytes([255, 255, 128, 0])
    assert (deliver(tmp_path, ["imagej_roi"]) / "a_rois.zip").read_bytes() == first
