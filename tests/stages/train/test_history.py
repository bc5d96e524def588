from __future__ import annotations

import io
import math

import pytest
from PIL import Image

from septum.errors import SeptumError
from septum.stages.train.history import COLUMNS, draw_curves, read_history, write_history


def row(epoch, **changes):
    values = {
        "epoch": epoch,
        "step": 10 * epoch,
        "lr": 1e-3 / epoch,
        "train_loss": 1 / epoch,
        "val_loss": 1.5 / epoch,
        "val_iou": 1 - 1 / (epoch + 1),
        "seconds": 2.0,
        "images_per_second": 40.0,
    }
    return {**values, **changes}


def test_the_file_is_plain_csv(tmp_path):
    write_history(tmp_path / "history.csv", [row(1), row(2, val_iou=math.nan)])
    assert (tmp_path / "history.csv").read_text() == (
        "epoch,step,lr,train_loss,val_loss,val_iou,seconds,images_per_second\n"
        "1,10,0.001,1,1.5,0.5,2,40\n"
        "2,20,0.0005,0.5,0.75,,2,40\n"
    )


def test_what_was_read_is_written_the_same(tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    write_history(first, [row(e, val_iou=math.nan if e == 3 else 1 / 3) for e in (1, 2, 3)])
    rows = read_history(first)
    assert [r["epoch"] for r in rows] == [1, 2, 3]
    assert math.isnan(rows[2]["val_iou"])
    assert rows[0].keys() == set(COLUMNS)
    write_history(second, rows)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", ",".join(COLUMNS) + "\nx,1,1,1,1,1,1,1\n"])
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(SeptumError, match="is no history"):
        read_history(tmp_path / "history.csv")


@pytest.mark.parametrize("epochs", [1, 2, 200])
def test_curves_are_a_picture(tmp_path, epochs):
    path = tmp_path / "curves.png"
    draw_curves(path, [row(e) for e in range(1, epochs + 1)], "u$net on <nuclei>, fold 0")
    with Image.open(io.BytesIO(path.read_bytes())) as picture:
        assert picture.format == "PNG"
        assert picture.width > 600
        # more than an empty frame: both colours of the curves are there
        colours = {pixel[:3] for _, pixel in picture.convert("RGBA").getcolors(2**20)}
    assert {(0x44, 0x77, 0xAA), (0xEE, 0x66, 0x77)} <= colours


def test_curves_without_foreground_are_drawn_too(tmp_path):
    path = tmp_path / "curves.png"
    draw_curves(path, [row(e, val_iou=math.nan) for e in (1, 2, 3)], "empty")
    assert path.stat().st_size > 1000
