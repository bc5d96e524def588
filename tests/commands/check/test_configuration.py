"""A configuration and its data are checked before anything runs."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from checked_data import config, problems, write_data
from PIL import Image

from septum.commands.check.configuration import check
from septum.config.load import validate
from septum.errors import SeptumError


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path)


def test_good_data_gives_a_table_and_leaves_nothing_behind(data, capsys):
    before = sorted(data.rglob("*"))
    check(config(data))
    head, row, *_, last = capsys.readouterr().out.splitlines()
    assert head.startswith("dataset  cases  labelled  size   spacing  objects  classes  test/folds")
    assert row.split() == ["cells", "8", "8", "64×64", "1×1", "px", "32", "object", "2/3"]
    assert last == "no problem found"
    assert sorted(data.rglob("*")) == before


def test_problems_of_all_cases_and_datasets_at_once(data):
    good = (data / "images/c1.png").read_bytes()
    (data / "images/c1.png").write_bytes(good[: len(good) // 2])
    tifffile.imwrite(data / "labels/c2.tif", np.zeros((32, 64), np.uint16))
    tifffile.imwrite(data / "labels/c3.tif", np.full((64, 64), 0.5, np.float32))
    Image.fromarray(np.full((64, 64), 7, np.uint8)).save(data / "images/c4.png")
    other = {"images": "nowhere/{case}.png", "labels": "labels/{case}.tif"}
    settings = config(data)
    settings = validate(settings.model_dump(mode="json") | {
        "datasets": settings.model_dump(mode="json")["datasets"] | {"other": other}
    })  # fmt: skip
    found = problems(settings)
    for place in ("c1.png", "c2.tif", "c3.tif", "c4.png", "datasets.other.images"):
        assert sum(place in line.split(": ")[0] for line in found) == 1, place


def test_too_little_room_is_a_note(data, capsys, monkeypatch):
    """Eight cases and their copies do not fit into 1 kB."""
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1000, 0, 1000))
    check(config(data))
    assert "results may take up to 0.0 GB" in capsys.readouterr().out


def test_formats_that_a_dataset_cannot_have(data):
    cells = {"annotation": "semantic"}
    found = problems(config(data, dataset=cells, export={"formats": ["coco", "geojson", "table"]}))
    assert found == ["export.formats: coco is for objects, and cells has classes only"]
    cells["export"] = {"formats": ["table"]}
    check(config(data, dataset=cells, export={"formats": ["coco"]}))
    cells["export"] = {"formats": ["coco"]}
    (problem,) = problems(config(data, dataset=cells))
    assert problem.startswith("datasets.cells.export.formats: coco")
    with pytest.raises(SeptumError, match=r"export\.formats"):
        config(data, export={"formats": ["png"]})
