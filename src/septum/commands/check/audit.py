"""Audit the data of one dataset: all of its cases are read, and the dataset is planned.

Each case is read as in `septum.stages.prepare.stage`, and each dataset is planned as in
`septum.stages.plan.stage`, so that data which pass the audit do not fail in these stages.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from septum.config.config import Config
from septum.config.dataset import Dataset
from septum.data.case_files import CaseFiles
from septum.data.plan import Plan
from septum.data.readers.coco_panoptic import read_segments
from septum.errors import Problems, SeptumError
from septum.stages.plan.case_facts import CaseFacts, measure
from septum.stages.plan.near_duplicates import Signature, sign
from septum.stages.plan.stage import make_plan, samples_per_case
from septum.stages.prepare.stage import load_case
from septum.workflow.discovery import find_cases, resolve
from septum.workflow.groups import find_groups
from septum.workflow.split_file import fold_count

READERS_AT_ONCE = 4
MAX_LISTED_CASES = 5  # in a note


@dataclass
class Audit:
    """The result of the audit of one dataset.

    Parameters
    ----------
    dataset : str
    problems : Problems
        Problems that the user has to correct.
    notes : list of str
        Remarks that are no problems.
    plan : Plan or None
        The plan, if there was no problem.
    bytes : int
        Upper bound of the disk space of its cases, copies and weight maps.
    """

    dataset: str
    problems: Problems = field(default_factory=Problems)
    notes: list[str] = field(default_factory=list)
    plan: Plan | None = None
    bytes: int = 0


def audit(config: Config, dataset: str) -> Audit:
    """Read all cases of a dataset and plan it."""
    audited = Audit(dataset)
    spec = config.datasets[dataset]
    if not spec.has_labels:
        audited.notes.append(
            f"{dataset}: no network is trained on it and nothing is scored, since it has no "
            f"labels; give datasets.{dataset}.labels, or segment its images with a model file: "
            "septum predict IMAGE… --model FILE --out FOLDER"
        )
    with audited.problems.caught():
        cases = find_cases(config, dataset)
        table = None if spec.table is None else resolve(config, spec.table)
        groups = find_groups([case.name for case in cases], spec.group, table, dataset)
    if audited.problems:
        return audited
    if spec.demo is not None and not all(os.path.exists(c.images[0]) for c in cases):
        audited.notes.append(f"{dataset}: {len(cases)} simulated cases, drawn when the run starts")
        return audited
    split = None if spec.split.file is None else resolve(config, spec.split.file)
    facts, signatures = _read_all(config, dataset, cases, audited.problems)
    if audited.problems:
        if split is not None:
            with audited.problems.caught():
                fold_count(spec.split, split)
        return audited
    with audited.problems.caught():
        audited.plan = make_plan(spec, dataset, facts, signatures, groups, split, config.seed)
    audited.notes += _label_notes(dataset, spec, facts)
    if spec.segments is not None:
        audited.notes += _idle_segments(dataset, cases)
    copies = config.dataset_section(dataset, "augment").copies
    audited.bytes = sum(_bytes_on_disk(f, copies) for f in facts)
    return audited


def _read_all(
    config: Config, dataset: str, cases: Sequence[CaseFiles], problems: Problems
) -> tuple[list[CaseFacts], list[Signature]]:
    """Read and measure all cases, some of them in parallel, and add to ``problems``."""
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
                problems.extend(result.problems)
                continue
            facts.append(result[0])
            if result[0].annotated:
                signatures.append(result[1])
    return facts, signatures


def _label_notes(dataset: str, spec: Dataset, facts: Sequence[CaseFacts]) -> Iterator[str]:
    """Yield notes on labelled pixels that belong to no object, though they may be meant to."""
    counts = {
        "unnumbered": "pixels of things belong to no object, but to their class",
        "ignored": "objects are of stuff, and taken for their class only",
    }
    for count, what in counts.items():
        counted = {f.name: number for f in facts if (number := getattr(f.label_counts, count))}
        if counted:
            note = f"{dataset}: {sum(counted.values()):,} {what} (in {_some(sorted(counted))})"
            if count == "ignored" and _uses_combined_numbers(spec):
                note += "; more than 999 objects of a class run over into the next class"
            yield note


def _uses_combined_numbers(spec: Dataset) -> bool:
    """Return whether label maps combine class and object in one number, class × 1000 + object."""
    other_files = spec.instances, spec.segments
    return not any(other_files) and "{class}" not in str(spec.labels)


def _idle_segments(dataset: str, cases: Sequence[CaseFiles]) -> Iterator[str]:
    """Yield a note on images in COCO's file that are no cases, being missing or excluded."""
    paths = [case.label_files for case in cases if case.labels is not None]
    idle = set(read_segments(paths[0][1]).of_image) - {Path(path).name for path, _ in paths}
    if idle:
        what = "names images that have no file here, or are excluded"
        yield f"{dataset}: {paths[0][1]} {what}: {_some(sorted(idle))}"


def _some(names: Sequence[str]) -> str:
    more = f", … ({len(names)} in all)" if len(names) > MAX_LISTED_CASES else ""
    return ", ".join(names[:MAX_LISTED_CASES]) + more


def _bytes_on_disk(facts: CaseFacts, copies: int) -> int:
    """Return the size of all files made from a case without compression, as an upper bound."""
    pixels = int(np.prod(facts.size))
    image = pixels * facts.channels * np.dtype(facts.dtype).itemsize
    labels = pixels * (2 + 4)
    if not facts.annotated:
        return image + labels
    weights = pixels * 4
    return (1 + copies) * (image + labels + weights) + labels


def _show_progress(dataset: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{dataset}: {done} of {total} cases read", end=end, file=sys.stderr, flush=True)
