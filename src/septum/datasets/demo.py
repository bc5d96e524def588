"""The embedded simulated datasets: small, seeded, and hard enough that walls matter.

``nuclei``
    2-D fluorescence: crowded nuclei of uneven brightness and texture, blur, haze, uneven
    background, shot and read noise. 8-bit PNG and instance TIFF.
``tissue``
    2-D bright field: glands with a lumen in a stroma, stained violet and pink. RGB PNG and
    panoptic TIFF (class × 1000 + object; 0 is the glands' cytoplasm).
``volumes``
    3-D fluorescence with planes three times as far apart as pixels. NIfTI.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import tifffile
from PIL import Image

from septum.config.demo_cases import DEMO_CASES, DemoCases
from septum.datasets.demo_images import (
    PIXEL_UM,
    PLANE_UM,
    Drawing,
    draw_nuclei,
    draw_tissue,
    draw_volumes,
)
from septum.errors import problem
from septum.io.atomic import atomic_path
from septum.seeds import rng


@dataclass(frozen=True)
class Demo:
    """A simulated dataset: what it holds, how a case is drawn, how it is written.

    Parameters
    ----------
    cases : DemoCases
    draw : callable
        ``draw(rng)`` returns an image and its labels, (*spatial) or (y, x, 3).
    write_image, write_labels : callable
        ``write(path, array)``.
    """

    cases: DemoCases
    draw: Callable[[np.random.Generator], Drawing]
    write_image: Callable[[Path, np.ndarray], None]
    write_labels: Callable[[Path, np.ndarray], None]


def write_demo(name: str, out: str | Path, seed: int = 0) -> None:
    """Write ``out/images/<case>`` and, of labelled cases, ``out/labels/<case>``.

    Parameters
    ----------
    name : str
        A key of `DEMOS`.
    out : str or Path
        Folder, made where it is missing.
    seed : int
        Equal seeds give equal files.

    Raises
    ------
    SeptumError
        If there is no such dataset, or ``out`` cannot be written.
    """
    if name not in DEMOS:
        raise problem("demo", f"there is no {name!r}", f"choose one of: {', '.join(sorted(DEMOS))}")
    demo, out = DEMOS[name], Path(out)
    for case in demo.cases.cases:
        image, labels = demo.draw(rng("demo", seed, name, case))
        with atomic_path(out / "images" / f"{case}{demo.cases.image_suffix}") as path:
            demo.write_image(path, image)
        if case not in demo.cases.unlabelled:
            with atomic_path(out / "labels" / f"{case}{demo.cases.label_suffix}") as path:
                demo.write_labels(path, labels)


def _write_png(path: Path, image: np.ndarray) -> None:
    Image.fromarray(image).save(path)


def _write_tiff(path: Path, labels: np.ndarray) -> None:
    tifffile.imwrite(path, labels, compression="zlib")


def _write_nifti(path: Path, volume: np.ndarray) -> None:
    # NIfTI counts x first, and from right to left to be in RAS+
    affine = np.diag([PIXEL_UM, PIXEL_UM, PLANE_UM, 1.0])
    image = nib.Nifti1Image(np.ascontiguousarray(volume.T), affine)
    image.header.set_xyzt_units("micron")
    nib.save(image, path)


DEMOS: dict[str, Demo] = {
    "nuclei": Demo(DEMO_CASES["nuclei"], draw_nuclei, _write_png, _write_tiff),
    "tissue": Demo(DEMO_CASES["tissue"], draw_tissue, _write_png, _write_tiff),
    "volumes": Demo(DEMO_CASES["volumes"], draw_volumes, _write_nifti, _write_nifti),
}
