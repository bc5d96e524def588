"""The settings that follow the data, as they were used, and where each comes from.

The value is read from what used it: the model file, what is written beside the predictions, the
plan's weight maps. The configuration says whether it was given; else it was derived, and the plan
says why. What is tuned is in `septum.stages.report.decoders`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from septum.config.schema import (
    Decode,
    Normalisation,
    PercentileScaling,
    Run,
    StandardScaling,
    WindowScaling,
)
from septum.data.plan import Plan
from septum.io.units import SYMBOLS
from septum.stages.report.inputs import Dataset, Experiment, ShownModel
from septum.stages.report.text import size_text, value_text

SET_BY_USER = "set by you"

OPTIONS = {
    "anchor_sizes": (
        "Sizes of anchor boxes",
        "an octave apart, from the diameters of small objects ({smallest}) to those of large ones "
        "({largest})",
    ),
    "first_level": (
        "Finest level of features",
        "features about a quarter of a small object ({smallest}) apart",
    ),
    "proportions": ("Proportions of anchor boxes", "a pixel is not as long along every axis"),
}
"""Options of networks that follow the objects: what they are, and why they have their values."""
KEYS = (
    *("normalisation", "train.patch", "weights.sigma", "weights.class_balance"),
    *(f"options.{option}" for option in OPTIONS),
    *("predict.tile", "decode.min_size"),
)
"""The order of the settings."""


@dataclass(frozen=True)
class Setting:
    """A setting of one experiment.

    Parameters
    ----------
    key : str
        Its place in the configuration; sections may stand at the top, or in a dataset or an
        experiment.
    name : str
        What it is.
    value : str
        What was used.
    source : str
        Where that comes from: ``derived: why`` or ``set by you``.
    """

    key: str
    name: str
    value: str
    source: str


@dataclass(frozen=True)
class SettingValue:
    """A value of a setting, where it comes from, and who has it (empty: all networks)."""

    value: str
    source: str
    owners: str


@dataclass(frozen=True)
class SettingRows:
    """A setting and the values that it has in a dataset."""

    key: str
    name: str
    values: list[SettingValue]


def setting_rows(dataset: Dataset) -> list[SettingRows]:
    """Return the settings of all experiments of a dataset, equal ones put together."""
    owners: dict[tuple[str, str], dict[tuple[str, str], list[str]]] = {}
    for experiment in dataset.experiments:
        for setting in used_settings(dataset, experiment):
            values = owners.setdefault((setting.key, setting.name), {})
            values.setdefault((setting.value, setting.source), []).append(experiment.name)
    networks = [e.name for e in dataset.experiments if e.run is not None]
    return [
        SettingRows(
            key,
            name,
            [
                SettingValue(value, source, _owners_text(who, networks))
                for (value, source), who in owners[key, name].items()
            ],
        )
        for key, name in sorted(owners, key=lambda named: KEYS.index(named[0]))
    ]


def used_settings(dataset: Dataset, experiment: Experiment) -> list[Setting]:
    """Return the settings of an experiment that follow the data: of a network, or none.

    What is tuned is told by `septum.stages.report.decoders`.
    """
    if experiment.run is None:
        return []
    run, plan = experiment.run, dataset.plan
    model = next(iter(experiment.models.values()))
    return [
        _normalisation(model, plan, dataset.normalisation),
        _patch(model, plan, run),
        *(_weights(dataset) if run.train.border_weights else ()),
        *_options(model, plan, run),
        *_tile(experiment, model, run),
        *_smallest_object(model, plan, run.decode),
    ]


def _owners_text(owners: Sequence[str], networks: Sequence[str]) -> str:
    """Return who has a value; empty where all networks have."""
    other_networks = [name for name in networks if name not in owners]
    if not other_networks:
        return ""
    if len(other_networks) <= 2 < len(owners):
        return f"all networks but {' and '.join(other_networks)}"
    return ", ".join(owners)


def _normalisation(model: ShownModel, plan: Plan, settings: Normalisation) -> Setting:
    """Return the normalisation of intensities: its scheme and the parameters of the scheme."""
    used = model.normalisation
    # the plan says why the scheme, then why the window
    why_scheme, _, why_window = plan.derived["normalisation"].partition("; ")
    sources = [SET_BY_USER if settings.scheme != "auto" else f"derived: {why_scheme}"]
    if isinstance(used, PercentileScaling):
        value = f"percentiles {value_text(used.lower)} to {value_text(used.upper)}"
        usual = Normalisation()
        changed = (settings.lower, settings.upper) != (usual.lower, usual.upper)
        if changed and settings.scheme == "auto":
            sources.append(f"percentiles {SET_BY_USER}")
    elif isinstance(used, WindowScaling):
        value = (
            f"CT window {value_text(used.low)} to {value_text(used.high)}, then mean "
            f"{value_text(used.mean)} and standard deviation {value_text(used.std)}"
        )
        if settings.window == "auto":
            derived = settings.scheme == "auto"
            sources.append(why_window if derived else f"derived: {why_window}")
        elif settings.scheme == "auto":
            sources.append(f"window {SET_BY_USER}")
    else:
        standard = isinstance(used, StandardScaling)
        value = "mean 0, standard deviation 1" if standard else used.scheme
    return Setting("normalisation", "Intensities", value, "; ".join(sources))


def _patch(model: ShownModel, plan: Plan, run: Run) -> Setting:
    is_set = run.train.patch != "auto"
    requested = tuple(run.train.patch if is_set else plan.patch)
    source = SET_BY_USER if is_set else f"derived: {plan.derived['patch']}"
    if requested != model.patch:
        source += f"; enlarged from {size_text(requested)} px to what the network needs"
    return Setting("train.patch", "Training patch", f"{size_text(model.patch)} px", source)


def _weights(dataset: Dataset) -> Iterator[Setting]:
    """Yield what the weight maps follow the data in."""
    plan, settings = dataset.plan, dataset.weights
    sigma = f"{value_text(plan.weights.sigma)} {SYMBOLS[plan.unit]}"
    source = SET_BY_USER if settings.sigma != "auto" else f"derived: {plan.derived['sigma']}"
    yield Setting("weights.sigma", "σ of the border weights", sigma, source)
    if settings.mode == "lmb":  # has a balance of its own
        return
    weights = ", ".join(
        f"{'background' if key == '0' else plan.classes[int(key)].name} {value_text(weight)}"
        for key, weight in plan.weights.class_weights.items()
    )
    source = f"derived: {plan.derived['class_weights']}" if settings.class_balance else SET_BY_USER
    yield Setting("weights.class_balance", "Class weights", weights, source)


def _options(model: ShownModel, plan: Plan, run: Run) -> Iterator[Setting]:
    """Yield the options of a network that follow the objects."""
    for option, (name, why) in OPTIONS.items():
        value = model.options.get(option)
        if value is None:
            continue
        if option in run.options:
            source = SET_BY_USER
        elif plan.diameters:
            smallest, largest = (f"{plan.diameters[share]:.3g} px" for share in ("5", "95"))
            source = f"derived: {why.format(smallest=smallest, largest=largest)}"
        else:
            source = "derived: as published, since no single objects are annotated"
        text = ", ".join(map(value_text, value)) if isinstance(value, list) else value_text(value)
        unit = " px" if option == "anchor_sizes" else ""
        yield Setting(f"options.{option}", name, f"{text}{unit}", source)


def _tile(experiment: Experiment, model: ShownModel, run: Run) -> Iterator[Setting]:
    """Yield the window of predictions, one for all folds."""
    for used in [used for used in experiment.used.values() if used.tile][:1]:
        source = SET_BY_USER
        if run.predict.tile == "auto":
            grown = "" if used.tile == model.patch else ", doubled as long as memory allows"
            source = f"derived: the training patch{grown}"
        yield Setting("predict.tile", "Window of prediction", f"{size_text(used.tile)} px", source)


def _smallest_object(model: ShownModel, plan: Plan, settings: Decode) -> Iterator[Setting]:
    """Yield what the tuning of the smallest object starts from, where it is tuned."""
    if settings.min_size == "auto" and model.decoder.get("min_size") is not None:
        name, source = "Smallest object, before tuning", f"derived: {plan.derived['min_size']}"
        yield Setting("decode.min_size", name, f"{plan.min_size} px", source)
