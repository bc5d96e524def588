"""The command line: one subcommand a stage, in the order of the path of the data.

Heavy imports stay inside the commands, so that ``septum --help`` answers at once.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from septum import __version__
from septum.errors import SeptumError, problem

Arguments = argparse.Namespace


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Returns
    -------
    int
        0 on success, 1 where the user has something to mend (shown without a traceback),
        130 after Ctrl-C, 141 where the reader of a pipe has gone.
    """
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    _limit_threads(getattr(arguments, "threads", None))
    try:
        arguments.command(arguments)
        sys.stdout.flush()
    except SeptumError as error:
        if arguments.debug:
            raise
        count = len(error.problems)
        print(f"septum: {count} problem{'s' * (count > 1)}", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("septum: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of a pipe has seen enough (`septum leaderboard | head`); what is still
        # buffered would raise again as the interpreter ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0


def _limit_threads(threads: int | None) -> None:
    """Bound the thread pools, which read their environment when they are first imported."""
    # Threads that spin while they wait take the cores from other programs (a training beside
    # another one then runs many times slower); threads that sleep at once wake late, which
    # costs a fifth. So: spin briefly, then sleep.
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    if threads:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, str(threads))
        os.environ.setdefault("NUMBA_NUM_THREADS", str(min(threads, os.cpu_count() or 1)))


def _parse(text: str, option: str, *keys: str) -> dict[str, Any]:
    """Return the JSON object that an option gives, with all of its keys."""
    try:
        found = json.loads(text)
    except ValueError as error:
        what = f"is not valid JSON ({error})"
        raise problem(option, what, "mend it; in a shell it stands in single quotes") from None
    if not isinstance(found, dict) or not found.keys() >= set(keys):
        what = f"is no JSON object{' with the keys ' if keys else ''}{', '.join(keys)}"
        raise problem(option, what, "`snakemake --printshellcmds` shows what the workflow gives")
    return found


def _demo(a: Arguments) -> None:
    from septum.datasets.demo import write_demo

    write_demo(a.kind, a.out, a.seed)


def _check(a: Arguments) -> None:
    from septum.commands.check.audit import check
    from septum.config import config

    overrides = {} if a.data_root is None else {"data_root": a.data_root}
    check(config.load(*a.config, overrides=overrides))


def _prepare(a: Arguments) -> None:
    from septum.config.schema import Dataset, parse_section
    from septum.data.case_files import CaseFiles
    from septum.stages.prepare.stage import prepare_batch

    cases = []
    for name, files in _parse(a.cases, "--cases").items():
        match files:
            case [[*images], str() | None as labels, *parts] if all(
                isinstance(path, str) for path in (*images, *parts)
            ):
                cases.append(CaseFiles(name, tuple(images), labels, tuple(parts)))
            case _:
                remedy = 'give each case as "name": [["image", ...], "label" or null, ...]'
                raise problem("--cases", f"does not say which files {name!r} has", remedy)
    prepare_batch(
        dataset=parse_section(Dataset, a.settings),
        dataset_name=a.dataset,
        cases=cases,
        out=a.out,
    )


def _plan(a: Arguments) -> None:
    from septum.config.schema import Dataset, parse_section
    from septum.data.store import case_paths
    from septum.stages.plan.stage import plan_dataset
    from septum.workflow.discovery import find_groups

    dataset = parse_section(Dataset, a.settings)
    plan_dataset(
        dataset=dataset,
        name=a.dataset,
        cases=a.cases,
        groups=find_groups(sorted(case_paths(a.cases)), dataset.group, a.table, a.dataset),
        split_file=a.split,
        seed=a.seed,
        out=a.out,
    )


def _augment(a: Arguments) -> None:
    from septum.config.schema import Augment, parse_section
    from septum.stages.augment.stage import augment_batch

    augment_batch(
        dataset=a.dataset,
        cases=a.cases,
        settings=parse_section(Augment, a.settings),
        seed=a.seed,
        out=a.out,
    )


def _weights(a: Arguments) -> None:
    from septum.config.schema import Weights, parse_section
    from septum.stages.weights.stage import weights_batch

    weights_batch(
        cases=a.cases,
        copies=a.copies,
        plan=a.plan,
        settings=parse_section(Weights, a.settings),
        out=a.out,
    )


def _train(a: Arguments) -> None:
    from septum.config.schema import Run, parse_section
    from septum.data.plan import read_plan
    from septum.stages.train.stage import train

    train(
        run=parse_section(Run, a.settings),
        plan=read_plan(a.plan),
        cases=a.cases,
        copies=a.copies,
        weights=a.weights,
        fold=a.fold,
        seed=a.seed,
        out=a.out,
        digests={"code": a.code},
        start=a.start,
    )


def _fit(a: Arguments) -> None:
    from septum.config.schema import Baseline, parse_section
    from septum.data.plan import read_plan
    from septum.stages.tune.baseline import fit

    fit(
        baseline=parse_section(Baseline, a.settings),
        plan=read_plan(a.plan),
        cases=a.cases,
        fold=a.fold,
        out=a.out,
        digests={"code": a.code},
        threads=_threads(a),
    )


def _tune_merge(a: Arguments) -> None:
    from septum.config.schema import Merge, parse_section
    from septum.data.plan import read_plan
    from septum.stages.merge.stage import tune_merge

    tune_merge(
        merge=parse_section(Merge, a.settings),
        experiment=a.experiment,
        instances=a.instances,
        semantic=a.semantic,
        cases=a.cases,
        plan=read_plan(a.plan),
        fold=a.fold,
        earlier=a.earlier,
        out=a.out,
        digests={"code": a.code},
        threads=_threads(a),
    )


def _merge(a: Arguments) -> None:
    from septum.stages.merge.stage import merge_batch

    merge_batch(
        parameters=a.parameters,
        instances=a.instances,
        semantic=a.semantic,
        earlier=a.earlier,
        out=a.out,
        costs=a.costs,
        threads=_threads(a),
    )


def _threads(a: Arguments) -> int:
    """Return the threads that a job may use: all, unless it is told otherwise."""
    return a.threads or os.cpu_count() or 1


def _predict(a: Arguments) -> None:
    if (a.cases is None) == (not a.images):
        raise problem(
            "IMAGE",
            "is missing" if not a.images else "and --cases exclude each other",
            "name the images to segment (or --cases and --plan, as the workflow does)",
        )
    if a.cases is None and a.costs is not None:
        raise problem("--costs", "is for --cases", "leave it out")
    if a.cases is not None and a.plan is None:
        raise problem("--plan", "is missing", "give the plan.json of the cases' dataset")
    baselines = {path.suffix.lower() == ".json" for path in a.model}
    if len(baselines) > 1:
        what = "mixes networks (model.safetensors) and baselines (parameters.json)"
        raise problem("--model", what, "give the files of one experiment")
    (_predict_classical if baselines == {True} else _predict_network)(a)


def _predict_classical(a: Arguments) -> None:
    from septum.stages.predict.classical import predict_batch, predict_images

    if _parse(a.settings, "--settings"):
        what = "is for networks: a baseline has no tiles, batches or device"
        raise problem("--settings", what, "leave it out")
    if a.cases is not None:
        predict_batch(
            parameters=a.model,
            cases=a.cases,
            plan=a.plan,
            out=a.out,
            costs=a.costs,
            threads=_threads(a),
        )
    else:
        predict_images(images=a.images, parameters=a.model, out=a.out, reader=a.reader)


def _predict_network(a: Arguments) -> None:
    from septum.config.schema import Predict, parse_section
    from septum.stages.predict.stage import predict_batch, predict_images

    settings = parse_section(Predict, a.settings)
    if a.cases is not None:
        predict_batch(
            models=a.model,
            cases=a.cases,
            plan=a.plan,
            out=a.out,
            settings=settings,
            costs=a.costs,
        )
    else:
        predict_images(
            images=a.images, models=a.model, out=a.out, reader=a.reader, settings=settings
        )


def _export(a: Arguments) -> None:
    from septum.config.schema import Export, parse_section
    from septum.stages.export.stage import export_predictions

    export_predictions(
        predicted=a.predicted,
        out=a.out,
        settings=parse_section(Export, a.settings),
        cases=a.cases,
        plan=a.plan,
    )


def _evaluate(a: Arguments) -> None:
    from septum.config.schema import Evaluate, parse_section
    from septum.stages.evaluate.stage import evaluate_experiment

    evaluate_experiment(
        cases=a.cases,
        predicted=a.predicted,
        plan=a.plan,
        settings=parse_section(Evaluate, a.settings),
        out_cases=a.out_cases,
        out_classes=a.out_classes,
        out_pooled=a.out_pooled,
        out_confusion=a.out_confusion,
        out_objects=a.out_objects,
        workers=a.threads or 1,
    )


def _leaderboard(a: Arguments) -> None:
    if a.out is None:
        from septum.config import config
        from septum.stages.leaderboard.text import print_leaderboards

        settings = config.load(*a.config)
        print_leaderboards(settings, a.results or Path(settings.results))
        return
    from septum.config.schema import Report, parse_section
    from septum.stages.leaderboard.stage import write_leaderboard

    write_leaderboard(
        dataset=a.dataset,
        scores=a.scores,
        baselines=a.baselines,
        costs=a.costs,
        settings=parse_section(Report, a.settings),
        seed=a.seed,
        out=a.out,
    )


def _report(a: Arguments) -> None:
    from septum.stages.report.stage import write_report

    settings = _parse(a.settings, "--settings", "report", "evaluate", "datasets")
    write_report(settings=settings, results=a.out.parent, seed=a.seed, out=a.out)


def _fetch(a: Arguments) -> None:
    from septum.datasets.download import fetch, print_datasets

    if a.name is None:
        print_datasets()
    else:
        fetch(a.name, a.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="septum",
        description="Biomedical image segmentation, stage by stage. "
        "`snakemake --cores 8` runs all of them in order; each command works by hand too.",
    )
    parser.add_argument("--version", action="version", version=f"septum {__version__}")
    stages = parser.add_subparsers(required=True, metavar="STAGE")

    def stage(name: str, command: Callable[[Arguments], None], text: str) -> _Stage:
        sub = stages.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
        return _Stage(sub)

    s = stage("demo", _demo, "draw a simulated dataset (images and labels)")
    s.parser.add_argument("kind", help="nuclei, tissue or volumes")
    s.seed().out("folder of images/ and labels/")

    s = stage("check", _check, "validate the configuration and audit the data; runs nothing")
    s.parser.add_argument(
        "config", nargs="*", type=Path, default=[Path("config.yaml")], help="configuration files"
    )
    s.parser.add_argument("--data-root", help="overrides data_root of the configuration")

    s = stage("prepare", _prepare, "read a batch of cases and store them as OME-Zarr")
    s.dataset().settings("reader, annotation, classes, spacing")
    s.parser.add_argument(
        "--cases", required=True, metavar="JSON", help='{"name": [["image", ...], "label" or null]}'
    )
    s.out("folder of the batch")

    s = stage("plan", _plan, "derive the settings left at auto, and split into test set and folds")
    s.dataset().settings("annotation, classes, normalisation, split, exclude, group").seed()
    s.folders("cases")
    s.parser.add_argument(
        "--table", nargs="?", type=Path, metavar="CSV", help="groups of the cases"
    )
    s.parser.add_argument("--split", nargs="?", type=Path, metavar="FILE", help="a given split")
    s.out("plan.json")

    s = stage("augment", _augment, "make elastic copies of the annotated cases of a batch")
    s.dataset().settings("the augment section").seed().path("cases").out("folder of the batch")

    s = stage("weights", _weights, "compute the border weight maps of a batch")
    s.settings("the weights section").path("cases").path("copies", optional=True).path("plan")
    s.out("folder of the batch")

    s = stage("train", _train, "train one network on one fold; goes on from its last checkpoint")
    s.settings("one experiment on one dataset").seed().path("plan")
    s.folders("cases").folders("copies", optional=True).folders("weights", optional=True)
    s.path("start", optional=True)
    s.parser.add_argument("--fold", type=int, default=0)
    s.parser.add_argument("--code", default="", help="digest of the code, kept in the model file")
    s.threads().out("model.safetensors")

    s = stage("fit", _fit, "tune a classical baseline on the validation cases of one fold")
    s.settings("one baseline on one dataset").path("plan").folders("cases")
    s.parser.add_argument("--fold", type=int, default=0)
    s.parser.add_argument("--code", default="", help="digest of the code, kept in the file")
    s.threads().out("parameters.json")

    s = stage("predict", _predict, "segment a batch of cases, or new images given by name")
    s.parser.add_argument("images", nargs="*", type=Path, metavar="IMAGE")
    s.folders("model", what="model.safetensors of a network, or parameters.json of a baseline")
    s.path("cases", optional=True).path("plan", optional=True)
    s.parser.add_argument("--settings", default="{}", metavar="JSON", help="the predict section")
    s.parser.add_argument("--reader", default="auto", help="how the images are read")
    s.parser.add_argument(
        "--costs", type=Path, metavar="JSON", help="where to write what --cases took"
    )
    s.threads().out("folder of the predictions")

    s = stage("tune-merge", _tune_merge, "tune how two experiments are merged to panoptic maps")
    s.settings("instances and semantic: the names of the two experiments")
    s.parser.add_argument("--experiment", required=True, help="name of the merge")
    s.folders("instances", what="predictions of the objects")
    s.folders("semantic", what="predictions of the classes of pixels")
    s.folders("cases").path("plan")
    s.parser.add_argument("--fold", type=int, default=0)
    s.folders("earlier", optional=True, what="costs.json of the two trainings")
    s.parser.add_argument("--code", default="", help="digest of the code, kept in the file")
    s.threads().out("parameters.json")

    s = stage("merge", _merge, "merge the objects and the classes of pixels of two experiments")
    s.folders("parameters", what="parameters.json, one a fold")
    s.path("instances").path("semantic")
    s.folders("earlier", optional=True, what="costs of the two predictions")
    s.parser.add_argument("--costs", type=Path, metavar="JSON", help="where to write what it took")
    s.threads().out("folder of the predictions")

    s = stage("export", _export, "deliver predictions in the format and geometry of the images")
    s.folders("predicted").folders("cases", optional=True).path("plan", optional=True)
    s.parser.add_argument(
        "--settings",
        default='{"formats": []}',
        metavar="JSON",
        help="the export section, for more than label maps: needs --plan, and --cases for tables",
    )
    s.out("folder")

    s = stage("evaluate", _evaluate, "score predictions against annotations, case by case")
    s.settings("the evaluate section").folders("cases").folders("predicted").path("plan").threads()
    s.parser.add_argument("--out-cases", type=Path, required=True, metavar="CSV")
    s.parser.add_argument("--out-classes", type=Path, required=True, metavar="CSV")
    s.parser.add_argument("--out-pooled", type=Path, required=True, metavar="CSV")
    s.parser.add_argument("--out-confusion", type=Path, required=True, metavar="CSV")
    s.parser.add_argument("--out-objects", type=Path, required=True, metavar="NPZ")

    s = stage("leaderboard", _leaderboard, "rank the experiments of a dataset, or show the ranking")
    s.parser.add_argument(
        "config",
        nargs="*",
        type=Path,
        default=[Path("config.yaml")],
        help="configuration files, whose datasets are shown",
    )
    s.parser.add_argument("--results", type=Path, help="overrides results of the configuration")
    s.parser.add_argument("--dataset", default="")
    s.parser.add_argument("--settings", default="{}", metavar="JSON", help="the report section")
    s.parser.add_argument("--scores", nargs="*", type=Path, default=[], metavar="FILE")
    s.parser.add_argument("--baselines", nargs="*", default=[], metavar="NAME", help="folders")
    s.parser.add_argument("--costs", nargs="*", type=Path, default=[], metavar="JSON")
    s.parser.add_argument("--seed", type=int, default=0)
    s.parser.add_argument("--out", type=Path, metavar="CSV", help="without it, print what is there")

    s = stage("report", _report, "write the self-contained HTML report")
    s.settings("report section and datasets").seed().out("report.html, in the folder of results")

    s = stage("fetch", _fetch, "download a public dataset")
    s.parser.add_argument("name", nargs="?", help="without it, list what there is")
    s.parser.add_argument("--out", type=Path, default=Path("data"))
    return parser


class _Stage:
    """A subcommand's parser, and the options that several stages share."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser

    def settings(self, what: str) -> _Stage:
        self.parser.add_argument("--settings", required=True, metavar="JSON", help=what)
        return self

    def dataset(self) -> _Stage:
        self.parser.add_argument("--dataset", required=True, help="its name in config.yaml")
        return self

    def seed(self) -> _Stage:
        self.parser.add_argument("--seed", type=int, default=0)
        return self

    def threads(self) -> _Stage:
        self.parser.add_argument("--threads", type=int, help="processor threads to use")
        return self

    def path(self, name: str, *, optional: bool = False) -> _Stage:
        """Add ``--name PATH``; an optional one may be given without a value (none)."""
        nargs = "?" if optional else None
        self.parser.add_argument(f"--{name}", type=Path, required=not optional, nargs=nargs)
        return self

    def folders(self, name: str, *, optional: bool = False, what: str | None = None) -> _Stage:
        """Add ``--name PATH...``."""
        nargs = "*" if optional else "+"
        self.parser.add_argument(
            f"--{name}",
            type=Path,
            nargs=nargs,
            required=not optional,
            default=[],
            metavar="PATH",
            help=what,
        )
        return self

    def out(self, what: str) -> _Stage:
        self.parser.add_argument("--out", type=Path, required=True, help=what)
        return self
