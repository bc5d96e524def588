"""The settings that are derived from the data by default, with the source of their values.

Values that were used are read from model files, the attributes of predictions, and the plan. A
value is set by the user if the configuration gives it, else it was derived for the reason that
the plan states. Tuned parameters are shown by `septum.stages.report.decoders`.
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

OPTION_TEXTS = {
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
"""Description and reason of the options of networks that are derived from the objects."""
SETTING_KEYS = (
    *("normalisation", "train.patch", "weights.sigma", "weights.class_balance"),
    *(f"options.{option}" for option in OPTION_TEXTS),
    *("predict.tile", "decode.min_size"),
)
"""Keys of the settings in the order of the report."""


@dataclass(frozen=True)
class Setting:
    """A setting of one experiment.

    Parameters
    ----------
    key : str
        Key in the configuration, whose section may be at the top level, or in a dataset or an
        experiment.
    name : str
        Description of the setting.
    value : str
        Value that was used.
    source : str
        Source of the value, ``derived: why`` or ``set by you``.
    """

    key: str
    name: str
    value: str
    source: str


@dataclass(frozen=True)
class SettingValue:
    """A value of a setting, its source, and the networks that use it (empty for all of them)."""

    value: str
    source: str
    owners: str


@dataclass(frozen=True)
class SettingRows:
    """A setting and its values in a dataset."""

    key: str
    name: str
    values: list[SettingValue]


def setting_rows(dataset: Dataset) -> list[SettingRows]:
    """Return the settings of all experiments of a dataset, grouped by value."""
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
                SettingValue(value, source, _owners_text(experiments, networks))
                for (value, source), experiments in owners[key, name].items()
            ],
        )
        for key, name in sorted(owners, key=lambda pair: SETTING_KEYS.index(pair[0]))
    ]


def used_settings(dataset: Dataset, experiment: Experiment) -> list[Setting]:
    """Return the settings of a network that are derived from the data by default.

    There are none for other experiments. Tuned parameters are shown by
    `septum.stages.report.decoders`.
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
    """Return the networks that use a value as text, which is empty for all networks."""
    other_networks = [name for name in networks if name not in owners]
    if not other_networks:
        return ""
    if len(other_networks) <= 2 < len(owners):
        return f"all networks but {' and '.join(other_networks)}"
    return ", ".join(owners)


def _normalisation(model: ShownModel, plan: Plan, settings: Normalisation) -> Setting:
    """Return the normalisation of intensities: its scheme and the parameters of the scheme."""
    used = model.normalisation
    why_scheme, why_window = plan.derived["normalisation"], plan.derived.get("window")
    if why_window is None:  # plans of earlier versions said both in one sentence
        why_scheme, _, why_window = why_scheme.partition("; ")
    sources = [SET_BY_USER if settings.scheme != "auto" else f"derived: {why_scheme}"]
    if isinstance(used, PercentileScaling):
        value = f"percentiles {value_text(used.lower)} to {value_text(used.upper)}"
        defaults = Normalisation()
        changed = (settings.lower, settings.upper) != (defaults.lower, defaults.upper)
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
    """Yield the settings of weight maps that are derived from the data."""
    plan, settings = dataset.plan, dataset.weights
    sigma = f"{value_text(plan.weights.sigma)} {SYMBOLS[plan.unit]}"
    source = SET_BY_USER if settings.sigma != "auto" else f"derived: {plan.derived['sigma']}"
    yield Setting("weights.sigma", "σ of the border weights", sigma, source)
    if settings.mode == "lmb":  # this mode balances classes itself
        return
    weights = ", ".join(
        f"{'background' if key == '0' else plan.classes[int(key)].name} {value_text(weight)}"
        for key, weight in plan.weights.class_weights.items()
    )
    source = f"derived: {plan.derived['class_weights']}" if settings.class_balance else SET_BY_USER
    yield Setting("weights.class_balance", "Class weights", weights, source)


def _options(model: ShownModel, plan: Plan, run: Run) -> Iterator[Setting]:
    """Yield the options of a network that are derived from the objects."""
    for option, (name, why) in OPTION_TEXTS.items():
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
    """Yield the window of prediction, which is the same for all folds."""
    for used in [used for used in experiment.used.values() if used.tile][:1]:
        source = SET_BY_USER
        if run.predict.tile == "auto":
            doubled = "" if used.tile == model.patch else ", doubled as long as memory allows"
            source = f"derived: the training patch{doubled}"
        yield Setting("predict.tile", "Window of prediction", f"{size_text(used.tile)} px", source)


def _smallest_object(model: ShownModel, plan: Plan, settings: Decode) -> Iterator[Setting]:
    """Yield the initial value of the smallest object size, if it is tuned."""
    if settings.min_size == "auto" and model.decoder.get("min_size") is not None:
        name, source = "Smallest object, before tuning", f"derived: {plan.derived['min_size']}"
        yield Setting("decode.min_size", name, f"{plan.min_size} px", source)
