"""What is wrong between the parts of a configuration, and which experiment is for which dataset.

`septum.config.config` looks at each part alone. Imported with it, hence no heavy import here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from septum.config import baseline_fits
from septum.config.head_fits import unfit_settings
from septum.config.merge_checks import merge_misfits, merge_problems
from septum.config.registry import BASELINES, HEADS, NETWORKS
from septum.config.start_checks import staging_problems
from septum.errors import Problem, SeptumError, nearest

if TYPE_CHECKING:
    from septum.config.config import Config
    from septum.config.schema import Dataset, Experiment

# names that files and folders of the workflow have beside those of datasets and experiments
RESERVED = {
    "datasets": {"logs", "report.html", "report.json"},
    "experiments": {
        *("demo", "batches", "cases", "copies", "weights", "logs"),
        *("plan.json", "leaderboard.csv"),
    },
}
# what an experiment with a `method`, or a `merge`, may say
BASELINE_KEYS = {"method", "options", "datasets"}
MERGE_KEYS = {"merge", "datasets"}


def cross_checks(config: Config) -> Iterator[Problem]:
    """Yield what is wrong between the parts of a configuration, each of which is right."""
    if not config.datasets:
        yield Problem("datasets", "is empty", "describe at least one dataset (see config.yaml)")
    for kind in RESERVED:
        yield from _name_checks(kind, list(getattr(config, kind)))
    for name, dataset in config.datasets.items():
        yield from _pattern_checks(f"datasets.{name}", dataset)
    for name, experiment in config.experiments.items():
        yield from _kind_checks(f"experiments.{name}", experiment)
        yield from merge_problems(config, name)
        wanted = [] if experiment.datasets == "all" else experiment.datasets
        for dataset in wanted:
            key = f"experiments.{name}.datasets"
            if dataset not in config.datasets:
                what = f"there is no dataset {dataset!r}"
                yield Problem(key, what, nearest(dataset, config.datasets))
            elif not config.datasets[dataset].has_labels:
                what = f"nothing can be trained on {dataset!r}, which has no labels"
                remedy = f"give datasets.{dataset}.labels, or take it out of the list"
                yield Problem(key, what, remedy)
    for dataset in config.datasets:
        for section in ("augment", "weights", "export"):
            try:
                config.dataset_section(dataset, section)
            except SeptumError as error:
                yield from error.problems
    yield from staging_problems(config)
    if not any(config.runs()):
        yield from config.left_out()  # all that was asked for: nothing would be computed
    seen: set[Problem] = set()
    for dataset, experiment in config.runs():
        # a mistake in an experiment shows once, not once a dataset
        found = [p for p in _run_checks(config, dataset, experiment) if p not in seen]
        yield from found
        seen.update(found)


def misfits(config: Config, dataset: str, experiment: str) -> Iterator[Problem]:
    """Yield why an experiment cannot answer for a dataset, as far as the configuration says."""
    spec, data = config.experiments[experiment], config.datasets[dataset]
    key = f"experiments.{experiment}"
    undeclared = data.annotation in ("semantic", "panoptic") and data.classes is None
    if spec.method in BASELINES and undeclared and spec.datasets == "all":
        what = f"a classical method knows no classes, and those of {dataset} are not declared"
        remedy = f"declare the only one, datasets.{dataset}.classes: {{1: name}}"
        yield Problem(f"{key}.datasets", what, f"{remedy}, or name datasets without {dataset}")
    elif spec.method in BASELINES:
        yield from baseline_fits.misfits(
            spec.method,
            f"{key}.datasets",
            dataset,
            data.classes,
            annotation=data.annotation,
            spatial_dims=data.spatial_dims,
        )
    if spec.merge is not None:
        yield from merge_misfits(config, dataset, experiment)
    if HEADS[spec.head].needs_objects and data.annotation == "semantic":
        what = f"{spec.head!r} tells objects apart, and {dataset} has classes only"
        yield Problem(f"{key}.head", what, "choose semantic, or name other datasets")


def _run_checks(config: Config, dataset: str, experiment: str) -> Iterator[Problem]:
    """Yield what an experiment cannot do on a dataset."""
    spec, data = config.experiments[experiment], config.datasets[dataset]
    if any(_kind_checks(f"experiments.{experiment}", spec)) or any(
        merge_problems(config, experiment)
    ):
        return  # which is said once, for all datasets
    try:
        folds = config.folds(dataset, experiment)
        if spec.network is not None:
            run = config.run(dataset, experiment)
            for key, _, what, remedy in unfit_settings(run.head, dict(run)):
                yield Problem(f"experiments.{experiment}.{key}", what, remedy)
    except SeptumError as error:
        yield from error.problems
        return
    yield from misfits(config, dataset, experiment)
    last = 0 if folds == "all" else max(folds, default=0)
    # a given split says itself how many folds there are (`septum check` looks)
    if data.split.file is None and last >= data.split.folds:
        yield Problem(
            config.folds_key(dataset, experiment),
            f"asks for fold {last}, but {dataset} has folds 0 to {data.split.folds - 1}",
            f"name folds below {data.split.folds}, or raise datasets.{dataset}.split.folds",
        )


def _kind_checks(key: str, spec: Experiment) -> Iterator[Problem]:
    """Yield what is wrong about an experiment being a network's or a baseline's."""
    network, method = spec.network, spec.method
    kinds = {"network": network, "method": method, "merge": spec.merge}
    given = [f"a {kind} ({value})" for kind, value in kinds.items() if value is not None]
    if len(given) > 1:
        what = f"names both {' and '.join(given)}"
        yield Problem(key, what, "keep one of the two, and set the other to null")
        return
    if spec.merge is not None:
        for name in sorted(spec.model_fields_set - MERGE_KEYS):
            remedy = "take it out; a merge is made of what two experiments predicted"
            yield Problem(f"{key}.{name}", "is for networks", remedy)
        return
    own_head = NETWORKS[network].head if network in NETWORKS else None
    if own_head not in (None, spec.head):
        what = f"{network!r} finds objects, and has no maps for the head {spec.head!r}"
        yield Problem(f"{key}.head", what, "leave it out")
    elif network in NETWORKS and own_head is None and HEADS[spec.head].of_detectors:
        what = f"{network!r} returns maps, and finds no objects by itself"
        detectors = ", ".join(name for name, record in NETWORKS.items() if record.head)
        remedy = f"choose another head, or one of the networks {detectors}"
        yield Problem(f"{key}.head", what, remedy)
    if network is None and method is None:
        remedy = "add `network:` (docs/networks.md), or `method:` of a classical baseline"
        yield Problem(key, "names neither a network nor a method", f"{remedy} (docs/baselines.md)")
    elif method is None:
        if network in BASELINES:
            what = f"{network!r} is a classical baseline, not a network"
            yield Problem(f"{key}.network", what, f"write `method: {network}`")
        elif network not in NETWORKS:
            what = f"there is no network {network!r}"
            yield Problem(f"{key}.network", what, nearest(network, NETWORKS))
    else:
        if method in NETWORKS:
            what = f"{method!r} is a network, not a classical baseline"
            yield Problem(f"{key}.method", what, f"write `network: {method}`")
        elif method not in BASELINES:
            what = f"there is no classical baseline {method!r}"
            yield Problem(f"{key}.method", what, nearest(method, BASELINES))
        for name in sorted(spec.model_fields_set - BASELINE_KEYS):
            remedy = "take it out; parameters that are not tuned stand in `options`"
            if name == "train":
                remedy = "take it out; the folds that are tuned are those of the dataset's `train`"
            yield Problem(f"{key}.{name}", "is for networks, and a baseline has none", remedy)


def _name_checks(kind: str, names: Sequence[str]) -> Iterator[Problem]:
    """Yield a problem for each name that would share a folder with another or the workflow's."""
    seen: dict[str, str] = {}
    for name in names:
        key = f"{kind}.{name or repr(name)}"
        rival = seen.setdefault(name.lower(), name)
        if not name or name.lower() in RESERVED[kind]:
            yield Problem(key, f"cannot be the name of one of the {kind}", "choose another name")
        elif rival != name:
            what = f"differs from {rival!r} by capitals only, which some disks take for the same"
            yield Problem(key, what, "choose another name")


