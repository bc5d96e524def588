"""The record of a tuned merge of two experiments, ``parameters.json``."""

from __future__ import annotations

from septum.classical.fitted import Record
from septum.config.schema import ClassSpec, Merge


class Merged(Record):
    """The contents of the ``parameters.json`` of a merge.

    Attributes
    ----------
    merge
        The two experiments.
    parameters
        ``threshold`` and ``min_stuff`` of `septum.decoding.panoptic.panoptic_merge`.
    """

    merge: Merge
    classes: dict[int, ClassSpec]
