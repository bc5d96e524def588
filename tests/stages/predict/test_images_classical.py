"""New images come back as label maps, predicted by baselines."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from small_baselines import fit_fold, make_plan, scene, write_batch

from septum import cli
from septum.io.atomic import write_json


@pytest.fixture
def project(tmp_path):
    """Write a batch of five cases."""
    write_batch(tmp_path)
    return tmp_path


def segment(project, images, models):
    command = ["predict", *images, "--model", *models, "--out", project / "out"]
    return cli.main([str(argument) for argument in command])


def test_new_images_are_segmented_in_their_own_format(project):
    image, labels = scene(7)
    tifffile.imwrite(project / "x.tif", image[0])
    files = [fit_fold(project, fold) for fold in (0, 1)]
    assert segment(project, [project / "x.tif"], files) == 0
    found = tifffile.imread(project / "out/x.tif")
    np.testing.assert_array_equal(found > 0, labels > 0)
    assert sorted(p.name for p in (project / "out").iterdir()) == ["x.tif"]


def test_a_file_that_is_no_baseline_is_refused(project, capsys):
    write_json(project / "plan.json", make_plan().to_json())
    tifffile.imwrite(project / "x.tif", scene(7)[0][0])
    assert segment(project, [project / "x.tif"], [project / "plan.json"]) == 1
    assert "plan.json: holds no parameters of a baseline" in capsys.readouterr().err
    assert not (project / "out").exists()


def test_an_image_of_another_kind_is_refused(project, capsys):
    tifffile.imwrite(project / "x.tif", np.stack([scene(7)[0][0]] * 20))
    assert segment(project, [project / "x.tif"], [fit_fold(project, 0)]) == 1
    assert "spatial axes, but the model works in 2-D" in capsys.readouterr().err
