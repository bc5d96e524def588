"""Writing of the report as a single HTML file that contains all pictures and loads no URL.

The same results give the same bytes, since the file has neither dates nor a random order.
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
        The results that are shown, and the settings of the report.
    results : Path
        The folder of results.
    seed : int
        Seed of the bootstrap of differences between networks.
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
        pictures=_picture_sizes(galleries),
    )
    write_text(out, html)
    log.info(
        "%s: %.1f MB, %d pictures", out, len(html.encode()) / 1e6, _picture_sizes(galleries)[0]
    )


def _picture_sizes(galleries: Sequence[Gallery]) -> tuple[int, float]:
    """Return the number of pictures and their total size in megabytes."""
    uris = []
    for gallery in galleries:
        for card in (*gallery.scored, *gallery.new):
            uris += [card.image, card.truth, *(pane.overlay for pane in card.panes)]
    return sum(map(bool, uris)), sum(map(len, uris)) / 1e6
