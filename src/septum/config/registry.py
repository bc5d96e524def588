"""What the configuration knows of the heads (`septum.heads.heads`) without importing them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# the ways of each head to instances (`septum.decoding.decode`), the simplest first
METHODS = {
    "semantic": ("components", "watershed"),
    "border": ("components", "watershed"),
    "distance": ("watershed",),
    "stardist": ("stars",),
    "flows": ("flows",),
    "detection": ("objects",),
    "panoptic": ("objects",),
}
# the head of each network that finds objects one by one (`septum.networks.create.DETECTORS`)
OF_DETECTORS = {"faster_rcnn": "detection", "mask_rcnn": "detection", "panoptic_fpn": "panoptic"}
# heads that need single objects (`septum.heads.regression`)
REGRESSING = ("distance", "stardist", "flows", "detection", "panoptic")


def unfit_settings(head: str, sections: Mapping[str, Any]) -> Iterator[tuple[str, Any, str, str]]:
    """Yield the settings that a head has no use for.

    Parameters
    ----------
    head : str
    sections : mapping
        ``train``, ``predict`` and ``decode`` (`septum.config.schema.Run`).

    Yields
    ------
    key : str
        Such as ``decode.method``.
    neutral : object
        The value that fits every head.
    what, remedy : str
        As in a `septum.errors.Problem`.
    """
    method, ways = sections["decode"].method, ("auto", *METHODS[head])
    if method not in ways:
        what = f"{method!r} is no way to instances of the head {head!r}"
        yield "decode.method", "auto", what, f"choose one of: {', '.join(ways)}"
    if head in REGRESSING and sections["predict"].crf is not None:
        what = f"refines classes, and would part them from what {head!r} regresses beside them"
        yield "predict.crf", None, what, "set it to false, or choose semantic or border"
    if head == "detection" and sections["predict"].tta:
        what = "averages maps, and the head 'detection' finds objects, which have no mean"
        yield "predict.tta", False, what, "set it to false"
    # with any more, windows share one stride of the network at least (`septum.inference.tile_grid`)
    if head in OF_DETECTORS.values() and 1 - sections["predict"].overlap == 1:
        what = "lets windows share no pixel, so an object in several is counted in each of them"
        yield "predict.overlap", 0.25, what, "set it to 0.25"
    if head in OF_DETECTORS.values() and sections["train"].border_weights:
        what = f"weighs pixels between objects, and the head {head!r} learns objects"
        yield "train.border_weights", False, what, "set it to false"
