"""``septum report``: write the self-contained HTML report."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import add_out, add_seed, add_settings, parse_object


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the settings; results are read from the folder that the report is written to."""
    add_settings(parser, "report section and datasets")
    add_seed(parser)
    add_out(parser, "report.html, in the folder of results")


def run(arguments: Namespace) -> None:
    """Write the report."""
    from septum.stages.report.stage import write_report

    settings = parse_object(arguments.settings, "--settings", "report", "evaluate", "datasets")
    write_report(
        settings=settings, results=arguments.out.parent, seed=arguments.seed, out=arguments.out
    )
