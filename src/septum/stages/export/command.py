"""``septum export``: deliver predictions in the format and geometry of the images."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import add_out, add_path, add_paths, add_settings


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the predictions, and what further formats need."""
    add_paths(parser, "predicted", "batch folders of predictions")
    add_paths(parser, "cases", "batch folders of cases", optional=True)
    add_path(parser, "plan", "plan.json of the dataset", optional=True)
    what = "the export section, for more than label maps: needs --plan, and --cases for tables"
    add_settings(parser, what, default='{"formats": []}')
    add_out(parser, "folder")


def run(arguments: Namespace) -> None:
    """Deliver predictions."""
    from septum.config.schema import Export, parse_section
    from septum.stages.export.stage import export_predictions

    export_predictions(
        predicted=arguments.predicted,
        out=arguments.out,
        settings=parse_section(Export, arguments.settings),
        cases=arguments.cases,
        plan=arguments.plan,
    )
