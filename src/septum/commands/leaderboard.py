"""``septum leaderboard``: print the scores of the configuration's datasets."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from septum.config.arguments import add_configs


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the configuration and the folder of its results."""
    add_configs(parser, "configuration files, whose datasets are shown")
    parser.add_argument("--results", type=Path, help="overrides results of the configuration")


def run(arguments: Namespace) -> None:
    """Print the leaderboards."""
    from septum.config.load import load_config
    from septum.stages.leaderboard.text import print_leaderboards

    settings = load_config(*arguments.config)
    print_leaderboards(settings, arguments.results or Path(settings.results))
