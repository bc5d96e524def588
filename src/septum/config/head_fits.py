"""Checks for settings that do not apply to a head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from septum.config import registry


def unfit_settings(head: str, sections: Mapping[str, Any]) -> Iterator[tuple[str, Any, str, str]]:
    """Yield the settings that do not apply to a head.

    Parameters
    ----------
    head : str
        A key of `septum.config.registry.HEADS`.
    sections : mapping
        ``predict`` and ``decode``, and ``train`` before a training (`septum.config.schema.Run`).

    Yields
    ------
    key : str
        Key of the setting, such as ``decode.method``.
    neutral : object
        The value that applies to every head.
    what, remedy : str
        As in a `septum.errors.Problem`.
    """
    record = registry.HEADS[head]
    method, choices = sections["decode"].method, ("auto", *record.methods)
    if method not in choices:
        what = f"{method!r} is no way to instances of the head {head!r}"
        yield "decode.method", "auto", what, f"choose one of: {', '.join(choices)}"
    if record.needs_objects and sections["predict"].crf is not None:
        what = f"refines classes, and would part them from what {head!r} regresses beside them"
        yield "predict.crf", None, what, "set it to false, or choose semantic or border"
    if head == "detection" and sections["predict"].tta:
        what = "averages maps, and the head 'detection' finds objects, which have no mean"
        yield "predict.tta", False, what, "set it to false"
    # With a larger overlap, windows share at least one stride of the network
    # (`septum.inference.tile_grid`).
    if record.of_detectors and 1 - sections["predict"].overlap == 1:
        what = "lets windows share no pixel, so an object in several is counted in each of them"
        yield "predict.overlap", 0.25, what, "set it to 0.25"
    train = sections.get("train")
    if record.of_detectors and train is not None and train.border_weights:
        what = f"weighs pixels between objects, and the head {head!r} learns objects"
        yield "train.border_weights", False, what, "set it to false"
