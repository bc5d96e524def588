"""The history of a training: history.csv, and its curves as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from septum.errors import problem
from septum.io.atomic import atomic_path, write_text
from septum.io.tables import as_number, csv_text, read_csv

COLUMNS = (
    "epoch",
    "step",
    "lr",
    "train_loss",
    "val_loss",
    "val_iou",
    "seconds",
    "images_per_second",
)
"""epoch counts from 1; step counts optimizer steps; lr is that of the epoch's last step;
val_iou is the mean over the foreground channels, pooled over the validation patches (empty
where there is no foreground); seconds is the epoch's time with validation, images_per_second
the patches trained on per second without it."""
INTEGER_COLUMNS = ("epoch", "step")
TRAINING_COLOUR, VALIDATION_COLOUR = "#4477aa", "#ee6677"

Row = Mapping[str, float]


def write_history(path: Path, rows: Sequence[Row]) -> None:
    """Write history.csv atomically."""
    write_text(path, csv_text(COLUMNS, rows))


def read_history(path: Path) -> list[dict[str, float]]:
    """Read a history.csv.

    Raises
    ------
    SeptumError
        If the file cannot be read or has other columns.
    """
    try:
        columns, rows = read_csv(path)
        if columns != COLUMNS:
            raise ValueError("unexpected columns")
        return [
            {
                name: int(row[name]) if name in INTEGER_COLUMNS else as_number(row[name])
                for name in COLUMNS
            }
            for row in rows
        ]
    except (OSError, ValueError) as error:
        raise problem(path, f"is no history of a training ({error})", "delete it") from None


def draw_curves(path: Path, rows: Sequence[Row], title: str) -> None:
    """Draw loss, IoU and learning rate over the epochs, and write the PNG atomically."""
    figure = Figure(figsize=(7.0, 7.5), dpi=120, layout="constrained")
    loss, iou, rate = figure.subplots(3, 1, sharex=True, height_ratios=[3, 3, 1])
    _line(loss, rows, "train_loss", TRAINING_COLOUR, "training")
    _line(loss, rows, "val_loss", VALIDATION_COLOUR, "validation")
    loss.set_ylabel("loss")
    _log_scale_if_wide(loss, rows)
    loss.legend(frameon=False)
    _line(iou, rows, "val_iou", VALIDATION_COLOUR, "validation")
    _mark_best(iou, rows)
    iou.set_ylabel("foreground IoU (validation)")
    iou.set_ylim(0, 1)
    _line(rate, rows, "lr", "#555555", "learning rate")
    rate.set_ylabel("learning rate")
    rate.set_ylim(bottom=0)
    rate.set_xlabel("epoch")
    rate.xaxis.get_major_locator().set_params(integer=True)
    for axes in (loss, iou, rate):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.align_ylabels()
    figure.suptitle(title, parse_math=False)
    with atomic_path(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)


def _line(axes: object, rows: Sequence[Row], name: str, colour: str, label: str) -> None:
    epochs = [row["epoch"] for row in rows]
    # a single epoch is a point, which a line alone would not show
    marker = "o" if len(rows) < 3 else None
    axes.plot(epochs, [row[name] for row in rows], color=colour, label=label, marker=marker)


def _log_scale_if_wide(axes: object, rows: Sequence[Row]) -> None:
    """Use a logarithmic axis if the losses span more than a factor of ten."""
    values = [row[name] for row in rows for name in ("train_loss", "val_loss")]
    values = [v for v in values if math.isfinite(v)]
    if values and min(values) > 0 and max(values) > 10 * min(values):
        axes.set_yscale("log")


def _mark_best(axes: object, rows: Sequence[Row]) -> None:
    scored = [row for row in rows if math.isfinite(row["val_iou"])]
    if not scored:
        return
    best = max(scored, key=lambda row: row["val_iou"])
    axes.plot(best["epoch"], best["val_iou"], "o", color=VALIDATION_COLOUR)
    label = f"best {best['val_iou']:.3f}, epoch {best['epoch']}"
    axes.annotate(
        label,
        (best["epoch"], best["val_iou"]),
        xytext=(0, -16),
        textcoords="offset points",
        ha="right" if 2 * best["epoch"] > len(rows) else "left",
    )
