"""``septum predict-cases``: predict a batch of cases by the networks of an experiment."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import (
    add_costs,
    add_out,
    add_path,
    add_paths,
    add_settings,
    add_threads,
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the settings, the models, the batch and the plan."""
    add_settings(parser, "the predict section", default="{}")
    add_paths(parser, "model", "model.safetensors, one a fold")
    add_path(parser, "cases", "batch folder of cases")
    add_path(parser, "plan", "plan.json of the dataset")
    add_costs(parser)
    add_threads(parser)
    add_out(parser, "folder of the predictions")


def run(arguments: Namespace) -> None:
    """Predict a batch."""
    from septum.config.schema import Predict, parse_section
    from septum.stages.predict.stage import predict_batch

    predict_batch(
        models=arguments.model,
        cases=arguments.cases,
        plan=arguments.plan,
        out=arguments.out,
        settings=parse_section(Predict, arguments.settings),
        costs=arguments.costs,
    )
