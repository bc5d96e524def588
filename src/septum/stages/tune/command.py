"""``septum tune``: tune the decoder of a trained network on the validation cases of its fold."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import (
    add_code,
    add_out,
    add_path,
    add_paths,
    add_settings,
    add_threads,
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the settings, the weights, the plan and the cases."""
    add_settings(parser, "the sections predict and decode of one experiment on one dataset")
    add_path(parser, "weights", "weights.safetensors that `septum train` wrote")
    add_path(parser, "plan", "plan.json of the dataset")
    add_paths(parser, "cases", "batch folders of cases")
    add_code(parser, "the model file")
    add_threads(parser)
    add_out(parser, "model.safetensors")


def run(arguments: Namespace) -> None:
    """Tune a decoder."""
    from septum.config.head_fits import unfit_settings
    from septum.config.schema import Tune, parse_section
    from septum.data.plan import read_plan
    from septum.errors import Problems
    from septum.networks.model_header import read_header
    from septum.stages.tune.stage import tune

    settings = parse_section(Tune, arguments.settings)
    head = read_header(arguments.weights).head
    problems = Problems()
    for key, _, what, remedy in unfit_settings(head, dict(settings)):
        problems.add(f"--settings, {key}", what, remedy)
    problems.raise_if_any()
    tune(
        weights=arguments.weights,
        plan=read_plan(arguments.plan),
        cases=arguments.cases,
        settings=settings,
        out=arguments.out,
        digests={"tuning": arguments.code} if arguments.code else {},
    )
