"""Checks that export formats fit a dataset (`septum.config.registry.WRITERS`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from septum.config import registry
from septum.errors import Problem


def format_problems(
    formats: Sequence[str], key: str, dataset: str, spatial_dims: int, annotation: str
) -> Iterator[Problem]:
    """Yield why a dataset's predictions cannot be delivered in these formats.

    Parameters
    ----------
    formats : sequence of str
    key : str
        The key of the configuration that names them.
    dataset : str
    spatial_dims : int
    annotation : {"instance", "semantic", "panoptic"}
    """
    remedy = f"take it out for this dataset: datasets.{dataset}.export: {{formats: [...]}}"
    for name in formats:
        record = registry.WRITERS[name]
        if record.planar and spatial_dims != 2:
            what = f"{name} is for images of two axes, and {dataset} has {spatial_dims}"
            yield Problem(key, what, remedy)
        elif record.needs_objects and annotation == "semantic":
            what = f"{name} is for objects, and {dataset} has classes only"
            yield Problem(key, what, remedy)
