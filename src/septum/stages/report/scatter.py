"""Accuracy against cost as inline SVG: a named mark an experiment, and which none other beats."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from septum.stages.leaderboard.cost_text import duration_text
from septum.stages.report.colours import network_style
from septum.stages.report.figures import MAX_LABEL_LETTERS, Axis, Point, grid, steps, svg
from septum.stages.report.labels import Box, leader, place_labels

# marks of an axis of times, in seconds
DURATIONS = (
    *(m * 10.0**d for d in range(-5, 1) for m in (1, 3)),
    *(m * unit for unit in (60.0, 3600.0) for m in (1 / 6, 0.5, 1, 3)),
    *(m * 3600.0 for m in (10, 24, 72, 240, 720, 2400)),
)


@dataclass(frozen=True)
class Mark:
    """An experiment in the picture.

    Parameters
    ----------
    name : str
    cost : float
        Above 0.
    score : float
        More is better.
    style : int
        Which colour.
    """

    name: str
    cost: float
    score: float
    style: int


def unbeaten(marks: Sequence[Mark]) -> list[Mark]:
    """Return the Pareto front, cheapest first.

    These marks no other one beats: none costs as little or less and scores as high or higher,
    one of both strictly. Equal marks stay side by side.
    """

    def beaten(mark: Mark) -> bool:
        return any(
            other.cost <= mark.cost
            and other.score >= mark.score
            and (other.cost, other.score) != (mark.cost, mark.score)
            for other in marks
        )

    return sorted((m for m in marks if not beaten(m)), key=lambda m: (m.cost, m.score, m.name))


def scatter(
    marks: Sequence[Mark], x: Axis, y: Axis, *, label: str, width: int = 600, height: int = 330
) -> Markup:
    """Draw marks over two axes, the front filled and joined by a line.

    Parameters
    ----------
    marks : sequence of Mark
    x, y : Axis
        Of costs and of scores.
    label : str
        What it shows, for readers who do not see it.
    width, height : int
        Units of the drawing.
    """
    left, right, top, bottom = 50, 28, 12, 40
    inner = width - left - right, height - top - bottom

    def at(point: Point) -> Point:
        return left + inner[0] * x.place(point[0]), top + inner[1] * (1 - y.place(point[1]))

    front = unbeaten(marks)
    places = [at((mark.cost, mark.score)) for mark in marks]
    names = [_short(mark.name) for mark in marks]
    frame = Box(left, top - 8, width, top + inner[1] - 1)
    boxes = place_labels(places, names, frame)
    parts = [
        grid(x, y, at, inner, (left, top)),
        _front_line([at((m.cost, m.score)) for m in front]),
    ]
    parts += [_leader(place, box) for place, box in zip(places, boxes, strict=True)]
    parts += [
        _mark(mark, place, filled=mark in front) for mark, place in zip(marks, places, strict=True)
    ]
    parts += [
        Markup(
            '<text class="name" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}<title>{}</title></text>'
        ).format(*_anchored(place, box), name, mark.name)
        for mark, place, name, box in zip(marks, places, names, boxes, strict=True)
    ]
    return svg(parts, width, height, label)


def score_axis(values: Iterable[float], title: str) -> Axis:
    """Return an axis from a round number below the lowest score to one above the highest.

    It spans 0.05 at least: smaller differences shall look small.
    """
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    missing = max(0.0, 0.05 - (high - low))
    ticks = steps(max(low - missing / 2, 0.0), high + missing / 2, 4)
    return Axis(ticks[0], ticks[-1], ticks, title)


def duration_axis(seconds: Iterable[float], title: str) -> Axis:
    """Return a logarithmic axis for times, with room beside the first and the last."""
    finite = [value for value in seconds if math.isfinite(value) and value > 0]
    low, high = (min(finite) / 1.5, max(finite) * 1.5) if finite else (1.0, 60.0)
    ticks = [tick for tick in DURATIONS if low <= tick <= high]
    if len(ticks) < 2:  # nearly the same: as far as the ticks around them, to tell them by
        low = max((tick for tick in DURATIONS if tick <= low), default=low)
        high = min((tick for tick in DURATIONS if tick >= high), default=high)
        ticks = [tick for tick in DURATIONS if low <= tick <= high]
    shown = ticks[:: math.ceil(len(ticks) / 8) or 1]
    return Axis(low, high, shown, title, logarithmic=True, text=_round_duration)


def _round_duration(seconds: float) -> str:
    return duration_text(seconds).replace(".0 ", " ")


def _short(name: str) -> str:
    return name if len(name) <= MAX_LABEL_LETTERS else name[: MAX_LABEL_LETTERS - 1] + "…"


def _anchored(place: Point, box: Box) -> tuple[float, float, str]:
    """Return where a name starts, ends or has its middle: always its side towards the mark."""
    baseline = box.bottom - 3.5
    if box.left > place[0]:
        return box.left, baseline, "start"
    if box.right < place[0]:
        return box.right, baseline, "end"
    return (box.left + box.right) / 2, baseline, "middle"


def _mark(mark: Mark, place: Point, *, filled: bool) -> Markup:
    colour, _ = network_style(mark.style)
    return Markup(
        '<circle cx="{:.1f}" cy="{:.1f}" r="5" fill="{}" stroke="{}" stroke-width="2">'
        "<title>{}: {:.3f}, {}</title></circle>"
    ).format(
        *place,
        colour if filled else "none",
        colour,
        mark.name,
        mark.score,
        duration_text(mark.cost),
    )


def _front_line(places: Sequence[Point]) -> Markup:
    """Join the front by steps: what is in reach at each cost."""
    if len(places) < 2:
        return Markup("")
    path = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
    path += "".join(f" H{x:.1f} V{y:.1f}" for x, y in places[1:])
    return Markup('<path class="front" d="{}"/>').format(path)


def _leader(place: Point, box: Box) -> Markup:
    """Lead from a mark to a name that had to go further away."""
    end = leader(place, box)
    if end is None:
        return Markup("")
    return Markup('<line class="leader" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        *place, *end
    )
