"""Label maps as OME-Zarr, of both versions."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from made_predictions import RNG, predicted

from septum.data.readers.choose import read_image, read_labels
from septum.data.writers.label_maps import export_prediction


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr(tmp_path, version):
    group = zarr.create_group(tmp_path / "case.zarr", zarr_format=2 if version == "0.4" else 3)
    group.create_array("0", data=RNG.integers(0, 99, (1, 5, 6, 7), dtype=np.uint16))
    steps = [
        {"type": "scale", "scale": [1, 2.0, 0.5, 0.25]},
        {"type": "translation", "translation": [0, 10.0, 20.0, 30.0]},
    ]
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
    datasets = [{"path": "0", "coordinateTransformations": steps}]
    metadata = {"multiscales": [{"axes": axes, "datasets": datasets}]}
    group.attrs.update(metadata if version == "0.4" else {"ome": {"version": "0.5", **metadata}})
    _, geometry = read_image(tmp_path / "case.zarr")
    prediction = predicted((5, 6, 7), geometry, highest=2**20)
    (out,) = export_prediction(tmp_path / "out", prediction)
    assert out.name == "case.zarr"
    labels, place = read_labels(out)
    np.testing.assert_array_equal(labels, prediction.instance)
    assert (place.spacing, place.unit) == ((2.0, 0.5, 0.25), "micrometer")
    assert place.source["origin"] == geometry.source["origin"] == [5.0, 40.0, 120.0]
    assert place.source["version"] == version
    written = zarr.open_group(out, mode="r")
    assert written.metadata.zarr_format == (2 if version == "0.4" else 3)
    attributes = written.attrs.asdict()
    assert "image-label" in attributes.get("ome", attributes)
