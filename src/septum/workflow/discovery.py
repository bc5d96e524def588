"""The search for the cases that a configuration describes, and their division into batches.

It runs whenever the Snakefile is parsed. Therefore each folder is listed once, and no image is
opened.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from septum.config.config import Config
from septum.config.dataset import Dataset
from septum.config.demo_cases import DEMO_CASES
from septum.config.runs import runs
from septum.data.case_files import CaseFiles, safe_name
from septum.errors import Problem, Problems, problem
from septum.workflow.image_size import count_pixels
from septum.workflow.paths import Paths
from septum.workflow.patterns import compile_pattern

# A job should take much longer than its imports, which take seconds, and much shorter than the
# whole run.
MAX_CASES_PER_JOB = 32
MAX_PIXELS_PER_JOB = 256 * 2**20


def find_cases(config: Config, dataset: str) -> list[CaseFiles]:
    """List the cases of a dataset, sorted by name.

    Parameters
    ----------
    config : Config
    dataset : str
        Key of the dataset under ``datasets``.

    Raises
    ------
    SeptumError
        With all problems: patterns that match nothing, cases found twice, missing labels or
        channels, broken links.
    """
    spec = config.datasets[dataset]
    if spec.demo is not None:
        return _demo_cases(config, dataset, spec)
    key = f"datasets.{dataset}"
    problems = Problems()
    images = _scan_channels(config, spec, spec.image_patterns, f"{key}.images", problems)
    labels = _find_labels(config, dataset, images, problems)
    cases = [CaseFiles(name, files, *labels.get(name, ())) for name, files in images.items()]
    unlabelled = _scan_channels(
        config, spec, spec.unlabelled_patterns, f"{key}.unlabelled", problems
    )
    for name, files in unlabelled.items():
        if name in images:
            what = f"the case {name!r} is found by `images` and by `unlabelled`"
            problems.add(files[0], what, "rename one of the files")
        cases.append(CaseFiles(name, files))
    problems.extend(_broken_links(cases))
    problems.raise_if_any()
    return sorted(cases, key=lambda case: case.name)


def find_batches(config: Config, cases: Sequence[CaseFiles]) -> dict[str, list[CaseFiles]]:
    """Divide the cases into batches, each of which is one job of a stage.

    The batch of a case depends on its name and on the number of batches, which is a power of
    two, so that adding a case to a dataset usually reruns its batch only.
    """
    per_job = config.jobs.cases_per_job
    if per_job == "auto":
        sample = [c.images[0] for c in cases[:: max(1, len(cases) // 16)]]
        mean_size = max(1, sum(map(count_pixels, sample)) // max(1, len(sample)))
        per_job = max(1, min(MAX_CASES_PER_JOB, MAX_PIXELS_PER_JOB // mean_size))
    count = 1
    while count * per_job < len(cases):
        count *= 2
    batches: dict[str, list[CaseFiles]] = {}
    for case in cases:
        index = int(hashlib.sha256(case.name.encode("utf-8")).hexdigest(), 16) % count
        batches.setdefault(f"{index + 1}of{count}", []).append(case)
    return dict(sorted(batches.items()))


def resolve(config: Config, path: str) -> Path:
    """Return a path of the configuration; relative ones start at ``data_root``."""
    # not Path.expanduser, which raises if there is no such user
    return Path(os.path.expanduser(config.data_root)) / os.path.expanduser(path)


def missing_checkpoints(config: Config) -> dict[str, Problem]:
    """Return a problem for each experiment to run whose ``pretrained`` file does not exist."""
    problem_by_experiment = {}
    for experiment in dict.fromkeys(experiment for _, experiment in runs(config)):
        pretrained = config.experiments[experiment].pretrained
        if pretrained is None or pretrained.is_address:
            continue
        path = resolve(config, pretrained.source)
        if not os.path.isfile(path):
            what = f"{path} {'is a folder' if os.path.isdir(path) else 'does not exist'}"
            remedy = "give the path of a checkpoint; a relative one starts at data_root"
            problem_by_experiment[experiment] = Problem(
                f"experiments.{experiment}.pretrained", what, remedy
            )
    return problem_by_experiment


def _demo_cases(config: Config, dataset: str, spec: Dataset) -> list[CaseFiles]:
    demo = DEMO_CASES[spec.demo]
    folder = Path(Paths(config.results).demo(safe_name(dataset)))
    return [
        CaseFiles(
            name,
            (str(folder / "images" / f"{name}{demo.image_suffix}"),),
            None
            if name in demo.unlabelled
            else str(folder / "labels" / f"{name}{demo.label_suffix}"),
        )
        for name in demo.cases
        if not _excluded(name, spec)
    ]


def _broken_links(cases: Sequence[CaseFiles]) -> Iterator[Problem]:
    """Yield a problem for each broken link, which git-annex leaves for files not yet fetched."""
    for case in cases:
        for path in (*case.images, *case.label_files):
            if os.path.islink(path) and not os.path.exists(path):
                remedy = f"fetch that file, or leave the case out by `exclude: [{case.name!r}]`"
                yield Problem(path, "is a link to a file that is not there", remedy)


def _excluded(name: str, spec: Dataset) -> bool:
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in spec.exclude)


def _scan_channels(
    config: Config, spec: Dataset, patterns: Sequence[str], key: str, problems: Problems
) -> dict[str, tuple[str, ...]]:
    """Return the files of each case, one for each pattern; add problems of missing ones."""
    channels = [_scan(config, pattern, key, problems) for pattern in patterns]
    files_by_case = {}
    for name in sorted(set().union(*channels)):
        if _excluded(name, spec):
            continue
        for pattern, channel in zip(patterns, channels, strict=True):
            if channel and name not in channel:
                what = f"the case {name!r} has no file {pattern.replace('{case}', name)}"
                problems.add(key, what, f"add it, or leave it out: exclude: [{name!r}]")
        files_by_case[name] = tuple(channel[name] for channel in channels if name in channel)
    return files_by_case


def _scan(config: Config, pattern: str, key: str, problems: Problems) -> dict[str, str]:
    """Return the files that match a pattern, by the name of their case."""
    file_by_case: dict[str, str] = {}
    counts: Counter[str] = Counter()
    path, fits = resolve(config, pattern), False
    parts = path.parts[1:] if path.anchor else path.parts
    for name, file in _walk(path.anchor, parts, None):
        fits = True
        if not _is_text(file):
            problems.add(key, f"the path {file!r} is not UTF-8", "rename the file")
            continue
        counts[name] += 1
        first = file_by_case.setdefault(name, file)
        if counts[name] == 2:
            what = f"the case {name!r} is found twice: {first} and {file}"
            problems.add(key, what, "make the pattern tell them apart, or rename one")
    if not fits:
        what = f"{path} matches nothing"
        problems.add(key, what, "check the path and the part that {case} stands for")
    return file_by_case


def _scan_labels(config: Config, pattern: str, key: str, problems: Problems) -> dict[str, str]:
    """Scan as `_scan` does, or scan folders if ``*`` stands for the masks of single objects."""
    head, _, tail = pattern.rpartition("/")
    if "*" not in tail or "{case}" in tail:
        return _scan(config, pattern, key, problems)
    folders = _scan(config, head, key, problems)
    return {name: f"{folder}/{tail}" for name, folder in folders.items()}


def _find_labels(
    config: Config, dataset: str, names: Iterable[str], problems: Problems
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return the first label file of each case, and its further label files."""
    spec, key = config.datasets[dataset], f"datasets.{dataset}"
    files_by_case: dict[str, list[str]] = {}
    for key_of_pattern, pattern in spec.label_patterns.items():
        labels = _scan_labels(config, pattern, f"{key}.{key_of_pattern}", problems)
        for name in names:
            if name in labels:
                files_by_case.setdefault(name, []).append(labels[name])
            # if no label is found at all, `_scan` has added one problem for all cases
            elif labels:
                expected = pattern.replace("{case}", name)
                remedy = (
                    "add it, name images that have no labels by `unlabelled:`, "
                    f"or leave it out by `exclude: [{name!r}]`"
                )
                what = f"the case {name!r} has no label {expected}"
                problems.add(f"{key}.{key_of_pattern}", what, remedy)
    segments: tuple[str, ...] = ()
    if spec.segments is not None:
        segments = (str(resolve(config, spec.segments)),)
        if not os.path.isfile(segments[0]):
            remedy = "give the JSON file that belongs to the PNG files of `labels`"
            problems.add(f"{key}.segments", f"{segments[0]} does not exist", remedy)
    return {name: (files[0], (*files[1:], *segments)) for name, files in files_by_case.items()}


def _walk(folder: str, parts: Sequence[str], name: str | None) -> Iterator[tuple[str, str]]:
    """Yield (case name, path) for each path below ``folder`` that matches the pattern's parts.

    An empty ``folder`` is the current one, as in `os.path.join`.
    """
    if not parts:
        if name is not None and os.path.lexists(folder):
            yield name, folder
        return
    part = parts[0]
    if "*" not in part and (name is not None or "{case}" not in part):
        literal = part.replace("{case}", name) if name is not None else part
        yield from _walk(os.path.join(folder, literal), parts[1:], name)
        return
    regex = compile_pattern(part, "case", name)
    try:
        entries = sorted(os.listdir(folder or "."))
    except (FileNotFoundError, NotADirectoryError):
        return
    except PermissionError:
        raise problem(
            folder, "cannot be read (permission denied)", "ask for access to it"
        ) from None
    for entry in entries:
        match = None if entry.startswith(".") else regex.fullmatch(entry)
        if match:
            case = match.groupdict().get("case") if name is None else name
            yield from _walk(os.path.join(folder, entry), parts[1:], case)


def _is_text(path: str) -> bool:
    """Return whether a path is UTF-8; Python decodes other bytes to lone surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in path)
