"""``septum fit``: tune a classical baseline on the validation cases of one fold."""

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
    """Declare the settings, the plan, the cases and the fold."""
    add_settings(parser, "one baseline on one dataset")
    add_path(parser, "plan", "plan.json of the dataset")
    add_paths(parser, "cases", "batch folders of cases")
    add_fold(parser)
    add_code(parser, "the file")
    add_threads(parser)
    add_out(parser, "parameters.json")


def run(arguments: Namespace) -> None:
    """Tune a baseline."""
    from septum.config.schema import Baseline, parse_section
    from septum.data.plan import read_plan
    from septum.stages.tune.baseline import fit

    fit(
        baseline=parse_section(Baseline, arguments.settings),
        plan=read_plan(arguments.plan),
        cases=arguments.cases,
        fold=arguments.fold,
        out=arguments.out,
        digests={"code": arguments.code},
        threads=threads_to_use(arguments),
    )
