"""The report as one HTML file: no address is fetched, every picture is inside.

The same results give the same bytes: no date, no random order.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from septum import __version__
from septum.io.atomic import write_text
from septum.stages.report.colours import OBJECT_MARKS, PIXEL_MARKS
from septum.stages.report.gallery import Gallery, make_gallery
from septum.stages.report.inputs import read_dataset
from septum.stages.report.page import dataset_part, matrix
from septum.workflow.report_contents import ReportContents

log = logging.getLogger(__name__)


def write_report(*, contents: ReportContents, results: Path, seed: int, out: Path) -> None:
    """Write the report of all datasets.

    Parameters
    ----------
    contents : ReportContents
        Which results are shown, and how.
    results : Path
        The folder of results.
    seed : int
        Of the bootstrap of differences between networks.
    out : Path
        The HTML file.

    Raises
    ------
    SeptumError
        If a result is missing or damaged, or ``out`` cannot be written.
    """
    report = contents.report
    datasets = [read_dataset(results, reported) for reported in contents.datasets]
    galleries = [make_gallery(dataset, report.gallery) for dataset in datasets]
    environment = Environment(
        loader=PackageLoader("septum.stages.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("template.html.j2").render(
        title=report.title,
        version=__version__,
        evaluate=contents.evaluate,
        report=report,
        matrix=matrix(datasets),
        datasets=[
            dataset_part(i, dataset, gallery, report, seed)
            for i, (dataset, gallery) in enumerate(zip(datasets, galleries, strict=True))
        ],
        object_marks=OBJECT_MARKS,
        pixel_marks=PIXEL_MARKS,
        pictures=_weigh(galleries),
    )
    write_text(out, html)
    log.info("%s: %.1f MB, %d pictures", out, len(html.encode()) / 1e6, _weigh(galleries)[0])


def _weigh(galleries: Sequence[Gallery]) -> tuple[int, float]:
    """Return how many pictures there are, and their size in megabytes."""
    uris = []
    for gallery in galleries:
        for card in (*gallery.scored, *gallery.new):
            uris += [card.image, card.truth, *(pane.overlay for pane in card.panes)]
    return sum(map(bool, uris)), sum(map(len, uris)) / 1e6
