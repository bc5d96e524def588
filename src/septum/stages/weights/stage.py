"""Border weight maps of the training cases and elastic copies of a batch, written to disk."""

from __future__ import annotations

import logging
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np

from septum.config.schema import Weights
from septum.data.plan import PlannedWeights, read_plan
from septum.data.store import VOID, Case, case_paths, read_case
from septum.instances.touching import separate_touching
from septum.io.atomic import atomic_path
from septum.io.zarr_arrays import write_array
from septum.losses.border_weights import border_weight_map

log = logging.getLogger(__name__)


def weights_batch(
    *, cases: Path, copies: Path | None, plan: Path, settings: Weights, out: Path
) -> None:
    """Write the weight maps of all training cases of a batch and of their copies.

    Test cases and cases without labels get none, since no network is trained on them.

    Parameters
    ----------
    cases : Path
        Batch folder of canonical cases.
    copies : Path, optional
        Batch folder of their elastic copies.
    plan : Path
        plan.json of the dataset, which holds the values of settings left at ``auto`` and the
        names of the training cases.
    settings : Weights
        Parameters of the maps.
    out : Path
        Folder to write atomically. A map is named after the file of its case and holds the
        array ``weights``, float32 (*spatial).

    Raises
    ------
    SeptumError
        If a case or the plan cannot be read, or ``out`` cannot be written.
    """
    decided = read_plan(plan).with_weights(settings)
    trained = set(chain(decided.train, *decided.folds))
    folders = [cases] if copies is None else [cases, copies]
    written = 0
    with atomic_path(out) as folder:
        folder.mkdir()
        for path in case_paths(folders).values():
            case = read_case(path)
            if (case.parent or case.name) not in trained:
                continue
            weights = case_weight_map(case, decided.weights, mode=settings.mode, w0=settings.w0)
            write_array(folder / path.name, "weights", weights, attributes={"name": case.name})
            log.info("%s: weights %.3g to %.3g", case.name, weights.min(), weights.max())
            written += 1
    log.info("%d weight maps", written)


def case_weight_map(
    case: Case, planned: PlannedWeights, *, mode: Literal["paper", "lmb"], w0: float
) -> np.ndarray:
    """Return the weight map of an annotated case.

    Touching objects are separated first; the ridge between them is background, as in the
    training target. Without instances there is no border term.

    Parameters
    ----------
    case : Case
        The case, with its labels in memory.
    planned : PlannedWeights
        Of a plan; all classes have weight 1 if they are not balanced.
    mode, w0
        As in `septum.losses.border_weights.border_weight_map`.

    Returns
    -------
    float32 array (*spatial)
    """
    # losses ignore void pixels, whatever their weight
    semantic = np.where(case.semantic == VOID, 0, case.semantic)
    if case.instance is None:
        objects, classes = np.zeros_like(semantic), semantic
    else:
        objects = separate_touching(case.instance)
        classes = np.where((case.instance > 0) & (objects == 0), 0, semantic)
    by_class = {int(i): float(weight) for i, weight in planned.class_weights.items()}
    return border_weight_map(
        objects,
        w0=w0,
        sigma=planned.sigma,
        spacing=case.geometry.spacing,
        mode=mode,
        classes=classes,
        class_weights=[by_class.get(i, 1.0) for i in range(max(by_class) + 1)],
    )
