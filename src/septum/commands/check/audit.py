"""Audit configuration and data before anything runs: every problem in one go.

Each case is read the way `septum.stages.prepare.stage` will read it, and each dataset is planned
the way `septum.stages.plan.stage` will plan it, so that what passes here does not fail there.
Nothing is written but a probe in the results folder, removed at once.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from septum.classical import create as classical
from septum.config.config import Config
from septum.config.dataset import Dataset
from septum.config.runs import left_out, runs
from septum.config.schema import Baseline, Run
from septum.data.case_files import CaseFiles
from septum.data.plan import Plan
from septum.data.readers.coco_panoptic import read_segments
from septum.data.writers.format_fits import format_problems
from septum.errors import Problem, SeptumError
from septum.heads.heads import HEADS
from septum.io.atomic import require_writable
from septum.io.units import SYMBOLS
from septum.networks import create as models
from septum.stages.plan.case_facts import CaseFacts, measure
from septum.stages.plan.near_duplicates import Signature, sign
from septum.stages.plan.stage import make_plan, samples_per_case
from septum.stages.prepare.stage import load_case
from septum.stages.train.initial_weights import load_backbone, require_backbone, take_weights
from septum.workflow.discovery import find_cases, missing_checkpoints, resolve
from septum.workflow.groups import find_groups
from septum.workflow.split_file import fold_count

READERS_AT_ONCE = 4
NAMED = 5  # cases that a note lists


@dataclass
class Audit:
    """What was found in one dataset.

    Parameters
    ----------
    dataset : str
    problems : list of Problem
        What the user has to mend.
    notes : list of str
        What the user may want to know.
    plan : Plan or None
        Where there was no problem.
    bytes : int
        An upper bound of what its cases, copies and weight maps take on disk.
    """

    dataset: str
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    plan: Plan | None = None
    bytes: int = 0


def check(config: Config) -> None:
    """Check configuration and data, print a table of the datasets, and raise what is wrong.

    Raises
    ------
    SeptumError
        With every problem found in any dataset or experiment.
    """
    problems = list(_check_results(config))
    audits = [audit(config, dataset) for dataset in config.datasets]
    for found in audits:
        problems += found.problems
    problems += _check_export(config, [a.plan for a in audits if a.plan is not None])
    problems += missing_checkpoints(config).values()
    problems += _check_experiments(config, {a.dataset: a.plan for a in audits})
    for line in _table([a.plan for a in audits if a.plan is not None]):
        print(line)
    notes = [note for a in audits for note in a.notes]
    notes += [
        f"left out: {problem.what} ({problem.where})"
        for problem in dict.fromkeys(map(config.as_written, left_out(config)))
    ]
    for note in [*notes, *_disk_notes(config, audits), *_device_notes(config)]:
        print(f"note: {note}")
    if problems:
        # a mistake in the configuration shows once, not once a case
        raise SeptumError(dict.fromkeys(map(config.as_written, problems)))
    print("no problem found")


def audit(config: Config, dataset: str) -> Audit:
    """Read all cases of a dataset and plan it."""
    found = Audit(dataset)
    spec = config.datasets[dataset]
    if not spec.has_labels:
        found.notes.append(
            f"{dataset}: no network is trained on it and nothing is scored, since it has no "
            f"labels; give datasets.{dataset}.labels, or segment its images with a model file: "
            "septum predict IMAGE… --model FILE --out FOLDER"
        )
    try:
        cases = find_cases(config, dataset)
        table = None if spec.table is None else resolve(config, spec.table)
        groups = find_groups([case.name for case in cases], spec.group, table, dataset)
    except SeptumError as error:
        found.problems += error.problems
        return found
    if spec.demo is not None and not all(os.path.exists(c.images[0]) for c in cases):
        found.notes.append(f"{dataset}: {len(cases)} simulated cases, drawn when the run starts")
        return found
    split = None if spec.split.file is None else resolve(config, spec.split.file)
    facts, signatures = _read_all(config, dataset, cases, found)
    if found.problems:
        if split is not None:
            found.problems += _problems_of(fold_count, spec.split, split)
        return found
    try:
        found.plan = make_plan(spec, dataset, facts, signatures, groups, split, config.seed)
    except SeptumError as error:
        found.problems += error.problems
    found.notes += _label_notes(dataset, spec, facts)
    if spec.segments is not None:
        found.notes += _idle_segments(dataset, cases)
    copies = config.dataset_section(dataset, "augment").copies
    found.bytes = sum(_bytes_on_disk(f, copies) for f in facts)
    return found


def _read_all(
    config: Config, dataset: str, cases: Sequence[CaseFiles], found: Audit
) -> tuple[list[CaseFacts], list[Signature]]:
    """Read and measure every case, some at a time; problems are collected in ``found``."""
    spec, sample = config.datasets[dataset], samples_per_case(len(cases))

    def read(files: CaseFiles) -> tuple[CaseFacts, Signature] | SeptumError:
        try:
            case = load_case(spec, dataset, files)
            return measure(case, sample=sample), sign(case)
        except SeptumError as error:
            return error

    facts, signatures = [], []
    with ThreadPoolExecutor(min(READERS_AT_ONCE, os.cpu_count() or 1)) as pool:
        for done, result in enumerate(pool.map(read, cases), start=1):
            _show_progress(dataset, done, len(cases))
            if isinstance(result, SeptumError):
                found.problems += result.problems
                continue
            facts.append(result[0])
            if result[0].annotated:
                signatures.append(result[1])
    return facts, signatures


def _label_notes(dataset: str, spec: Dataset, facts: Sequence[CaseFacts]) -> Iterator[str]:
    """Yield what the labels hold that is no object, though it may have been meant as one."""
    counts = {
        "unnumbered": "pixels of things belong to no object, but to their class",
        "ignored": "objects are of stuff, and taken for their class only",
    }
    for count, what in counts.items():
        found = {f.name: number for f in facts if (number := f.statistics["labels"].get(count))}
        if found:
            note = f"{dataset}: {sum(found.values()):,} {what} (in {_some(sorted(found))})"
            if count == "ignored" and _is_one_map(spec):
                note += "; more than 999 objects of a class run over into the next class"
            yield note


def _is_one_map(spec: Dataset) -> bool:
    """Say whether class and object stand in one number, class × 1000 + object."""
    others = spec.instances, spec.segments
    return not any(others) and "{class}" not in str(spec.labels)


def _idle_segments(dataset: str, cases: Sequence[CaseFiles]) -> Iterator[str]:
    """Yield which images COCO's file names that are no cases, be they missing or excluded."""
    paths = [case.label_files for case in cases if case.labels is not None]
    idle = set(read_segments(paths[0][1]).of_image) - {Path(path).name for path, _ in paths}
    if idle:
        what = "names images that have no file here, or are excluded"
        yield f"{dataset}: {paths[0][1]} {what}: {_some(sorted(idle))}"


