"""The planning of a dataset: measure its cases, split them, resolve settings left at ``auto``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from septum.config.dataset import Dataset
from septum.config.schema import ClassSpec
from septum.data.plan import Plan, PlannedWeights
from septum.data.store import case_paths, read_case
from septum.errors import SeptumError, problem
from septum.io.atomic import write_json
from septum.stages.plan.case_facts import MIN_FOREGROUND_SAMPLES, CaseFacts, measure
from septum.stages.plan.fingerprint import check_alike, fingerprint
from septum.stages.plan.near_duplicates import (
    Pair,
    Signature,
    describe,
    find_duplicates,
    sign,
    straddling,
)
from septum.stages.plan.rules import (
    derive_class_weights,
    derive_min_size,
    derive_normalisation,
    derive_patch,
    derive_sigma,
)
from septum.stages.plan.split import Partition, follow_file, merge_groups, split_cases
from septum.workflow.split_file import read_split_file, split_by_name

log = logging.getLogger(__name__)

TOTAL_FOREGROUND_SAMPLES = 1_000_000


def plan_dataset(
    *,
    dataset: Dataset,
    name: str,
    cases: Sequence[Path],
    groups: Mapping[str, str],
    split_file: Path | None,
    seed: int,
    out: Path,
) -> None:
    """Write the plan of a dataset, and log the values that were derived.

    Parameters
    ----------
    dataset : Dataset
        Section of the configuration.
    name : str
        Name of the dataset.
    cases : sequence of Path
        Batch folders of canonical cases.
    groups : mapping of str to str
        The group of each case.
    split_file : Path or None
        File with a split to follow (`septum.workflow.split_file.read_split_file`).
    seed : int
        The seed of the configuration.
    out : Path
        plan.json, written atomically.

    Raises
    ------
    SeptumError
        If the cases differ in kind, cannot be split, or occur twice.
    """
    paths = case_paths(cases)
    sample = samples_per_case(len(paths))
    facts, signatures = [], []
    for case_name in sorted(paths):
        case = read_case(paths[case_name])
        facts.append(measure(case, sample=sample))
        if facts[-1].annotated:
            signatures.append(sign(case))
    plan = make_plan(dataset, name, facts, signatures, groups, split_file, seed)
    for line in describe_plan(plan):
        log.info("%s", line)
    write_json(out, plan.to_json())


def samples_per_case(cases: int) -> int:
    """Return the number of foreground pixels to draw from each case: a million in all."""
    return max(MIN_FOREGROUND_SAMPLES, TOTAL_FOREGROUND_SAMPLES // max(1, cases))


def make_plan(
    dataset: Dataset,
    name: str,
    facts: Sequence[CaseFacts],
    signatures: Sequence[Signature],
    groups: Mapping[str, str],
    split_file: Path | None,
    seed: int,
) -> Plan:
    """Plan a dataset from the facts of its cases; parameters as in `plan_dataset`."""
    key = f"datasets.{name}"
    if not facts:
        raise problem(key, "has no case", "check its patterns and `exclude`")
    check_alike(facts, key)
    pairs = find_duplicates(signatures)
    partition = _partition(dataset, name, facts, pairs, groups, split_file, seed)
    _refuse_duplicates(dataset, name, pairs, partition, split_file is not None)
    # settings are derived without the test set; a dataset without labels has none
    test = set(partition.test)
    outside_test = [f for f in facts if f.annotated and f.name not in test] or list(facts)
    summary = fingerprint(outside_test)
    classes = dataset.classes or _classes(dataset, summary, facts)
    normalisation, derived_normalisation = derive_normalisation(dataset.normalisation, summary)
    patch, derived_patch = derive_patch(summary)
    sigma, derived_sigma = derive_sigma(summary)
    min_size, derived_min_size = derive_min_size(summary)
    class_weights, derived_class_weights = derive_class_weights(classes, summary)
    return Plan(
        dataset=name,
        spatial_dims=len(facts[0].size),
        in_channels=facts[0].channels,
        spacing=tuple(summary["spacing"]["median"]),
        unit=summary["unit"],
        # binary masks were divided into objects when they were read
        annotation="instance" if dataset.annotation == "binary" else dataset.annotation,
        classes=dict(sorted(classes.items())),
        normalisation=normalisation,
        patch=patch,
        weights=PlannedWeights(sigma, class_weights),
        min_size=min_size,
        fingerprint=fingerprint(facts),
        test=list(partition.test),
        folds=[list(fold) for fold in partition.folds],
        train=list(partition.train),
        unlabelled=sorted(f.name for f in facts if not f.annotated),
        derived={
            **derived_normalisation,
            "patch": derived_patch,
            "sigma": derived_sigma,
            "min_size": derived_min_size,
            "class_weights": derived_class_weights,
        },
        diameters=(summary["objects"] or {}).get("diameter_px"),
    )


def describe_plan(plan: Plan) -> list[str]:
    """Return the plan as lines of text: cases, split, and derived values with their reasons."""
    summary = plan.fingerprint
    size = " × ".join(str(n) for n in summary["size"]["median"])
    spacing = " × ".join(f"{s:.4g}" for s in plan.spacing)
    lines = [
        f"{plan.dataset}: {summary['cases']} cases, {summary['annotated']} annotated, "
        f"{summary['empty']} of them empty",
        f"  median size   {size} px of {spacing} {plan.unit}, {plan.in_channels} channel(s), "
        f"{', '.join(summary['dtypes'])}",
    ]
    objects = summary["objects"]
    if objects and objects["count"]:
        lines.append(
            f"  objects       {objects['count']:,}, median diameter "
            f"{objects['diameter_px']['50']:.3g} px, {objects['touching_fraction']:.0%} touching, "
            f"{objects['multipart']} in several pieces"
        )
    folds = ", ".join(str(len(fold)) for fold in plan.folds)
    lines.append(
        f"  split         {len(plan.test)} test; validation cases a fold: {folds or 'none'}; "
        f"{len(plan.train)} in training only; {len(plan.unlabelled)} unlabelled"
    )
    sigma = f"{plan.weights.sigma:.4g} {'px' if plan.unit == 'pixel' else plan.unit}"
    values = {
        "normalisation": " ".join(_short(value) for _, value in plan.normalisation),
        "patch": " × ".join(str(n) for n in plan.patch),
        "sigma": sigma,
        "min_size": f"{plan.min_size} px",
        "class_weights": " ".join(_short(w) for w in plan.weights.class_weights.values()),
    }
    lines.append("  derived, unless the configuration says otherwise:")
    reasons = dict(plan.derived)
    if "window" in reasons:
        reasons["normalisation"] += f"; {reasons['window']}"
    lines += [f"  {key:<13} {value}  ({reasons[key]})" for key, value in values.items()]
    return lines


def _partition(
    dataset: Dataset,
    name: str,
    facts: Sequence[CaseFacts],
    pairs: Sequence[Pair],
    groups: Mapping[str, str],
    split_file: Path | None,
    seed: int,
) -> Partition:
    """Split the annotated cases, keeping duplicates together if the settings say so."""
    amounts = {f.name: f.amount for f in facts if f.annotated}
    if not amounts:
        return Partition(test=(), folds=())
    linked = {case: groups.get(case, case) for case in amounts}
    settings = dataset.split
    if split_file is None and isinstance(settings.test, float | int):
        if settings.duplicates == "group":
            linked = merge_groups(linked, [(pair.first, pair.second) for pair in pairs])
        return split_cases(amounts, linked, settings, seed=seed, dataset=name)
    if split_file is None:
        predefined = split_by_name(settings.test, sorted(amounts), f"datasets.{name}.split.test")
    else:
        predefined = read_split_file(split_file)
    listed = {case for _, names in predefined.parts() for case in names}
    unsplit = {f.name for f in facts if not f.annotated} | {
        case for case in listed if any(fnmatchcase(case, p) for p in dataset.exclude)
    }
    duplicates_to_join = pairs if settings.duplicates == "group" else ()
    return follow_file(
        predefined,
        amounts,
        linked,
        settings,
        seed=seed,
        dataset=name,
        unsplit=unsplit,
        together=[(pair.first, pair.second) for pair in duplicates_to_join],
    )


def _refuse_duplicates(
    dataset: Dataset, name: str, pairs: Sequence[Pair], partition: Partition, from_file: bool
) -> None:
    """Raise if duplicates lie in different parts of the split, unless that is allowed."""
    part_of = partition.part_of()
    leaks = straddling(pairs, part_of)
    if leaks and dataset.split.duplicates != "allow":
        where = f"datasets.{name}.split.duplicates"
        raise SeptumError(describe(leaks, part_of, where, from_file=from_file))
    if pairs:
        text = "%d pairs of images are (nearly) the same, %d of them across parts of the split"
        log.info(text, len(pairs), len(leaks))


def _classes(
    dataset: Dataset, summary: Mapping[str, Any], facts: Sequence[CaseFacts]
) -> dict[int, ClassSpec]:
    """Return the classes of a dataset that declares none."""
    named = [f.label_counts.classes for f in facts if f.label_counts.classes is not None]
    if named:
        return {int(i): ClassSpec(**spec) for i, spec in named[0].items()}
    if dataset.annotation in ("instance", "binary"):
        return {1: ClassSpec(name="object", kind="thing")}
    classes = summary["classes"] or {"pixel_share": {}, "with_instances": []}
    things = set(classes["with_instances"])
    return {
        int(i): ClassSpec(name=f"class {i}", kind="thing" if int(i) in things else "stuff")
        for i in classes["pixel_share"]
        if int(i) != 0
    }


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
