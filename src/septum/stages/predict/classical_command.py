"""``septum predict-cases-classical``: predict a batch of cases by a tuned baseline."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import (
    add_costs,
    add_out,
    add_path,
    add_paths,
    add_threads,
    threads_to_use,
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the tuned parameters, the batch and the plan."""
    add_paths(parser, "model", "parameters.json, one a fold")
    add_path(parser, "cases", "batch folder of cases")
    add_path(parser, "plan", "plan.json of the dataset")
    add_costs(parser)
    add_threads(parser)
    add_out(parser, "folder of the predictions")


def run(arguments: Namespace) -> None:
    """Predict a batch."""
    from septum.stages.predict.classical import predict_batch

    predict_batch(
        parameters=arguments.model,
        cases=arguments.cases,
        plan=arguments.plan,
        out=arguments.out,
        costs=arguments.costs,
        threads=threads_to_use(arguments),
    )