def _some(names: Sequence[str]) -> str:
    more = f", … ({len(names)} in all)" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _check_results(config: Config) -> Iterator[Problem]:
    """Yield a problem if the results folder cannot be made or written."""
    for problem in _problems_of(require_writable, Path(config.results).resolve()):
        what = f"{problem.where} {problem.what}"
        yield Problem("results", what, "give a folder you may write to")


def _check_export(config: Config, plans: Sequence[Plan]) -> Iterator[Problem]:
    """Yield what cannot be delivered beside the label maps."""
    for plan in plans:
        own = "formats" in config.datasets[plan.dataset].export
        key = f"datasets.{plan.dataset}.export.formats" if own else "export.formats"
        formats = config.dataset_section(plan.dataset, "export").formats
        of_plan = (plan.dataset, plan.spatial_dims, plan.annotation)
        yield from format_problems(formats, key, *of_plan)


def _existing(config: Config) -> Path:
    """Return the results folder, or what exists of the way to it."""
    folder = Path(config.results).resolve()
    while not os.path.isdir(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def _check_experiments(config: Config, plans: dict[str, Plan | None]) -> Iterator[Problem]:
    """Yield what is wrong with the networks or baselines, patches, tiles and folds."""
    for dataset, experiment in runs(config):
        plan, key = plans[dataset], f"experiments.{experiment}"
        spec = config.experiments[experiment]
        if spec.network is not None:
            yield from _check_network(config, config.run(dataset, experiment), plan)
        elif spec.method is not None:
            yield from _check_baseline(config.baseline(dataset, experiment), key, plan)
        folds = config.folds(dataset, experiment)
        wanted = [] if folds == "all" else folds
        if plan is not None and max(wanted, default=0) >= len(plan.folds):
            what = f"asks for fold {max(wanted)}, but the split of {dataset} has {len(plan.folds)}"
            remedy = f"name folds below {len(plan.folds)}"
            yield Problem(config.folds_key(dataset, experiment), what, remedy)


def _check_baseline(baseline: Baseline, key: str, plan: Plan | None) -> Iterator[Problem]:
    """Yield what is wrong with a baseline's options, and with the data for it."""
    yield from _problems_of(
        partial(classical.create, where=f"{key}.options"), baseline.method, baseline.options
    )
    if plan is not None:
        yield from classical.misfits_of_plan(baseline, plan)


def _check_network(config: Config, run: Run, plan: Plan | None) -> Iterator[Problem]:
    """Yield what is wrong with an experiment's network, its start, patches and tiles."""
    key = f"experiments.{run.experiment}"
    axes = 2 if plan is None else plan.spatial_dims
    channels = 1 if plan is None else plan.in_channels
    classes = 1 if plan is None else len(plan.classes)
    outputs = HEADS[run.head].outputs(classes, axes)
    try:
        # also imports the network: under "meta" an import may make tensors without values
        models.check_options(run.network, run.options)
        with torch.device("meta"):
            network = models.create_network(run.network, axes, channels, outputs, **run.options)
    except SeptumError as error:
        for p in error.problems:
            yield Problem(f"{key}.{p.where}", p.what, p.remedy)
    else:
        yield from _problems_of(_check_start, config, run, network, (axes, channels, classes))
    if plan is None:
        return
    for name, size in (("train.patch", run.train.patch), ("predict.tile", run.predict.tile)):
        if size != "auto" and len(size) != axes:
            what = f"has {len(size)} sizes, but {run.dataset} has {axes} axes"
            yield Problem(f"{key}.{name}", what, f"give {axes} sizes, or auto")


def _check_start(
    config: Config, run: Run, network: nn.Module, counts: tuple[int, int, int]
) -> None:
    """Raise if a network (on ``meta``) cannot start from the weights that it is to start from."""
    if run.pretrained is not None:
        require_backbone(network, run)
        file = resolve(config, run.pretrained.source)
        # nothing is downloaded by a check, and a missing file is said once, not once a dataset
        if not run.pretrained.is_address and file.is_file():
            load_backbone(network, run, file)
    if run.start_from is not None:
        other = config.run(run.dataset, run.start_from)
        axes, channels, classes = counts
        outputs = HEADS[other.head].outputs(classes, axes)
        try:
            with torch.device("meta"):
                source = models.create_network(
                    other.network, axes, channels, outputs, **other.options
                )
        except SeptumError:
            return  # shown at that experiment
        take_weights(network, run, source.state_dict())


def _problems_of(action: object, *arguments: object) -> tuple[Problem, ...]:
    try:
        action(*arguments)
    except SeptumError as error:
        return error.problems
    return ()


def _bytes_on_disk(facts: CaseFacts, copies: int) -> int:
    """Return an upper bound, as if nothing were compressed, of all files made of a case."""
    pixels = int(np.prod(facts.size))
    image = pixels * facts.channels * np.dtype(facts.dtype).itemsize
    labels = pixels * (2 + 4)
    if not facts.annotated:
        return image + labels
    weights = pixels * 4
    return (1 + copies) * (image + labels + weights) + labels


def _disk_notes(config: Config, audits: Sequence[Audit]) -> Iterator[str]:
    needed = sum(a.bytes for a in audits)
    free = shutil.disk_usage(_existing(config)).free
    if needed > free:
        yield (
            f"results may take up to {needed / 1e9:.1f} GB before compression, "
            f"and {free / 1e9:.1f} GB are free"
        )


def _device_notes(config: Config) -> Iterator[str]:
    networks = [(d, e) for d, e in runs(config) if config.experiments[e].network is not None]
    wanted = {e for d, e in networks if config.run(d, e).train.device == "gpu"}
    if wanted and not torch.cuda.is_available():
        yield f"{', '.join(sorted(wanted))}: train.device is gpu, and this machine has none"


def _table(plans: Sequence[Plan]) -> list[str]:
    """Return a table of the datasets, a line each."""
    rows = [("dataset", "cases", "labelled", "size", "spacing", "objects", "classes", "test/folds")]
    for plan in plans:
        found = plan.fingerprint
        unit = SYMBOLS[plan.unit]
        objects = found["objects"]
        rows.append(
            (
                plan.dataset,
                str(found["cases"]),
                str(found["annotated"]),
                "×".join(str(n) for n in found["size"]["median"]),
                f"{'×'.join(f'{s:.3g}' for s in plan.spacing)} {unit}",
                "–" if objects is None else f"{objects['count']:,}",
                ", ".join(spec.name for spec in plan.classes.values()),
                f"{len(plan.test)}/{len(plan.folds)}",
            )
        )
    if len(rows) == 1:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _show_progress(dataset: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{dataset}: {done} of {total} cases read", end=end, file=sys.stderr, flush=True)
