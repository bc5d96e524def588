"""``septum rank``: rank the experiments of a dataset, and write leaderboard.csv."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import add_dataset, add_out, add_paths, add_seed, add_settings


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the dataset, and the scores and costs of its experiments."""
    add_dataset(parser)
    add_settings(parser, "the report section", default="{}")
    what = "cases.csv, classes.csv and objects.npz of every experiment"
    add_paths(parser, "scores", what, optional=True)
    what = "folders of those experiments that are classical baselines"
    parser.add_argument("--baselines", nargs="*", default=[], metavar="NAME", help=what)
    add_paths(parser, "costs", "what trainings and predictions took", optional=True)
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
