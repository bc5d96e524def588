"""The stage that tunes the decoder of a trained network, and writes the model file."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from septum.config.schema import Tune
from septum.data.fold_cases import find_validation_cases
from septum.data.plan import Plan
from septum.errors import Problems, problem
from septum.io.usage import TUNING_COSTS_FILE, TuningCosts, usage, write_costs
from septum.networks.device import CHANNELS_LAST, choose_device
from septum.networks.model_file import read_model, save_model
from septum.networks.model_header import ModelHeader
from septum.stages.tune.decoder import tune_decoder


def tune(
    *,
    weights: Path,
    plan: Plan,
    cases: Sequence[Path],
    settings: Tune,
    out: Path,
    digests: Mapping[str, str],
) -> None:
    """Tune the decoder of a network on the validation cases of its fold.

    Parameters
    ----------
    weights : Path
        File of weights, from `septum.stages.train.stage.train`.
    plan : Plan
        Plan of the dataset.
    cases : sequence of Path
        Batch folders of canonical cases.
    settings : Tune
        Settings of inference on whole images, and of the decoder, whose ``auto`` parameters are
        tuned.
    out : Path
        The model file with weights and decoder, written atomically. ``tuning.json`` is written
        beside it (`septum.io.usage.TuningCosts`).
    digests : mapping
        Digests to store in the model file, in addition to those of the weights.

    Raises
    ------
    SeptumError
        If a GPU is demanded and there is none, if the weights do not name their fold or were
        trained on other data than those of the plan, or if a validation case is missing.
    """
    device = choose_device(settings.predict.device, "predict.device")
    stored = read_model(weights)
    if stored.header.trained is None:
        what = "does not say which fold it was trained on"
        raise problem(weights, what, "give the weights that `septum train` wrote")
    _require_same_dataset(weights, stored.header, plan)
    paths = find_validation_cases(plan, stored.header.trained.fold, cases)
    header = stored.header.model_copy(
        update={
            "predict": settings.predict,
            "digests": {**stored.header.digests, **digests},
        }
    )
    layout = CHANNELS_LAST[header.spatial_dims + 2]
    start = time.monotonic()
    decoder = tune_decoder(
        stored.segmenter(device).to(memory_format=layout),
        header,
        paths,
        settings.decode,
        min_size=plan.min_size,
    )
    seconds = time.monotonic() - start
    used = usage(device, torch.get_num_threads())
    costs = TuningCosts(**used.model_dump(), tuning_s=seconds)
    write_costs(Path(out).parent / TUNING_COSTS_FILE, costs)
    save_model(out, stored.state, header.model_copy(update={"decoder": decoder}))


def _require_same_dataset(weights: Path, header: ModelHeader, plan: Plan) -> None:
    """Raise if a network was trained on other data than those that a plan is of."""
    problems = Problems()
    remedy = "give the plan and the cases of the dataset that the network was trained on"
    for name in ("spatial_dims", "in_channels", "annotation", "classes"):
        trained, planned = getattr(header, name), getattr(plan, name)
        if trained != planned:
            what = f"is of other data than the plan of {plan.dataset}: they differ in {name}"
            problems.add(weights, what, remedy)
    problems.raise_if_any()
