"""``septum tune-merge``: tune how two experiments are merged to panoptic maps."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import (
    add_code,
    add_fold,
    add_out,
    add_path,
    add_paths,
    add_settings,
    add_threads,
    threads_to_use,
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the two experiments, their predictions, the cases and the fold."""
    add_settings(parser, "instances and semantic: the names of the two experiments")
    parser.add_argument("--experiment", required=True, help="name of the merge")
    add_paths(parser, "instances", "batch folders of the predicted objects")
    add_paths(parser, "semantic", "batch folders of the predicted classes of pixels")
    add_paths(parser, "cases", "batch folders of cases")
    add_path(parser, "plan", "plan.json of the dataset")
    add_fold(parser)
    add_paths(parser, "earlier", "costs.json of the two trainings", optional=True)
    add_code(parser, "the file")
    add_threads(parser)
    add_out(parser, "parameters.json")


def run(arguments: Namespace) -> None:
    """Tune a merge."""
    from septum.config.schema import Merge, parse_section
    from septum.data.plan import read_plan
    from septum.stages.merge.stage import tune_merge

    tune_merge(
        merge=parse_section(Merge, arguments.settings),
        experiment=arguments.experiment,
        instances=arguments.instances,
        semantic=arguments.semantic,
        cases=arguments.cases,
        plan=read_plan(arguments.plan),
        fold=arguments.fold,
        earlier=arguments.earlier,
        out=arguments.out,
        digests={"code": arguments.code},
        threads=threads_to_use(arguments),
    )
