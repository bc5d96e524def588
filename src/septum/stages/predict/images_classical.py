"""Segmentation of new images with tuned classical baselines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from septum.classical.fitted import common_baseline
from septum.data.readers.choose import check_reader
from septum.data.store import Geometry, Prediction
from septum.io.atomic import require_writable
from septum.stages.predict.classical import predict_by_baseline, read_baselines
from septum.stages.predict.images import find_stems, segment_images


def predict_images(
    *,
    images: Sequence[str | Path],
    parameters: Sequence[str | Path],
    out: str | Path,
    reader: str = "auto",
) -> None:
    """Segment new images and write the labels in the format of each image.

    Parameters
    ----------
    images : sequence of path
        In any format that `septum.data.readers.choose` knows.
    parameters : sequence of path
        ``parameters.json``; of several, the one that stands for all is taken
        (`septum.classical.fitted.common_baseline`).
    out : path
        Folder of the results; made where it is missing.
    reader : str
        How images are read (`septum.config.registry.READERS`), or ``auto``.

    Raises
    ------
    SeptumError
        As `septum.stages.predict.images_network.predict_images`.
    """
    check_reader(reader, "--reader")
    require_writable(out)
    fitted_by_path = read_baselines(parameters)
    trained = common_baseline(list(fitted_by_path.values()))
    stems = find_stems(images, Path(out), reader, trained)

    def predict(path: Path, image: np.ndarray, geometry: Geometry) -> Prediction:
        return predict_by_baseline(fitted_by_path, path.name, image, geometry)

    segment_images(stems, Path(out), reader, trained, predict)
