"""Checks of a configuration and its data before anything runs, reporting all problems at once.

Nothing is written but a temporary file in the results folder, to check its permissions.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from septum.commands.check.audit import Audit, audit
from septum.commands.check.experiments import check_experiments
from septum.commands.check.table import dataset_table
from septum.config.config import Config
from septum.config.runs import left_out, runs
from septum.data.plan import Plan
from septum.data.writers.format_fits import format_problems
from septum.errors import Problem, Problems
from septum.io.atomic import require_writable
from septum.workflow.discovery import missing_checkpoints


def check(config: Config) -> None:
    """Check configuration and data, print a table of the datasets, and raise all problems.

    Raises
    ------
    SeptumError
        With every problem found in any dataset or experiment.
    """
    audits = [audit(config, dataset) for dataset in config.datasets]
    plans = {audited.dataset: audited.plan for audited in audits}
    planned = [plan for plan in plans.values() if plan is not None]
    problems = Problems(_check_results(config))
    for audited in audits:
        problems.extend(audited.problems)
    problems.extend(_check_export(config, planned))
    problems.extend(missing_checkpoints(config).values())
    problems.extend(check_experiments(config, plans))
    for line in dataset_table(planned):
        print(line)
    notes = [note for audited in audits for note in audited.notes]
    unfit = dict.fromkeys(map(config.as_written, left_out(config)))
    notes += [f"left out: {problem.what} ({problem.where})" for problem in unfit]
    for note in [*notes, *_disk_notes(config, audits), *_device_notes(config)]:
        print(f"note: {note}")
    Problems(map(config.as_written, problems)).raise_if_any()
    print("no problem found")


def _check_results(config: Config) -> Iterator[Problem]:
    """Yield a problem if the results folder cannot be made or written."""
    problems = Problems()
    with problems.caught():
        require_writable(Path(config.results).resolve())
    for problem in problems:
        what = f"{problem.where} {problem.what}"
        yield Problem("results", what, "give a folder you may write to")


def _check_export(config: Config, plans: Sequence[Plan]) -> Iterator[Problem]:
    """Yield the problems of formats to export beside the label maps."""
    for plan in plans:
        is_overridden = "formats" in config.datasets[plan.dataset].export
        key = f"datasets.{plan.dataset}.export.formats" if is_overridden else "export.formats"
        formats = config.dataset_section(plan.dataset, "export").formats
        of_plan = (plan.dataset, plan.spatial_dims, plan.annotation)
        yield from format_problems(formats, key, *of_plan)


def _disk_notes(config: Config, audits: Sequence[Audit]) -> Iterator[str]:
    needed = sum(a.bytes for a in audits)
    free = shutil.disk_usage(_existing(config)).free
    if needed > free:
        yield (
            f"results may take up to {needed / 1e9:.1f} GB before compression, "
            f"and {free / 1e9:.1f} GB are free"
        )


def _existing(config: Config) -> Path:
    """Return the results folder, or its closest parent that exists."""
    folder = Path(config.results).resolve()
    while not os.path.isdir(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def _device_notes(config: Config) -> Iterator[str]:
    networks = [(d, e) for d, e in runs(config) if config.experiments[e].network is not None]
    on_gpu = {e for d, e in networks if config.run(d, e).train.device == "gpu"}
    if on_gpu and not torch.cuda.is_available():
        yield f"{', '.join(sorted(on_gpu))}: train.device is gpu, and this machine has none"
