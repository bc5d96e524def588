"""Figures as inline SVG: they scale, print, and follow the page's colours.

Text of a user's (names of networks) is escaped by `markupsafe`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from septum.stages.report.colours import network_style

Point = tuple[float, float]
BAR_WIDTH = 210
"""Of a bar in a table."""
MAX_LETTERS = 24
"""Of a name beside a chart."""


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Parameters
    ----------
    label : str
    points : list of (float, float)
        Points that are not finite interrupt the line.
    style : int
        Which colour and dash.
    band : list of (x, low, high), optional
        An interval around it.
    """

    label: str
    points: list[Point]
    style: int
    band: Sequence[tuple[float, float, float]] = ()


@dataclass(frozen=True)
class Axis:
    """An axis of a chart: its range, its ticks and their text, and what it shows."""

    low: float
    high: float
    ticks: Sequence[float]
    title: str
    logarithmic: bool = False
    text: Callable[[float], str] = "{:g}".format

    def place(self, value: float) -> float:
        """Return where a value lies, 0 to 1."""
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
        What it shows, for readers who do not see it.
    width, height : int
        Units of the drawing.
    """
    longest = max((min(len(line.label), MAX_LETTERS) for line in lines), default=0)
    left, right, top, bottom = 46, 44 + round(6.6 * longest), 10, 40
    inner = width - left - right, height - top - bottom

    def at(point: Point) -> Point:
        return left + inner[0] * x.place(point[0]), top + inner[1] * (1 - y.place(point[1]))

    parts = [grid(x, y, at, inner, (left, top))]
    parts += [_band(line, at) for line in lines if line.band]
    parts += [_line(line, at) for line in lines]
    parts += _legend(lines, left + inner[0] + 10, top)
    return svg(parts, width, height, label)


def interval_bar(
    value: float, low: float, high: float, style: int, *, best: bool, span: Point
) -> Markup:
    """Draw one value and its interval on an axis, to be stacked row by row in a table."""
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
    """Draw the axis over a column of `interval_bar`."""
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
    """Return a common axis for scores: from a round number below the lowest, up to 1."""
    finite = [value for value in values if math.isfinite(value)]
    # below 1 also where every score is 1: an axis needs a length
    return (min(max(0.0, math.floor(5 * min(finite)) / 5), 0.8) if finite else 0.0, 1.0)


def stacked_bar(parts: Sequence[tuple[str, float, str]], *, width: int = 150) -> Markup:
    """Draw shares of a whole: (label, amount, CSS class)."""
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
    """Return an axis for positive values; logarithmic where they span more than tenfold."""
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
    """Return the axis of epochs 1 to ``last``."""
    ticks = [tick for tick in steps(0, max(last, 2), 5) if tick == int(tick) and 1 <= tick <= last]
    return Axis(1, max(last, 2), [1, *(tick for tick in ticks if tick > 1)], "epoch")


def steps(low: float, high: float, count: int) -> list[float]:
    """Return round numbers that cover a range in about ``count`` steps."""
    raw = (high - low) / count or 1.0
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def grid(x: Axis, y: Axis, at: Callable[[Point], Point], inner: Point, corner: Point) -> Markup:
    """Draw lines at the ticks of ``y``, and the texts of both axes."""
    left, top = corner
    right, bottom = left + inner[0], top + inner[1]
    parts = []
    for tick in y.ticks:
        _, height = at((x.low, tick))
        parts.append(
            Markup(
                '<line class="axis" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>'
                '<text x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>'
            ).format(left, right, height, height, left - 6, height + 4, y.text(tick))
        )
    for tick in x.ticks:
        across, _ = at((tick, y.low))
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


def _line(line: Line, at: Callable[[Point], Point]) -> Markup:
    colour, dash = network_style(line.style)
    pieces: list[list[Point]] = [[]]
    for point in line.points:
        if all(math.isfinite(value) for value in point):
            pieces[-1].append(at(point))
        elif pieces[-1]:
            pieces.append([])
    drawn = []
    for piece in pieces:
        if len(piece) == 1:  # a line alone would not show
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


def _band(line: Line, at: Callable[[Point], Point]) -> Markup:
    finite = [(x, low, high) for x, low, high in line.band if math.isfinite(low + high)]
    outline = [at((x, high)) for x, _, high in finite]
    outline += [at((x, low)) for x, low, _ in reversed(finite)]
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in outline)
    return Markup('<polygon points="{}" fill="{}" opacity="0.13"/>').format(
        path, network_style(line.style)[0]
    )


def _legend(lines: Sequence[Line], x: float, top: float) -> list[Markup]:
    """Name the lines beside the chart, in their order; a name that occurs twice once."""
    texts = []
    for place, line in enumerate({line.label: line for line in lines}.values()):
        colour, dash = network_style(line.style)
        y = top + 8 + 17 * place
        name = line.label if len(line.label) <= MAX_LETTERS else line.label[: MAX_LETTERS - 1] + "…"
        texts.append(
            Markup(
                '<line x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}" stroke="{}"'
                ' stroke-width="2.2" stroke-dasharray="{}"/>'
                '<text x="{:.1f}" y="{:.1f}">{}<title>{}</title></text>'
            ).format(x, x + 22, y, y, colour, dash, x + 28, y + 4, name, line.label)
        )
    return texts


def svg(parts: Sequence[Markup], width: int, height: int, label: str) -> Markup:
    """Put parts of a drawing together; ``label`` is for readers who do not see it."""
    return Markup(
        '<svg viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg>'
    ).format(width, height, width, height, label, Markup("").join(parts))
