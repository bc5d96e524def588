"""``septum prepare``: read a batch of cases and store them as OME-Zarr."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import add_dataset, add_out, add_path, add_settings


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the dataset, its settings, and which files each case has."""
    add_dataset(parser)
    add_settings(parser, "reader, annotation, classes, spacing")
    add_path(parser, "cases", "JSON file that names the cases and their files (docs/workflow.md)")
    add_out(parser, "folder of the batch")


def run(arguments: Namespace) -> None:
    """Prepare the cases of a batch."""
    from septum.config.dataset import Dataset
    from septum.config.schema import parse_section
    from septum.stages.prepare.stage import prepare_batch
    from septum.workflow.batch_list import read_batch_list

    prepare_batch(
        dataset=parse_section(Dataset, arguments.settings),
        dataset_name=arguments.dataset,
        cases=read_batch_list(arguments.cases),
        out=arguments.out,
    )
