"""``septum fetch``: download a public dataset, or list the available ones."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the dataset to download."""
    parser.add_argument("name", nargs="?", help="dataset; without it, list what there is")
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder, ./data by default")


def run(arguments: Namespace) -> None:
    """Download a dataset, or list all."""
    from septum.datasets.download import fetch, print_datasets

    if arguments.name is None:
        print_datasets()
    else:
        fetch(arguments.name, arguments.out)
