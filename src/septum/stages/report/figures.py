"""Figures as inline SVG, which can be scaled and printed and follow the colours of the page.

User-defined text, such as names of networks, is escaped by `markupsafe`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from septum.stages.report.colours import network_style

Point = tuple[float, float]
BAR_WIDTH = 210
"""Width of a bar in a table, in units of the drawing."""
MAX_LABEL_LETTERS = 24
"""Largest number of letters of a label in a chart."""


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Parameters
    ----------
    label : str
    points : list of (float, float)
        Points that are not finite interrupt the line.
    style : int
        Index of colour and dash pattern (`septum.stages.report.colours.network_style`).
    band : list of (x, low, high), optional
        An interval around the line.
    """

    label: str
    points: list[Point]
    style: int
    band: Sequence[tuple[float, float, float]] = ()


@dataclass(frozen=True)
class Axis:
    """The range, the ticks with their labels, and the title of an axis of a chart."""

    low: float
    high: float
    ticks: Sequence[float]
    title: str
    logarithmic: bool = False
    text: Callable[[float], str] = "{:g}".format

    def place(self, value: float) -> float:
        """Return the position of a value along the axis, from 0 to 1."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(max(value, 1e-300))
        return (value - low) / (high - low)


def chart(
    lines: Sequence[Line],
    x: Axis,
    y: Axis,
    *,
    label: str,
    width: int = 500,
    height: int = 290,
) -> Markup:
    """Draw lines over two axes.

    Parameters
    ----------
    lines : sequence of Line
    x, y : Axis
    label : str
        Description of the chart, for screen readers.
    width, height : int
        Size in units of the drawing.
    """
    longest = max((min(len(line.label), MAX_LABEL_LETTERS) for line in lines), default=0)
    left, right, top, bottom = 46, 44 + round(6.6 * longest), 10, 40
    inner = width - left - right, height - top - bottom

    def to_drawing(point: Point) -> Point:
        return left + inner[0] * x.place(point[0]), top + inner[1] * (1 - y.place(point[1]))

    parts = [grid(x, y, to_drawing, inner, (left, top))]
    parts += [_band(line, to_drawing) for line in lines if line.band]
    parts += [_line(line, to_drawing) for line in lines]
    parts += _legend(lines, left + inner[0] + 10, top)
    return svg(parts, width, height, label)


def interval_bar(
    value: float, low: float, high: float, style: int, *, best: bool, span: Point
) -> Markup:
    """Draw a value and its interval on the axis of a table column (`interval_axis`)."""
    colour, _ = network_style(style)
    parts = [
        Markup('<line class="axis" x1="{:.1f}" x2="{:.1f}" y1="0" y2="24"/>').format(x, x)
        for x in (_across(tick, span) for tick in steps(*span, 4))
    ]
    label = "undefined"
    if math.isfinite(value):
        label = f"{value:.3f}"
        if math.isfinite(low):
            label += f", 95 % interval {low:.3f} to {high:.3f}"
            parts.append(
                Markup(
                    '<line x1="{:.1f}" x2="{:.1f}" y1="12" y2="12" stroke="{}" stroke-width="6"'
                    ' stroke-linecap="round" opacity="0.4"/>'
                ).format(_across(low, span), _across(high, span), colour)
            )
        shape = Markup('<circle cx="{:.1f}" cy="12" r="{}" fill="{}"/>')
        parts.append(shape.format(_across(value, span), 6 if best else 5, colour))
    return svg(parts, BAR_WIDTH, 24, label)


def interval_axis(span: Point) -> Markup:
    """Draw the axis above a table column of `interval_bar`."""
    parts = [
        Markup('<text x="{:.1f}" y="12" text-anchor="middle">{:g}</text>').format(
            _across(tick, span), tick
        )
        for tick in steps(*span, 4)
    ]
    return svg(parts, BAR_WIDTH, 16, f"axis from {span[0]:g} to {span[1]:g}")


def _across(value: float, span: Point) -> float:
    low, high = span
    return 12 + (BAR_WIDTH - 24) * (min(max(value, low), high) - low) / (high - low)


def score_range(values: Iterable[float]) -> Point:
    """Return the range of a common axis of scores, from a round number below the lowest to 1."""
    finite = [value for value in values if math.isfinite(value)]
    # at most 0.8, so that the axis has a length even if all scores are 1
    return (min(max(0.0, math.floor(5 * min(finite)) / 5), 0.8) if finite else 0.0, 1.0)


def stacked_bar(parts: Sequence[tuple[str, float, str]], *, width: int = 150) -> Markup:
    """Draw the shares of a whole, each given as (label, amount, CSS class)."""
    total = sum(amount for _, amount, _ in parts)
    drawn, start = [], 0.0
    for _, amount, css in parts:
        if total and amount:
            length = width * amount / total
            shape = Markup('<rect class="{}" x="{:.1f}" y="2" width="{:.1f}" height="14"/>')
            drawn.append(shape.format(css, start, max(length, 1.5)))
            start += length
    label = ", ".join(f"{amount:.0f} {name}" for name, amount, _ in parts)
    return svg(drawn, width, 18, label)


def ap_axes() -> tuple[Axis, Axis]:
    """Return the axes of AP over the IoU threshold."""
    ticks = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    return (
        Axis(0.5, 0.95, [0.5, 0.6, 0.7, 0.8, 0.9], "IoU threshold"),
        Axis(0.0, 1.0, ticks, "AP = TP / (TP + FP + FN)"),
    )


def value_axis(values: Iterable[float], title: str) -> Axis:
    """Return an axis of positive values, which is logarithmic if they span over a factor of 10."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if low > 0 and high > 10 * low:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [m * 10.0**d for d in decades for m in (1, 2, 5)]
        return Axis(
            low / 1.1, high * 1.1, [t for t in ticks if low <= t <= high], title, logarithmic=True
        )
    ticks = steps(min(low, 0.0), high or 1.0, 5)
    return Axis(ticks[0], ticks[-1], ticks, title)


