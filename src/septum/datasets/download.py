"""Download public datasets that have a stable address, and check what came.

Where a checksum has been published (by MONAI for the Medical Segmentation Decathlon, by
torch-em for the Cell Tracking Challenge and StarDist's archive) a download must match it. The
Broad Institute publishes none for BBBC038: there the checksum of the first download is printed
and kept beside the archive, and every later run must match that one.
"""

from __future__ import annotations

import difflib
import logging
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pooch

from septum.errors import problem
from septum.io.atomic import atomic_path, write_text

log = logging.getLogger(__name__)

CELL_TRACKING_URL = "https://data.celltrackingchallenge.net/training-datasets"


@dataclass(frozen=True)
class Download:
    """A public dataset.

    Parameters
    ----------
    url : str
        Of a .zip or .tar archive.
    checksum : str or None
        ``sha256:…`` or ``md5:…``, as published; None where none is.
    licence, what : str
        For people.
    images, labels : str
        Patterns for the configuration, below the folder of the dataset.
    """

    url: str
    checksum: str | None
    licence: str
    what: str
    images: str
    labels: str


DATASETS: dict[str, Download] = {
    "bbbc038": Download(
        "https://data.broadinstitute.org/bbbc/BBBC038/stage1_train.zip",
        None,
        "CC0",
        "nuclei of the 2018 Data Science Bowl, 670 images, one mask an object",
        "{case}/images/*.png",
        "{case}/masks/*.png",
    ),
    "dsb2018": Download(
        "https://github.com/stardist/stardist/releases/download/0.1.0/dsb2018.zip",
        "sha256:e44921950edce378063aa4457e625581ba35b4c2dbd9a07c19d48900129f386f",
        "CC0",
        "nuclei in fluorescence, StarDist's subset of the 2018 Data Science Bowl",
        "dsb2018/train/images/{case}.tif",
        "dsb2018/train/masks/{case}.tif",
    ),
    "dic_hela": Download(
        f"{CELL_TRACKING_URL}/DIC-C2DH-HeLa.zip",
        "sha256:832fed2d05bb7488cf9c51a2994b75f8f3f53b3c3098856211f2d39023c34e1a",
        "Cell Tracking Challenge: free for research, cite",
        "HeLa cells in DIC, two videos (the U-Net paper's third data set)",
        "DIC-C2DH-HeLa/01/t{case}.tif",
        "DIC-C2DH-HeLa/01_ST/SEG/man_seg{case}.tif",
    ),
    "phc_u373": Download(
        f"{CELL_TRACKING_URL}/PhC-C2DH-U373.zip",
        "sha256:b18185c18fce54e8eeb93e4bbb9b201d757add9409bbf2283b8114185a11bc9e",
        "Cell Tracking Challenge: free for research, cite",
        "glioblastoma cells in phase contrast, two videos (the U-Net paper's second data set)",
        "PhC-C2DH-U373/01/t{case}.tif",
        "PhC-C2DH-U373/01_ST/SEG/man_seg{case}.tif",
    ),
    "hippocampus": Download(
        "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task04_Hippocampus.tar",
        "md5:9d24dba78a72977dbd1d2e110310f31b",
        "CC BY-SA 4.0",
        "hippocampus in MRI, 3-D (Medical Segmentation Decathlon, task 4)",
        "Task04_Hippocampus/imagesTr/{case}.nii.gz",
        "Task04_Hippocampus/labelsTr/{case}.nii.gz",
    ),
}


def print_datasets() -> None:
    """Print what can be fetched."""
    for name, download in DATASETS.items():
        print(f"{name:<12} {download.what} [{download.licence}]")


def fetch(name: str, out: str | Path, *, datasets: dict[str, Download] | None = None) -> Path:
    """Download a dataset into ``out/name`` and print how to name it in the configuration.

    The archive is kept in ``out/archives`` and not downloaded again. Where no checksum is
    known beforehand, the first one seen is kept in ``<archive>.sha256`` and must be met later.

    Parameters
    ----------
    name : str
        One of `DATASETS`.
    out : str or Path
        Folder to put it in.
    datasets : dict of str to Download, optional
        A table to use in place of `DATASETS`.

    Returns
    -------
    Path
        The folder with the unpacked files.

    Raises
    ------
    SeptumError
        If there is no such dataset, the download fails, or its checksum differs.
    """
    table = DATASETS if datasets is None else datasets
    if name not in table:
        close = difflib.get_close_matches(name, table, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        remedy = f"{hint}choose one of: {', '.join(sorted(table))}"
        raise problem("fetch", f"there is no dataset {name!r}", remedy)
    download, folder = table[name], Path(out) / name
    archive = Path(out) / "archives" / download.url.rsplit("/", 1)[-1]
    record = archive.with_name(f"{archive.name}.sha256")
    checksum = download.checksum
    if checksum is None and record.is_file():
        checksum = "sha256:" + record.read_text(encoding="utf-8").split()[0]
    _download(download.url, checksum, archive)
    with atomic_path(folder) as beside:
        _unpack(archive, beside)
    if checksum is None:
        digest = pooch.file_hash(str(archive))
        write_text(record, f"{digest}  {archive.name}\n")
        log.warning("no checksum is published for %s: got sha256:%s", download.url, digest)
        log.warning("it is kept in %s, and later downloads must match it", record)
    print(f"{name}: {download.what}")
    print(f"  licence: {download.licence}")
    print(f"  images: {folder / download.images}")
    print(f"  labels: {folder / download.labels}")
    return folder


def _download(url: str, checksum: str | None, archive: Path) -> None:
    progress = sys.stderr.isatty()
    try:
        pooch.retrieve(url, checksum, archive.name, archive.parent, progressbar=progress)
    except ValueError as error:  # what pooch raises where a checksum differs
        what = f"is not what it should be ({error})"
        remedy = "try again; if it persists, the file at that address has changed: do not use it"
        raise problem(url, what, remedy) from None
    except OSError as error:  # requests' errors are OSErrors, too
        remedy = f"check the connection, or put the file at {archive} by hand"
        raise problem(url, f"cannot be downloaded ({error})", remedy) from None


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir()
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                file.extractall(folder)
        else:
            with tarfile.open(archive) as file:
                file.extractall(folder, filter="data")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        what = f"cannot be unpacked ({error})"
        raise problem(archive, what, "delete it and fetch it again") from None
