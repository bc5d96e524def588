"""Segmentation of new images with the networks of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from septum.config.schema import Predict
from septum.data.intensity import statistics
from septum.data.readers.choose import check_reader
from septum.data.store import Geometry, Prediction
from septum.inference.ensemble import combine, make_model, require_same_kind
from septum.inference.predictor import describe, predict_case
from septum.io.atomic import require_writable
from septum.networks.device import choose_device
from septum.networks.model_file import read_model
from septum.stages.predict.images import find_stems, segment_images


def predict_images(
    *,
    images: Sequence[str | Path],
    models: Sequence[str | Path],
    out: str | Path,
    reader: str = "auto",
    settings: Predict,
) -> None:
    """Segment new images and write the labels in the format of each image.

    Intensities are normalised as in training, by the statistics of each image. Settings that are
    not given are those stored in the model, except for the device.

    Parameters
    ----------
    images : sequence of path
        Images in any format that `septum.data.readers.choose` knows.
    models : sequence of path
        Model files; the probabilities of several models are averaged.
    out : path
        Folder of the results; created if it does not exist. Older files are replaced atomically.
    reader : str
        Reader of the images (`septum.config.registry.READERS`), or ``auto``.
    settings : Predict

    Raises
    ------
    SeptumError
        Before anything is predicted, if images are missing or in an unknown format, if results
        would have the same name or lie in the folder of the images. At the end, with all images
        that could not be segmented; the others are written.
    """
    device = choose_device(settings.device, "predict.device")
    check_reader(reader, "--reader")
    require_writable(out)
    stored = [read_model(path) for path in models]
    stems = find_stems(images, Path(out), reader, stored[0].header)
    require_same_kind(stored)
    model = combine([make_model(stored_model, device) for stored_model in stored])
    overrides = settings.model_dump(exclude_unset=True)
    trained = model.header.predict.model_dump(exclude={"device"})
    settings = Predict.model_validate({**trained, **overrides})

    def predict(path: Path, image: np.ndarray, geometry: Geometry) -> Prediction:
        semantic, instance, scores = predict_case(model, image, statistics(image), settings)
        attributes = describe(model, settings)
        return Prediction(path.name, semantic, instance, geometry, scores, attributes)

    segment_images(stems, Path(out), reader, model.header, predict)
