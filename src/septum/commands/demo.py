"""``septum demo``: draw a simulated dataset (images and labels)."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import add_out, add_seed


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the dataset to draw."""
    parser.add_argument("kind", help="nuclei, tissue or volumes")
    add_seed(parser)
    add_out(parser, "folder of images/ and labels/")


def run(arguments: Namespace) -> None:
    """Draw a dataset."""
    from septum.datasets.demo import write_demo

    write_demo(arguments.kind, arguments.out, arguments.seed)
