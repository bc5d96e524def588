"""``septum plan``: derive the settings left at auto, and split into test set and folds."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from septum.config.arguments import add_dataset, add_out, add_paths, add_seed, add_settings


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the dataset, its settings, its cases, their groups and a split to follow."""
    add_dataset(parser)
    add_settings(parser, "annotation, classes, normalisation, split, exclude, group")
    add_seed(parser)
    add_paths(parser, "cases", "batch folders of cases")
    parser.add_argument(
        "--table", nargs="?", type=Path, metavar="CSV", help="table with the groups of the cases"
    )
    parser.add_argument("--split", nargs="?", type=Path, metavar="FILE", help="a split to follow")
    add_out(parser, "plan.json")


def run(arguments: Namespace) -> None:
    """Plan a dataset."""
    from septum.config.dataset import Dataset
    from septum.config.schema import parse_section
    from septum.data.store import case_paths
    from septum.stages.plan.stage import plan_dataset
    from septum.workflow.groups import find_groups

    dataset = parse_section(Dataset, arguments.settings)
    names = sorted(case_paths(arguments.cases))
    plan_dataset(
        dataset=dataset,
        name=arguments.dataset,
        cases=arguments.cases,
        groups=find_groups(names, dataset.group, arguments.table, arguments.dataset),
        split_file=arguments.split,
        seed=arguments.seed,
        out=arguments.out,
    )
