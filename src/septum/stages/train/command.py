"""``septum train``: train one network on one fold, going on from its last checkpoint."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import (
    add_code,
    add_fold,
    add_out,
    add_path,
    add_paths,
    add_seed,
    add_settings,
    add_threads,
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the settings, the data of all folds, the fold, and the weights to start from."""
    add_settings(parser, "one experiment on one dataset")
    add_seed(parser)
    add_path(parser, "plan", "plan.json of the dataset")
    add_paths(parser, "cases", "batch folders of cases")
    add_paths(parser, "copies", "batch folders of elastic copies", optional=True)
    add_paths(parser, "weights", "batch folders of border weight maps", optional=True)
    add_path(
        parser, "start", "model or weights to start from, if not from random ones", optional=True
    )
    add_fold(parser)
    add_code(parser, "the file of weights")
    add_threads(parser)
    add_out(parser, "weights.safetensors")


def run(arguments: Namespace) -> None:
    """Train one network."""
    from septum.config.schema import Run, parse_section
    from septum.data.plan import read_plan
    from septum.stages.train.stage import train

    train(
        run=parse_section(Run, arguments.settings),
        plan=read_plan(arguments.plan),
        cases=arguments.cases,
        copies=arguments.copies,
        weights=arguments.weights,
        fold=arguments.fold,
        seed=arguments.seed,
        out=arguments.out,
        digests={"code": arguments.code},
        start=arguments.start,
    )
