"""Parameters tuned on validation cases: decoders of networks, baselines and merges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from septum.config.registry import HEADS, METHODS
from septum.config.schema import Decode
from septum.data.plan import Plan
from septum.stages.report.inputs import Dataset, Experiment, Value
from septum.stages.report.text import value_text

PARAMETERS_IN_PX = ("min_size", "min_stuff")
"""Parameters that are numbers of pixels."""


@dataclass
class TunedRow:
    """The parameters of an experiment, or of one of its folds, by their source.

    Parameters
    ----------
    owner : str
        The experiment, and its fold.
    derived : list of (parameter, why)
        Parameters that follow from the head or the data.
    tuned : list of str
        Parameters that were tuned on validation cases.
    configured : list of str
        Parameters that the configuration sets.
    """

    owner: str
    derived: list[tuple[str, str]] = field(default_factory=list)
    tuned: list[str] = field(default_factory=list)
    configured: list[str] = field(default_factory=list)


def tuned_rows(dataset: Dataset) -> list[TunedRow]:
    """Return a row for each experiment; for a network, a row for each fold and for all of them."""
    rows = []
    for experiment in dataset.experiments:
        if experiment.run is None:
            rows.append(_parameters(experiment))
            continue
        parts = used_decoders(experiment)
        head = next(iter(experiment.models.values())).head
        for part, decoder in parts.items():
            owner = f"{experiment.name}, {part}" if len(parts) > 1 else experiment.name
            rows.append(_decoder(owner, decoder, head, dataset.plan, experiment.run.decode))
    return rows


def used_decoders(experiment: Experiment) -> dict[str, dict[str, Value]]:
    """Return the decoder of each fold of a network, and the common one of several folds."""
    decoders = {f"fold {fold}": model.decoder for fold, model in experiment.models.items()}
    if len(decoders) > 1 and "ensemble" in experiment.used:
        decoders["all folds together"] = experiment.used["ensemble"].decoder
    return decoders


def _decoder(
    owner: str, decoder: Mapping[str, Value], head: str, plan: Plan, settings: Decode
) -> TunedRow:
    row = TunedRow(owner)
    method = METHODS.get(decoder["method"])
    in_order = [parameter.name for parameter in method.parameters] if method else []
    for name in dict.fromkeys(("method", *in_order, *sorted(decoder))):
        value = decoder.get(name)
        if value is None or name == "score":
            continue
        text = value_text(value) if name == "method" else _text(name, value)
        why = _reason(name, value, head, plan)
        if getattr(settings, name) != "auto" and value != "argmax":
            row.configured.append(text)
        elif why:
            row.derived.append((text, why))
        else:
            row.tuned.append(text)
    return row


def _reason(name: str, value: Value, head: str, plan: Plan) -> str:
    """Return the reason for the value of a parameter that is not tuned; empty if it is tuned."""
    if value == "argmax":
        return "only classes are annotated"
    if name == "method" and len(HEADS[head].methods) == 1:
        return f"the only method of the head {head}"
    if name == "mask_threshold" and plan.spatial_dims == 2:
        return "always, in 2-D"
    if name in PARAMETERS_IN_PX and plan.min_size == 0:
        return plan.derived["min_size"]
    return ""


def _parameters(experiment: Experiment) -> TunedRow:
    """Return the parameters of a baseline, or the limits of a merge."""
    row = TunedRow(experiment.name)
    for name, value in experiment.record.parameters.items():
        if value is not None:
            texts = row.configured if name in experiment.options else row.tuned
            texts.append(_text(name, value))
    return row


def _text(name: str, value: Value) -> str:
    unit = " px" if name in PARAMETERS_IN_PX else ""
    parameters = (p for method in METHODS.values() for p in method.parameters)
    label = {p.name: p.shown_as for p in parameters}.get(name, name.replace("_", " "))
    return f"{label} {value_text(value)}{unit}"
