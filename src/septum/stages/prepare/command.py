"""``septum prepare``: read a batch of cases and store them as OME-Zarr."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import add_dataset, add_out, add_settings, parse_object
from septum.data.case_files import CaseFiles
from septum.errors import problem


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the dataset, its settings, and which files each case has."""
    add_dataset(parser)
    add_settings(parser, "reader, annotation, classes, spacing")
    parser.add_argument(
        "--cases", required=True, metavar="JSON", help='{"name": [["image", ...], "label" or null]}'
    )
    add_out(parser, "folder of the batch")


def run(arguments: Namespace) -> None:
    """Prepare the cases of a batch."""
    from septum.config.schema import Dataset, parse_section
    from septum.stages.prepare.stage import prepare_batch

    prepare_batch(
        dataset=parse_section(Dataset, arguments.settings),
        dataset_name=arguments.dataset,
        cases=parse_cases(arguments.cases),
        out=arguments.out,
    )


def parse_cases(text: str) -> list[CaseFiles]:
    """Return the files of each case, from one JSON object.

    Parameters
    ----------
    text : str
        ``{"name": [["image", ...], "label" or null, "part", ...], ...}``; parts are further files
        that the label file refers to.

    Raises
    ------
    SeptumError
        If the text is no such object.
    """
    cases = []
    for name, files in parse_object(text, "--cases").items():
        match files:
            case [[*images], str() | None as labels, *parts] if all(
                isinstance(path, str) for path in (*images, *parts)
            ):
                cases.append(CaseFiles(name, tuple(images), labels, tuple(parts)))
            case _:
                remedy = 'give each case as "name": [["image", ...], "label" or null, ...]'
                raise problem("--cases", f"does not say which files {name!r} has", remedy)
    return cases
