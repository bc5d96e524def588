"""Draw docs/architecture.svg: the stages in the order of the data, and the layers of the code.

``python docs/make_architecture.py [FILE]``
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

STAGES = [
    ("prepare", "readers\n→ cases"),
    ("plan", "settings\nfrom data"),
    ("augment", "elastic\ncopies"),
    ("weights", "borders\ncount more"),
    ("train", "one loop for\nall networks"),
    ("tune", "parameters\nof decoders"),
    ("predict", "tiles,\ninstances"),
    ("merge", "things\nand stuff"),
    ("export", "the lab's\nformats"),
    ("evaluate", "scores\nper case"),
    ("leaderboard", "scores\nand costs"),
    ("report", "tables,\npictures"),
]
# From the top down: a row imports from the rows below it (tests/test_layers.py).
LAYERS = [
    [("cli", "the list of commands")],
    [
        ("stages", "what rules run, a folder each"),
        ("commands", "what people run: check, predict, …"),
    ],
    [("workflow", "what the Snakefile asks: cases, paths, inputs")],
    [
        ("inference", "tiles, predictor, joining across tiles"),
        ("classical", "baselines: fit and segment"),
    ],
    [("networks", "an architecture a file; segmenter; model file")],
    [("decoding", "from maps to instances, a way a file")],
    [("heads", "channels, target, loss, activation, a head a file")],
    [
        ("losses", "of logits; border weight maps"),
        ("augmentation", "elastic; on the fly"),
    ],
    [
        ("metrics", "from overlap tables to scores"),
        ("data", "case store, plan, readers, writers"),
        ("datasets", "demo, simulation, download"),
    ],
    [("instances", "geometry of label maps")],
    [
        ("config", "what a user may write; the registry of names"),
        ("io", "atomic writes, locks, digests, tables"),
    ],
    [
        ("errors", "what is wrong, what to do"),
        ("seeds", "every draw"),
        ("jit", "compiled loops"),
    ],
]
WIDTH, ROW, GAP = 120.0, 4.4, 1.5
STAGE_FILL, LAYER_FILL, EDGE, INK, GREY = "#dcebf7", "#f4efe4", "#8a8f98", "#1f2933", "#5b6470"
LIGHT_FILL = "#e3f1df"
FILLS = {"stages": STAGE_FILL, "workflow": LIGHT_FILL, "config": LIGHT_FILL, "errors": LIGHT_FILL}


def draw() -> Figure:
    """Return the figure."""
    height = 24 + len(LAYERS) * (ROW + GAP)
    figure = Figure(figsize=(12, 12 * height / (WIDTH + 8)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-4, WIDTH + 4), ylim=(0, height))
    axes.axis("off")
    top = height - 3
    _heading(axes, top, "Stages, in the order of the data", "(a rule and a subcommand each)")
    _stages(axes, top - 12.5)
    top -= 17
    _heading(
        axes,
        top,
        "Layers of the code",
        "(imports go down only; green: light, read while the Snakefile is parsed)",
    )
    _layers(axes, top - 2.5)
    return figure


def _heading(axes: Axes, y: float, text: str, more: str) -> None:
    title = axes.text(0, y, text, fontsize=14, fontweight="bold", color=INK, va="center")
    axes.annotate(
        f"  {more}", (1, 0.5), xycoords=title, fontsize=11, color=GREY, va="center", ha="left"
    )


def _stages(axes: Axes, y: float) -> None:
    step = (WIDTH + 1.6) / len(STAGES)
    for number, (name, words) in enumerate(STAGES):
        x = number * step
        _box(axes, (x, y), (step - 1.6, 9.5), STAGE_FILL)
        middle = x + (step - 1.6) / 2
        size = 7.8 if len(name) > 9 else 10.5
        axes.text(middle, y + 7.2, name, fontsize=size, fontweight="bold", color=INK, **CENTRE)
        axes.text(middle, y + 3.3, words, fontsize=8, color=GREY, linespacing=1.15, **CENTRE)
        if number:
            arrow = {"arrowstyle": "-|>", "color": EDGE, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (x, y + 4.75), (x - 1.6, y + 4.75), arrowprops=arrow)


def _layers(axes: Axes, top: float) -> None:
    for number, row in enumerate(LAYERS):
        y = top - (number + 1) * ROW - number * GAP
        step = (WIDTH + GAP) / len(row)
        for place, (name, words) in enumerate(row):
            fill = FILLS.get(name, LAYER_FILL)
            _box(axes, (place * step, y), (step - GAP, ROW), fill)
            label = axes.text(
                place * step + 1.6,
                y + ROW / 2,
                name,
                fontsize=11.5,
                fontweight="bold",
                color=INK,
                va="center",
            )
            axes.annotate(
                f"  {words}", (1, 0.5), xycoords=label, fontsize=9.4, color=GREY, va="center"
            )
        if number:
            middle = WIDTH / 2
            arrow = {"arrowstyle": "-|>", "color": EDGE, "lw": 1.0, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (middle, y + ROW), (middle, y + ROW + GAP), arrowprops=arrow)


CENTRE = {"ha": "center", "va": "center"}


def _box(axes: Axes, corner: tuple[float, float], size: tuple[float, float], fill: str) -> None:
    style = "round,pad=0,rounding_size=0.9"
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, fc=fill, ec=EDGE, lw=0.9))


if __name__ == "__main__":
    # The same file at every run: no date, and no random names of its parts.
    mpl.rcParams.update({"svg.hashsalt": "septum", "font.family": "DejaVu Sans"})
    default = Path(__file__).with_name("architecture.svg")
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    metadata = {"Date": None} if path.suffix == ".svg" else None
    draw().savefig(path, metadata=metadata, dpi=110, facecolor="white")
