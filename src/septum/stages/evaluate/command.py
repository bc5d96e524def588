"""``septum evaluate``: score predictions against annotations, case by case."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from septum.config.arguments import add_path, add_paths, add_settings, add_threads

HELP_BY_TABLE = {
    "cases": "scores by case",
    "classes": "scores by case and class",
    "pooled": "scores by class over all cases",
    "confusion": "pixels of each class taken for each class",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the settings, cases and predictions, and the tables to write."""
    add_settings(parser, "the evaluate section")
    add_paths(parser, "cases", "batch folders of cases")
    add_paths(parser, "predicted", "batch folders of predictions")
    add_path(parser, "plan", "plan.json of the dataset")
    add_threads(parser)
    for name, what in HELP_BY_TABLE.items():
        parser.add_argument(f"--out-{name}", type=Path, required=True, metavar="CSV", help=what)
    what = "scored objects of all cases"
    parser.add_argument("--out-objects", type=Path, required=True, metavar="NPZ", help=what)


def run(arguments: Namespace) -> None:
    """Score an experiment."""
    from septum.config.schema import Evaluate, parse_section
    from septum.stages.evaluate.stage import evaluate_experiment

    evaluate_experiment(
        cases=arguments.cases,
        predicted=arguments.predicted,
        plan=arguments.plan,
        settings=parse_section(Evaluate, arguments.settings),
        out_cases=arguments.out_cases,
        out_classes=arguments.out_classes,
        out_pooled=arguments.out_pooled,
        out_confusion=arguments.out_confusion,
        out_objects=arguments.out_objects,
        workers=arguments.threads or 1,
    )
