"""How large images are, without a look at their pixels."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from septum.io import ngff
from septum.workflow.image_size import count_pixels


def write_ome_zarr(path, shape, version):
    """Write an image of two resolutions, as OME-Zarr 0.4 (Zarr v2) or 0.5 (Zarr v3)."""
    group = zarr.create_group(path, zarr_format={"0.4": 2, "0.5": 3}[version])
    attributes = ngff.image_attributes("a", (1.0,) * 3, "pixel", channels=True, version=version)
    multiscale = attributes.get("ome", attributes)["multiscales"][0]
    multiscale["datasets"] = [{"path": "full"}, {"path": "half"}]
    group.attrs.update(attributes)
    for name, step in (("full", 1), ("half", 2)):
        size = (shape[0], *(n // step for n in shape[1:]))
        group.create_array(name, shape=size, dtype="uint16", chunks=size)
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_counts_by_its_shape(tmp_path, version):
    # nothing is written: all chunks are missing, and stand for zeros
    path = write_ome_zarr(tmp_path / "a.zarr", (2, 10, 200, 300), version)
    assert count_pixels(path) == 1_200_000


def test_files_and_folders_count_by_their_bytes(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/one.png").write_bytes(bytes(700))
    (tmp_path / "a/b/two.png").write_bytes(bytes(50))
    assert count_pixels(tmp_path / "a/one.png") == 700
    assert count_pixels(tmp_path / "a") == 750
    assert count_pixels(tmp_path / "none") == 0


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"attributes": {"ome": {"multiscales": []}}}', "\xff"]
)
def test_a_damaged_ome_zarr_counts_as_any_folder(tmp_path, text):
    (tmp_path / "zarr.json").write_text(text, encoding="latin-1")
    (tmp_path / "chunk").write_bytes(np.zeros(400, np.uint8).tobytes())
    assert count_pixels(tmp_path) == 400 + len(text)
