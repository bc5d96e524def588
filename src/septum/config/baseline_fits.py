"""Checks whether a classical baseline can be applied to a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from septum.config import registry
from septum.config.schema import ClassSpec
from septum.errors import Problem


def misfits(
    name: str,
    where: str,
    dataset: str,
    classes: Mapping[int, ClassSpec] | None,
    *,
    annotation: str,
    spatial_dims: int | None,
) -> Iterator[Problem]:
    """Yield the reasons why a method cannot be applied to a dataset.

    Parameters
    ----------
    name : str
        A key of `septum.config.registry.BASELINES`.
    where : str
        The configuration key that names the datasets, for the messages.
    dataset : str
        Name of the dataset.
    classes : mapping of int to ClassSpec, or None
        Its foreground classes; None if they are not known yet.
    annotation : str
        ``instance``, ``binary``, ``semantic`` or ``panoptic``.
    spatial_dims : int or None
        Number of axes of its images; None if it is not known yet.
    """
    specs = list((classes or {}).values())
    if len(specs) > 1:
        several = ", ".join(spec.name for spec in specs)
        what = f"a classical method knows no classes, but {dataset} has several ({several})"
        yield Problem(where, what, f"name datasets of one class, without {dataset}")
    elif specs and annotation != "semantic" and specs[0].kind != "thing":
        what = f"a classical method finds objects, but the only class of {dataset} is stuff"
        yield Problem(where, what, f"say `annotation: semantic` in datasets.{dataset}")
    if spatial_dims not in (None, 2) and registry.BASELINES[name].planar:
        what = f"{name} is not defined for {spatial_dims}-D images ({dataset})"
        yield Problem(where, what, f"name datasets without {dataset}, or choose another method")
