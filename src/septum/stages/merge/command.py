"""``septum merge``: merge the objects and the classes of pixels of two experiments."""

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
    """Declare the tuned parameters and the two predictions of the batch."""
    add_paths(parser, "parameters", "parameters.json, one a fold")
    add_path(parser, "instances", "batch folder of the predicted objects")
    add_path(parser, "semantic", "batch folder of the predicted classes of pixels")
    add_paths(parser, "earlier", "costs of the two predictions", optional=True)
    add_costs(parser)
    add_threads(parser)
    add_out(parser, "folder of the predictions")


def run(arguments: Namespace) -> None:
    """Merge the predictions of a batch."""
    from septum.stages.merge.stage import merge_batch

    merge_batch(
        parameters=arguments.parameters,
        instances=arguments.instances,
        semantic=arguments.semantic,
        earlier=arguments.earlier,
        out=arguments.out,
        costs=arguments.costs,
        threads=threads_to_use(arguments),
    )
