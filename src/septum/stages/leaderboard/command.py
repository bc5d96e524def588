"""``septum rank``: rank the experiments of a dataset, and write leaderboard.csv."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from septum.config.arguments import add_dataset, add_out, add_seed, add_settings


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the dataset, and the scores and costs of its experiments."""
    add_dataset(parser)
    add_settings(parser, "the report section", default="{}")
    parser.add_argument("--scores", nargs="*", type=Path, default=[], metavar="FILE")
    parser.add_argument("--baselines", nargs="*", default=[], metavar="NAME", help="folders")
    parser.add_argument("--costs", nargs="*", type=Path, default=[], metavar="JSON")
    add_seed(parser)
    add_out(parser, "leaderboard.csv")


def run(arguments: Namespace) -> None:
    """Rank the experiments of a dataset."""
    from septum.config.schema import Report, parse_section
    from septum.stages.leaderboard.stage import write_leaderboard

    write_leaderboard(
        dataset=arguments.dataset,
        scores=arguments.scores,
        baselines=arguments.baselines,
        costs=arguments.costs,
        settings=parse_section(Report, arguments.settings),
        seed=arguments.seed,
        out=arguments.out,
    )