def epoch_axis(last: float) -> Axis:
    """Return the axis of the epochs 1 to ``last``."""
    ticks = [tick for tick in steps(0, max(last, 2), 5) if tick == int(tick) and 1 <= tick <= last]
    return Axis(1, max(last, 2), [1, *(tick for tick in ticks if tick > 1)], "epoch")


def steps(low: float, high: float, count: int) -> list[float]:
    """Return round numbers that cover a range in about ``count`` steps."""
    exact_step = (high - low) / count or 1.0
    power = 10.0 ** math.floor(math.log10(exact_step))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= exact_step * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def grid(
    x: Axis, y: Axis, to_drawing: Callable[[Point], Point], inner: Point, corner: Point
) -> Markup:
    """Draw grid lines at the ticks of ``y``, and the tick labels and titles of both axes."""
    left, top = corner
    right, bottom = left + inner[0], top + inner[1]
    parts = []
    for tick in y.ticks:
        _, height = to_drawing((x.low, tick))
        parts.append(
            Markup(
                '<line class="axis" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>'
                '<text x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>'
            ).format(left, right, height, height, left - 6, height + 4, y.text(tick))
        )
    for tick in x.ticks:
        across, _ = to_drawing((tick, y.low))
        parts.append(
            Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(
                across, bottom + 16, x.text(tick)
            )
        )
    parts.append(
        Markup(
            '<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>'
            '<text transform="translate(12 {:.1f}) rotate(-90)" text-anchor="middle">{}</text>'
        ).format((left + right) / 2, bottom + 33, x.title, (top + bottom) / 2, y.title)
    )
    return Markup("").join(parts)


def _line(line: Line, to_drawing: Callable[[Point], Point]) -> Markup:
    colour, dash = network_style(line.style)
    pieces: list[list[Point]] = [[]]
    for point in line.points:
        if all(math.isfinite(value) for value in point):
            pieces[-1].append(to_drawing(point))
        elif pieces[-1]:
            pieces.append([])
    drawn = []
    for piece in pieces:
        if len(piece) == 1:  # a polyline of a single point is invisible
            drawn.append(
                Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3.5" fill="{}"/>').format(
                    *piece[0], colour
                )
            )
        elif piece:
            path = " ".join(f"{px:.1f},{py:.1f}" for px, py in piece)
            drawn.append(
                Markup(
                    '<polyline points="{}" fill="none" stroke="{}" stroke-width="2.2"'
                    ' stroke-dasharray="{}" stroke-linejoin="round"><title>{}</title></polyline>'
                ).format(path, colour, dash, line.label)
            )
    return Markup("").join(drawn)


def _band(line: Line, to_drawing: Callable[[Point], Point]) -> Markup:
    finite = [(x, low, high) for x, low, high in line.band if math.isfinite(low + high)]
    outline = [to_drawing((x, high)) for x, _, high in finite]
    outline += [to_drawing((x, low)) for x, low, _ in reversed(finite)]
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in outline)
    return Markup('<polygon points="{}" fill="{}" opacity="0.13"/>').format(
        path, network_style(line.style)[0]
    )


def _legend(lines: Sequence[Line], x: float, top: float) -> list[Markup]:
    """Draw the labels of the lines beside the chart, in their order and without repetition."""
    texts = []
    for row, line in enumerate({line.label: line for line in lines}.values()):
        colour, dash = network_style(line.style)
        y = top + 8 + 17 * row
        name = (
            line.label
            if len(line.label) <= MAX_LABEL_LETTERS
            else line.label[: MAX_LABEL_LETTERS - 1] + "…"
        )
        texts.append(
            Markup(
                '<line x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}" stroke="{}"'
                ' stroke-width="2.2" stroke-dasharray="{}"/>'
                '<text x="{:.1f}" y="{:.1f}">{}<title>{}</title></text>'
            ).format(x, x + 22, y, y, colour, dash, x + 28, y + 4, name, line.label)
        )
    return texts


def svg(parts: Sequence[Markup], width: int, height: int, label: str) -> Markup:
    """Return an SVG element of the parts of a drawing; ``label`` is for screen readers."""
    return Markup(
        '<svg viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg>'
    ).format(width, height, width, height, label, Markup("").join(parts))
