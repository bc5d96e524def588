"""One mask an object: numbering, overlaps, empty masks."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from septum.data.readers.choose import read_image, read_labels
from septum.errors import SeptumError


def write_masks(folder, *masks):
    folder.mkdir(parents=True)
    for name, mask in zip("cabdef", masks, strict=False):
        Image.fromarray((np.array(mask) * 255).astype(np.uint8)).save(folder / f"{name}.png")
    return folder


def test_objects_are_numbered_by_file_name(tmp_path):
    folder = write_masks(tmp_path / "masks", [[1, 0, 0, 0]], [[0, 1, 0, 0]], [[0, 0, 1, 0]])
    (folder / ".hidden").write_text("no mask")
    for path in (folder, folder / "*.png"):
        labels, geometry = read_labels(path)
        assert labels.tolist() == [[3, 1, 2, 0]]
        assert geometry.source["counts"] == {"masks": 3, "empty": 0, "hidden": 0, "overlap": 0}


def test_a_shared_pixel_belongs_to_the_smaller_object(tmp_path):
    large, small = [[1, 1, 1, 1, 0]], [[0, 0, 0, 1, 1]]
    for name, masks, expected in (
        ("one", (large, small), [[2, 2, 2, 1, 1]]),
        ("two", (small, large), [[1, 1, 1, 2, 2]]),
    ):
        labels, geometry = read_labels(write_masks(tmp_path / name, *masks))
        assert labels.tolist() == expected
        assert geometry.source["counts"]["overlap"] == 1


def test_of_equal_objects_the_first_stays(tmp_path):
    mask = [[0, 1, 1]]
    labels, geometry = read_labels(write_masks(tmp_path / "masks", mask, mask))
    assert labels.tolist() == [[0, 1, 1]]
    assert geometry.source["counts"] == {"masks": 2, "empty": 0, "hidden": 1, "overlap": 2}


def test_empty_masks_are_counted(tmp_path):
    folder = write_masks(tmp_path / "masks", [[0, 1]], [[0, 0]], [[0, 0]])
    labels, geometry = read_labels(folder)
    assert labels.tolist() == [[0, 3]]
    assert geometry.source["counts"] == {"masks": 3, "empty": 2, "hidden": 0, "overlap": 0}
    labels, geometry = read_labels(write_masks(tmp_path / "none", [[0, 0]]))
    assert labels.tolist() == [[0, 0]]


def test_volumes_and_colours(tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    for i in (0, 1):
        mask = np.zeros((10, 4, 5), np.uint8)
        mask[i] = 1
        tifffile.imwrite(folder / f"{i}.tif", mask, metadata={"axes": "ZYX"})
    assert read_labels(folder)[0][:, 0, 0].tolist() == [1, 2, *[0] * 8]
    colours = np.zeros((4, 5, 4), np.uint8)
    colours[..., 3] = 255
    colours[1, 2] = 255
    other = tmp_path / "case [1]" / "masks"
    other.mkdir(parents=True)
    Image.fromarray(colours).save(other / "m.png")
    assert np.argwhere(read_labels(other / "*.png")[0]).tolist() == [[1, 2]]


def test_errors(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SeptumError, match="empty: holds no mask"):
        read_labels(tmp_path / "empty")
    folder = write_masks(tmp_path / "masks", [[1, 0]], [[1, 0, 0]])
    with pytest.raises(SeptumError, match=r"c\.png: has shape \(1, 2\), but a\.png"):
        read_labels(folder)
    with pytest.raises(SeptumError, match="masks: is a folder, not an image"):
        read_image(folder)
    (folder / "b.png").write_bytes(b"\x89PNG")
    with pytest.raises(SeptumError, match=r"masks.*: cannot be read"):
        read_labels(folder)
    with pytest.raises(SeptumError, match="gone"):
        read_labels(tmp_path / "gone" / "*.png")
