"""Pictures of a case as data URIs: the image, and transparent overlays of labels and errors.

The image is stored once for each case, and the page lays the overlays over it, so that a
prediction takes a few kilobytes. One section of a volume is shown. Small images are enlarged, and
large ones are reduced to `MAX_SIDE_PX` pixels.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from septum.data.store import VOID
from septum.metrics.errors import ObjectErrors
from septum.stages.report.colours import OBJECT_MARKS, PIXEL_MARKS, Mark, object_colour, rgb

MAX_SIDE_PX = 384
FILL_OPACITY = 0.42
Canvas = np.ndarray  # (height, width, 4) uint8, RGBA


@dataclass(frozen=True)
class Frame:
    """The section of a case that is shown, and its size.

    Parameters
    ----------
    section : tuple of int
        Index along each axis before the last two.
    size : (int, int)
        Height and width of the section, in pixels of the case.
    """

    section: tuple[int, ...]
    size: tuple[int, int]

    @property
    def shown(self) -> tuple[int, int]:
        """Height and width on the page; enlargement is by an integer factor."""
        longest = max(self.size)
        if longest > MAX_SIDE_PX:
            height, width = (max(1, round(n * MAX_SIDE_PX / longest)) for n in self.size)
            return height, width
        factor = MAX_SIDE_PX // longest
        return self.size[0] * factor, self.size[1] * factor

    @property
    def line(self) -> int:
        """Width of an outline on the page."""
        return 2 if self.shown[0] >= 2 * self.size[0] else 1

    def cut(self, array: np.ndarray) -> np.ndarray:
        """Return the section of an array (*spatial)."""
        return np.asarray(array[self.section])

    def labels(self, array: np.ndarray) -> np.ndarray:
        """Return the section of a label map at the size shown (nearest neighbour)."""
        section = self.cut(array)
        rows, columns = (
            ((np.arange(shown) + 0.5) * n / shown).astype(int)
            for shown, n in zip(self.shown, self.size, strict=True)
        )
        return section[np.ix_(rows, columns)]


def choose_frame(labels: np.ndarray) -> Frame:
    """Choose the section with the most labels, and of these the one with the most labelled pixels.

    Parameters
    ----------
    labels : (*spatial) integer array
    """
    size = labels.shape[-2:]
    sections = list(np.ndindex(labels.shape[:-2]))
    if len(sections) <= 1:
        return Frame(sections[0] if sections else (), size)

    def content(section: tuple[int, ...]) -> tuple[int, int]:
        ids = np.unique(labels[section])
        return int((ids > 0).sum()), int(np.count_nonzero(labels[section]))

    return Frame(max(sections, key=content), size)


def picture(image: np.ndarray, frame: Frame) -> str:
    """Return the section of an image (C, *spatial) as a data URI, with stretched contrast.

    Three channels of uint8 are colours and remain unchanged. Otherwise the contrast of each
    channel is stretched from its 0.5 to its 99.8 percentile. A single channel is grey, two are
    magenta and green, and the first three of several are red, green and blue.
    """
    channels = np.asarray(image[(slice(None), *frame.section)])
    if channels.shape[0] == 3 and channels.dtype == np.uint8:
        colours = np.moveaxis(channels, 0, -1)
    else:
        stretched = [_stretch(channel) for channel in channels[:3]]
        if len(stretched) == 2:
            stretched = [stretched[0], stretched[1], stretched[0]]
        colours = np.stack(stretched * (3 if len(stretched) == 1 else 1), axis=-1)
    shown = Image.fromarray(np.ascontiguousarray(colours))
    if max(frame.size) > MAX_SIDE_PX:
        shown = shown.resize(frame.shown[::-1], Image.Resampling.BOX)
    return _data_uri(shown, lossless=False)


def draw_labels(
    semantic: np.ndarray | None,
    instance: np.ndarray | None,
    frame: Frame,
    colours: dict[int, str],
) -> str:
    """Return an overlay of labels, with the borders of objects.

    Objects have colours of their own if there is one class, else the colours of their classes.
    """
    canvas = _canvas(frame)
    objects = None if instance is None else frame.labels(instance)
    if semantic is not None:
        classes = frame.labels(semantic)
        if objects is not None and len(colours) < 2:
            classes = np.where(objects > 0, 0, classes)
        for number, colour in colours.items():
            _fill(canvas, classes == number, colour, FILL_OPACITY)
        _outline_classes(canvas, classes, colours, frame.line)
        if objects is not None and len(colours) > 1:
            _fill_classes(canvas, outlines(objects, frame.line), classes, colours)
            objects = None
    if objects is not None:
        ids, position = np.unique(objects, return_inverse=True)
        table = np.array([object_colour(int(number)) for number in ids], np.uint8)
        opacity = np.where(outlines(objects, frame.line), 255, 97)
        coloured = np.dstack([table[position.reshape(objects.shape)], opacity])
        canvas[objects > 0] = coloured[objects > 0]
    return _data_uri(Image.fromarray(canvas), lossless=True)


def draw_errors(
    true: tuple[np.ndarray, np.ndarray | None],
    pred: tuple[np.ndarray, np.ndarray | None],
    errors: ObjectErrors | None,
    frame: Frame,
    colours: dict[int, str],
) -> str:
    """Return an overlay of a prediction in which errors are marked.

    Parameters
    ----------
    true, pred : (semantic, instance) pairs of (*spatial) arrays
    errors : ObjectErrors or None
        None if there are no instances.
    frame : Frame
    colours : dict of int to str
        Colours of classes. If there are several classes, borders have the colour of the class,
        and objects with an error are outlined inside in the colour of the error.
    """
    canvas = _canvas(frame)
    true_classes, pred_classes = frame.labels(true[0]), frame.labels(pred[0])
    if errors is None or true[1] is None or pred[1] is None:
        _draw_pixel_errors(canvas, true_classes, pred_classes, colours, frame.line)
    else:
        true_objects, pred_objects = frame.labels(true[1]), frame.labels(pred[1])
        thing = (true_objects > 0) | (pred_objects > 0)
        _draw_pixel_errors(
            canvas,
            np.where(thing, 0, true_classes),
            np.where(thing, 0, pred_classes),
            colours,
            frame.line,
        )
        maps = (true_classes, true_objects), (pred_classes, pred_objects)
        _draw_object_errors(canvas, *maps, errors, colours, frame.line)
    return _data_uri(Image.fromarray(canvas), lossless=True)


def outlines(labels: np.ndarray, width: int) -> np.ndarray:
    """Return the inner boundaries of labels, so that both of two neighbours have one."""
    square = (2 * width + 1,) * 2
    low = ndimage.minimum_filter(labels, size=square)
    high = ndimage.maximum_filter(labels, size=square)
    return (low != high) & (labels > 0)


def _draw_object_errors(
    canvas: Canvas,
    true: tuple[np.ndarray, np.ndarray],
    pred: tuple[np.ndarray, np.ndarray],
    errors: ObjectErrors,
    colours: dict[int, str],
    line: int,
) -> None:
    (true_classes, true_objects), (pred_classes, pred_objects) = true, pred
    matched = np.isin(pred_objects, errors.pred("matched"))
    _border(canvas, pred_objects, matched, pred_classes, OBJECT_MARKS["matched"], colours, line)
    for kind in ("merged", "split", "spurious"):
        mark, area = OBJECT_MARKS[kind], np.isin(pred_objects, errors.pred(kind))
        _paint(canvas, area, mark)
        _border(canvas, pred_objects, area, pred_classes, mark, colours, line)
    # the boundaries between true objects that the prediction merges
    merged = np.isin(true_objects, errors.true("merged"))
    merged &= np.isin(pred_objects, errors.pred("merged"))
    missing_boundaries = outlines(true_objects, line) & merged & ~outlines(pred_objects, line)
    _fill(canvas, missing_boundaries, "#ffffff", 0.85)
    missed = np.isin(true_objects, errors.true("missed"))
    _paint(canvas, missed, OBJECT_MARKS["missed"])
    _border(canvas, true_objects, missed, true_classes, OBJECT_MARKS["missed"], colours, line)


def _border(
    canvas: Canvas,
    objects: np.ndarray,
    area: np.ndarray,
    classes: np.ndarray,
    mark: Mark,
    colours: dict[int, str],
    line: int,
) -> None:
    """Draw the borders of the objects of an area.

    They have the colour of the error, or, if there are several classes, the colour of the class
    with that of the error inside.
    """
    border = outlines(objects, line) & area
    if len(colours) < 2:
        _fill(canvas, border, mark.colour, 1.0)
        return
    if mark.filling != "none":
        _fill(canvas, outlines(objects, 2 * line) & area, mark.colour, 1.0)
    _fill_classes(canvas, border, classes, colours)


def _draw_pixel_errors(
    canvas: Canvas, true: np.ndarray, pred: np.ndarray, colours: dict[int, str], line: int
) -> None:
    wrong = (true != pred) & (true != VOID)
    _paint(canvas, wrong & (true > 0) & (pred > 0), PIXEL_MARKS["confused"])
    _paint(canvas, wrong & (true == 0), PIXEL_MARKS["spurious"])
    _paint(canvas, wrong & (pred == 0), PIXEL_MARKS["missed"])
    _outline_classes(canvas, pred, colours, line)


def _outline_classes(
    canvas: Canvas, classes: np.ndarray, colours: dict[int, str], line: int
) -> None:
    _fill_classes(canvas, outlines(classes, line), classes, colours)


def _fill_classes(
    canvas: Canvas, area: np.ndarray, classes: np.ndarray, colours: dict[int, str]
) -> None:
    for number, colour in colours.items():
        _fill(canvas, area & (classes == number), colour, 1.0)


def _paint(canvas: Canvas, area: np.ndarray, mark: Mark) -> None:
    if mark.filling == "hatched":
        y, x = np.indices(area.shape, sparse=True)
        _fill(canvas, area, mark.colour, 0.15)
        _fill(canvas, area & ((x + y) % 6 < 2), mark.colour, 0.9)
    elif mark.filling == "dotted":
        y, x = np.indices(area.shape, sparse=True)
        _fill(canvas, area, mark.colour, 0.15)
        _fill(canvas, area & (x % 6 < 3) & (y % 6 < 3), mark.colour, 0.9)
    elif mark.filling == "solid":
        _fill(canvas, area, mark.colour, FILL_OPACITY)


def _fill(canvas: Canvas, area: np.ndarray, colour: str, opacity: float) -> None:
    canvas[area] = (*rgb(colour), round(255 * opacity))


def _canvas(frame: Frame) -> Canvas:
    return np.zeros((*frame.shown, 4), np.uint8)


def _stretch(channel: np.ndarray) -> np.ndarray:
    values = channel.astype(np.float32)
    low, high = np.percentile(values, [0.5, 99.8])
    if high <= low:
        return np.zeros(channel.shape, np.uint8)
    return np.round(255 * np.clip((values - low) / (high - low), 0, 1)).astype(np.uint8)


def _data_uri(image: Image.Image, *, lossless: bool) -> str:
    data = io.BytesIO()
    options = {"lossless": True, "quality": 60} if lossless else {"quality": 82}
    image.save(data, format="WEBP", method=4, **options)
    return "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode("ascii")
