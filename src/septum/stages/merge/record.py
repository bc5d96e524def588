"""What the merge of two experiments was tuned to, as its ``parameters.json`` holds it."""

from __future__ import annotations

from septum.classical.fitted import Record
from septum.config.schema import ClassSpec, Merge


class Merged(Record):
    """What stands in the ``parameters.json`` of a merge.

    Attributes
    ----------
    merge
        The two experiments.
    parameters
        ``threshold`` and ``min_stuff`` of `septum.decoding.panoptic.panoptic_merge`.
    """

    merge: Merge
    classes: dict[int, ClassSpec]
