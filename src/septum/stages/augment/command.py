"""``septum augment``: make elastic copies of the annotated cases of a batch."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import add_dataset, add_out, add_path, add_seed, add_settings


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the dataset, the settings and the batch."""
    add_dataset(parser)
    add_settings(parser, "the augment section")
    add_seed(parser)
    add_path(parser, "cases", "batch folder of cases")
    add_out(parser, "folder of the batch")


def run(arguments: Namespace) -> None:
    """Augment a batch."""
    from septum.config.schema import Augment, parse_section
    from septum.stages.augment.stage import augment_batch

    augment_batch(
        dataset=arguments.dataset,
        cases=arguments.cases,
        settings=parse_section(Augment, arguments.settings),
        seed=arguments.seed,
        out=arguments.out,
    )
