"""``septum report``: write the self-contained HTML report."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import add_out, add_path, add_seed


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments; results are read from the folder of the report."""
    what = "JSON file that says which results are shown, and how (docs/workflow.md)"
    add_path(parser, "contents", what)
    add_seed(parser)
    add_out(parser, "report.html, in the folder of results")


def run(arguments: Namespace) -> None:
    """Write the report."""
    from septum.stages.report.stage import write_report
    from septum.workflow.handed_file import read_section_file
    from septum.workflow.report_contents import ReportContents

    contents = read_section_file(ReportContents, arguments.contents)
    write_report(
        contents=contents, results=arguments.out.parent, seed=arguments.seed, out=arguments.out
    )
