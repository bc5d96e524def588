"""Label maps as TIFF, read again."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_predictions import predicted

from septum.data.readers.choose import read_labels
from septum.data.store import Geometry
from septum.data.writers.label_maps import export_prediction


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shape=st.lists(st.integers(2, 9), min_size=2, max_size=3).map(tuple),
    highest=st.sampled_from([2, 300, 2**16, 2**20]),
    unit=st.sampled_from(["pixel", "micrometer", "millimeter"]),
)
def test_tiff_round_trip(tmp_path, shape, highest, unit):
    spacing = (2.0, 0.5, 0.25)[-len(shape) :] if unit != "pixel" else (1.0,) * len(shape)
    geometry = Geometry(spacing, unit, None, {"reader": "tiff", "path": "in/case.tif"})
    prediction = predicted(shape, geometry, highest=highest)
    prediction.instance.flat[0] = highest - 1
    (out,) = export_prediction(tmp_path, prediction)
    assert out == tmp_path / "case.tif"
    labels, place = read_labels(out)
    np.testing.assert_array_equal(labels, prediction.instance)
    assert place.spacing == pytest.approx(spacing, rel=1e-4)
    assert place.unit == unit
    with tifffile.TiffFile(out) as tif:
        wide = highest > 2**16
        assert tif.series[0].dtype == (np.uint32 if wide else np.uint16)
        assert (tif.is_ome, tif.is_imagej) == (wide, not wide)
        assert tif.series[0].axes == "ZYX"[-len(shape) :]