def _pattern_checks(key: str, dataset: Dataset) -> Iterator[Problem]:
    if (dataset.images is None) == (dataset.demo is None):
        remedy = "`images` is a pattern with {case} in it, `demo` the name of simulated data"
        yield Problem(key, "needs either images or demo, and not both", remedy)
    patterns = {"images": dataset.image_patterns, "unlabelled": dataset.unlabelled_patterns}
    for name in ("labels", "instances"):
        pattern = getattr(dataset, name)
        patterns[name] = [] if pattern is None else [pattern]
    for name, found in patterns.items():
        for pattern in found:
            if "{case}" not in pattern:
                remedy = "put {case} where the name of the case stands in the path"
                yield Problem(f"{key}.{name}", f"the pattern {pattern!r} has no {{case}}", remedy)
    yield from _label_checks(key, dataset)


def _label_checks(key: str, dataset: Dataset) -> Iterator[Problem]:
    """Yield what is wrong with how the labels are kept, and with the number of void."""
    declare = "declare them: {1: nucleus, 2: {name: stroma, kind: stuff}}"
    per_class = "{class}" in (dataset.labels or "")
    ways = {"instances": dataset.instances is not None, "segments": dataset.segments is not None}
    ways["labels"] = per_class
    used = [name for name, is_used in ways.items() if is_used]
    for name in used:
        what = "has {class} in it, which" if name == "labels" else "names a second file, which"
        if dataset.annotation != "panoptic":
            what += f" is for `annotation: panoptic`, and not for {dataset.annotation}"
            yield Problem(f"{key}.{name}", what, "say `annotation: panoptic`, or take it out")
        elif dataset.labels is None:
            remedy = "give `labels`: the class maps, or COCO's PNG files"
            yield Problem(f"{key}.{name}", "is given without `labels`", remedy)
    if len(used) > 1:
        what = f"mixes two ways to keep panoptic labels ({' and '.join(used)})"
        remedy = "keep one of: `instances`, `segments`, {class} in `labels`"
        yield Problem(key, what, f"{remedy} (docs/adding-a-dataset.md)")
    if "{case}" in (dataset.segments or ""):
        yield Problem(f"{key}.segments", "is one file for all cases", "take {case} out of it")
    if per_class and dataset.classes is None:
        yield Problem(f"{key}.labels", "has {class} in it, but no classes are declared", declare)
    elif dataset.annotation == "panoptic" and dataset.classes is None and not dataset.segments:
        yield Problem(f"{key}.classes", "are needed for `annotation: panoptic`", declare)
    kinds = {spec.kind for spec in (dataset.classes or {}).values()}
    if dataset.annotation == "panoptic" and kinds == {"stuff"}:
        what = "are all stuff, and `annotation: panoptic` is for things, too"
        remedy = "say `annotation: semantic`, or give one `kind: thing`"
        yield Problem(f"{key}.classes", what, remedy)
    if per_class and dataset.void_number == 0:
        what = "is 0, and each pixel is 0 in the maps of all classes but its own"
        yield Problem(f"{key}.void", what, "mark void pixels by another number")
    known = dataset.classes or {}
    holds_classes = dataset.annotation in ("semantic", "panoptic") and {*used} <= {"instances"}
    if dataset.void_number in known and holds_classes:
        what = f"is {dataset.void}, which is also a class ({known[dataset.void].name})"
        yield Problem(f"{key}.void", what, "take it out of `classes`, or give another number")
