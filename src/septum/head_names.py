"""What the configuration knows of the heads (`septum.heads`) without importing them."""

from __future__ import annotations

from collections.abc import Iterator

# the ways of each head to instances (`septum.decode`), the simplest first
METHODS = {
    "semantic": ("components", "watershed"),
    "border": ("components", "watershed"),
    "distance": ("watershed",),
    "stardist": ("stars",),
    "flows": ("flows",),
    "detection": ("objects",),
}
# heads that need single objects (`septum.regression`)
REGRESSING = ("distance", "stardist", "flows", "detection")


def unfit_settings(head: str, *, method: str, refined: bool) -> Iterator[tuple[str, str, str]]:
    """Yield the settings that a head has no use for.

    Parameters
    ----------
    head : str
    method : str
        ``decode.method``.
    refined : bool
        Whether ``predict.crf`` is given.

    Yields
    ------
    key, what, remedy : str
        The parts of a `septum.errors.Problem`; the key is ``decode.method`` or ``predict.crf``.
    """
    ways = ("auto", *METHODS[head])
    if method not in ways:
        what = f"{method!r} is no way to instances of the head {head!r}"
        yield "decode.method", what, f"choose one of: {', '.join(ways)}"
    if head in REGRESSING and refined:
        what = f"refines classes, and would part them from what {head!r} regresses beside them"
        yield "predict.crf", what, "set it to false, or choose semantic or border"
