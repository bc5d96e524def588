"""``septum weights``: compute the border weight maps of a batch."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import add_out, add_path, add_settings


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the settings, the batch with its elastic copies, and the plan."""
    add_settings(parser, "the weights section")
    add_path(parser, "cases", "batch folder of cases")
    add_path(parser, "copies", "batch folder of elastic copies, if there are any", optional=True)
    add_path(parser, "plan", "plan.json of the dataset")
    add_out(parser, "folder of the batch")


def run(arguments: Namespace) -> None:
    """Compute the weight maps of a batch."""
    from septum.config.schema import Weights, parse_section
    from septum.stages.weights.stage import weights_batch

    weights_batch(
        cases=arguments.cases,
        copies=arguments.copies,
        plan=arguments.plan,
        settings=parse_section(Weights, arguments.settings),
        out=arguments.out,
    )
