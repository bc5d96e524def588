"""``septum report``: write the self-contained HTML report."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import add_out, add_seed, add_settings


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the settings; results are read from the folder that the report is written to."""
    add_settings(parser, "which results are shown, and how")
    add_seed(parser)
    add_out(parser, "report.html, in the folder of results")


def run(arguments: Namespace) -> None:
    """Write the report."""
    from septum.config.schema import parse_section
    from septum.stages.report.stage import write_report
    from septum.workflow.report_contents import ReportContents

    contents = parse_section(ReportContents, arguments.settings)
    write_report(
        contents=contents, results=arguments.out.parent, seed=arguments.seed, out=arguments.out
    )
