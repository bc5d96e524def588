"""New images come back as label maps, predicted by networks."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import tifffile
import torch
from ball_models import by_hand, scene, trained
from decoders import decoder
from loaded import load_model, load_models

from septum.config.schema import Predict
from septum.data.intensity import statistics
from septum.errors import SeptumError
from septum.inference.predictor import predict_case
from septum.networks.model_file import save_model
from septum.stages.predict.images_network import predict_images


def segment(images, models, out, **settings):
    predict_images(images=images, models=models, out=out, settings=Predict(**settings))


def test_images_come_back_in_their_own_format(models, tmp_path):
    image, _ = scene(5)
    tifffile.imwrite(tmp_path / "cells.tif", image[0])
    tifffile.imwrite(tmp_path / "cells 2.ome.tif", scene(6)[0][0])
    segment([tmp_path / "cells.tif", tmp_path / "cells 2.ome.tif"], models[:1], tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2
    result = tifffile.imread(tmp_path / "out" / "cells.tif")
    np.testing.assert_array_equal(result, by_hand(models[:1], image)[1])
    assert result.dtype == np.uint16
    # all models together
    segment([tmp_path / "cells.tif"], models, tmp_path / "out")
    result = tifffile.imread(tmp_path / "out" / "cells.tif")
    np.testing.assert_array_equal(result, by_hand(models, image)[1])


def test_a_volume_keeps_its_geometry(tmp_path):
    segmenter, header = trained(0, ndim=3)
    save_model(tmp_path / "model", segmenter.state_dict(), header)
    affine = np.array([[-0.5, 0, 0, 3], [0, 0.6, 0.1, 4], [0, -0.1, 2, 5], [0, 0, 0, 1]])
    image, labels = scene(3, ndim=3)
    nib.save(nib.Nifti1Image(np.ascontiguousarray(image[0].T), affine), tmp_path / "brain.nii.gz")
    segment([tmp_path / "brain.nii.gz"], [tmp_path / "model"], tmp_path / "out")
    result = nib.load(tmp_path / "out" / "brain.nii.gz")
    np.testing.assert_allclose(result.affine, affine, atol=1e-6)
    predicted = np.asarray(result.dataobj).T > 0
    overlap = (predicted & (labels > 0)).sum() / (predicted | (labels > 0)).sum()
    assert overlap > 0.7


def test_settings_of_the_training_hold_unless_said_otherwise(models, tmp_path):
    segmenter, header = load_model(models[0])
    stored = {"tile": [20, 20, 20], "tta": True, "device": "gpu"}
    save_model(
        tmp_path / "m", segmenter.state_dict(), header.model_copy(update={"predict": stored})
    )
    tifffile.imwrite(tmp_path / "x.tif", scene(5)[0][0])
    # the stored tile is of the wrong kind, which shows that it is looked at; the device is not
    with pytest.raises(SeptumError, match=r"predict\.tile"):
        segment([tmp_path / "x.tif"], [tmp_path / "m"], tmp_path / "out")
    segment([tmp_path / "x.tif"], [tmp_path / "m"], tmp_path / "out", tile="auto")
    assert (tmp_path / "out" / "x.tif").exists()


def test_stuff_and_things_of_a_panoptic_model(tmp_path):
    segmenter, header = trained(0)
    panoptic = decoder(threshold=0.5, min_size=9, min_stuff=0)
    header = header.model_copy(update={"annotation": "panoptic", "decoder": panoptic})
    save_model(tmp_path / "m", segmenter.state_dict(), header)
    image, _ = scene(7)
    model = load_models([tmp_path / "m"], torch.device("cpu"))
    semantic, instance, _ = predict_case(model, image, statistics(image), Predict())
    np.testing.assert_array_equal(semantic > 0, instance > 0)
    tifffile.imwrite(tmp_path / "a.tif", image[0])
    tifffile.imwrite(tmp_path / "a_classes.tif", image[0])
    # the class map of one would be the instance map of the other
    with pytest.raises(SeptumError, match="of the same name"):
        segment([tmp_path / "a.tif", tmp_path / "a_classes.tif"], [tmp_path / "m"], tmp_path / "o")
    segment([tmp_path / "a.tif"], [tmp_path / "m"], tmp_path / "o")
    written = sorted(path.name for path in (tmp_path / "o").iterdir())
    assert written == ["a.tif", "a_classes.tif"]
