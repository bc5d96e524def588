"""The record of a tuned merge of two experiments, ``parameters.json``."""

from __future__ import annotations

from collections.abc import Sequence

from septum.classical.fitted import Record
from septum.config.schema import ClassSpec, Merge
from septum.data.fold_values import common_parameters


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


def common_merge(folds: Sequence[Merged]) -> Merged:
    """Return the merge that stands for those of several folds: its limits are their medians.

    Cases that no fold alone predicts are merged with it (`septum.data.fold_values`).

    Parameters
    ----------
    folds : sequence of Merged
        Of the same two experiments, at least one.

    Returns
    -------
    Merged
        That of the first fold, with the common limits.
    """
    limits = common_parameters([merged.parameters for merged in folds])
    return folds[0].model_copy(update={"parameters": limits})
