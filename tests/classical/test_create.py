"""What every classical method does, on simulated images."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from grey_images import balls, iou, picture

from septum.classical.create import (
    create_method,
    method_class,
    method_module,
    method_names,
    parameter_grid,
    segment,
)
from septum.config import registry
from septum.errors import SeptumError
from septum.io.code_digest import reachable

NAMES = ["cpmc", "graph_cut", "mean_shift", "normalized_cut", "watershed"]
VOLUMES = [name for name in NAMES if name != "cpmc"]


@pytest.mark.parametrize("name", NAMES)
def test_which_methods_are_for_images_only_is_known_without_importing_them(name):
    assert (3 not in method_class(name).axes) == registry.BASELINES[name].planar


def test_without_pymaxflow_two_methods_fail_and_say_what_to_install():
    code = (
        "import sys; sys.modules['maxflow'] = None\n"
        "from septum.classical.create import method_class, method_names\n"
        "from septum.errors import SeptumError\n"
        "for name in method_names():\n"
        "    try:\n"
        "        print(name, method_class(name).__name__)\n"
        "    except SeptumError as error:\n"
        "        print(name, str(error).replace('\\n', ' '))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert [name for name, text in said.items() if "pip install 'septum[graphcut]'" in text] == [
        "cpmc",
        "graph_cut",
    ]
    assert "under the GPL" in said["cpmc"]
    assert said["watershed"] == "Watershed"


APART = balls((48, 56), [(12, 14), (30, 40), (36, 10)], 7)


def run(name, image, spacing=None, **parameters):
    spacing = spacing or (1.0,) * (image.ndim - 1)
    return segment(name, image, spacing=spacing, **parameters)


def test_names_are_listed_without_imports():
    assert method_names() == NAMES
    code = (
        "import sys; from septum.classical.create import method_names; method_names(); "
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "septum.classical.create" in loaded.split()
    assert not {"numpy", "maxflow", "skimage"} & set(loaded.split())


def test_the_digest_covers_every_module_that_the_methods_load():
    code = (
        "import sys; from septum.classical.create import create_method, method_names; "
        "[create_method(name, {}) for name in method_names()]; "
        "print(*(m for m in sys.modules if m.split('.')[0] == 'septum'))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "septum.classical.mincut" in loaded.split()
    counted = reachable("septum.classical.create", *map(method_module, NAMES))
    loaded = {name for name in loaded.split() if name.partition(".")[0] == "septum"}
    assert loaded - {"septum.config.registry"} <= counted


@pytest.mark.parametrize("name", NAMES)
def test_separate_objects_are_found(name):
    found = run(name, picture(APART), min_size=20)
    assert found.dtype == np.uint32
    assert found.shape == APART.shape
    assert found.max() == 3
    assert min(iou(found, APART, number) for number in (1, 2, 3)) > 0.8
    # numbered as their first pixels lie in raster order
    assert [found[p] for p in ((12, 14), (30, 40), (36, 10))] == [1, 2, 3]


@pytest.mark.parametrize("name", NAMES)
def test_polarity(name):
    bright, dark = picture(APART), 200 - picture(APART)
    expected = run(name, bright, min_size=20)
    np.testing.assert_array_equal(run(name, dark, polarity="dark", min_size=20), expected)
    wrong = run(name, dark, polarity="bright", min_size=20)
    assert max(iou(wrong, APART, number) for number in (1, 2, 3)) < 0.5


@pytest.mark.parametrize("name", VOLUMES)
def test_volumes(name):
    true = balls((16, 24, 28), [(7, 7, 7), (8, 16, 20)], 5)
    found = run(name, picture(true), min_size=20, **({"h": 2} if name == "watershed" else {}))
    assert found.max() == 2
    assert min(iou(found, true, number) for number in (1, 2)) > 0.7


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_a_constant_image_has_no_objects(name, value):
    found = run(name, np.full((2, 20, 30), value))
    assert found.shape == (20, 30)
    assert found.dtype == np.uint32
    assert not found.any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("image", [[[0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
def test_what_smoothing_makes_constant_has_no_objects(name, image):
    assert not run(name, np.array([image]), sigma=8.0).any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gain", [2.0**-100, 2.0**900])
def test_no_gain_changes_the_objects(name, gain):
    image = picture(APART)
    found = run(name, image)
    assert found.any()
    np.testing.assert_array_equal(run(name, image * gain), found)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_without_pixels_has_no_objects(name):
    assert run(name, np.zeros((1, 0, 12))).shape == (0, 12)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_again(name):
    image = picture(APART, noise=15.0)
    before = image.copy()
    first = run(name, image)
    np.testing.assert_array_equal(first, run(name, image))
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", NAMES)
def test_gain_and_offset_do_not_matter(name):
    # of integers, so that every image holds the same numbers
    image = np.rint(picture(APART)).astype(np.uint16)
    expected = run(name, image, min_size=20)
    np.testing.assert_array_equal(run(name, image * 256, min_size=20), expected)
    np.testing.assert_array_equal(run(name, image + 1e8, min_size=20), expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, bool])
def test_a_channel_of_integers(name, dtype):
    # 80 above the background; as int16 further apart than an int16 reaches
    low, high = {np.uint8: (20, 100), np.int16: (-30_000, 30_000), bool: (0, 1)}[dtype]
    image = np.full((3, *APART.shape), low, dtype)
    image[1][APART > 0] = high
    found = run(name, image, channel=1, min_size=20)
    assert found.max() == 3
    assert min(iou(found, APART, number) for number in (1, 2, 3)) > 0.8
    assert not run(name, image, channel=0).any()


def test_unknown_method_and_parameters():
    with pytest.raises(SeptumError, match="did you mean 'watershed'"):
        run("waterhsed", np.zeros((1, 4, 4)))
    with pytest.raises(SeptumError) as caught:
        create_method("watershed", {"sgima": 1, "level": 3}, where="experiments.w.options")
    problems = {problem.where: problem for problem in caught.value.problems}
    assert problems["experiments.w.options.sgima"].remedy == "did you mean 'sigma'?"
    assert "less than 1" in str(problems["experiments.w.options.level"])


@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_the_grid_is_legal_and_starts_with_the_start(name):
    grid = parameter_grid(name, edge=7.3, pixels=41.5, channels=3)
    assert grid["channel"] == (None, 0, 1, 2)
    assert grid["polarity"] == ("bright", "dark")
    assert grid["min_size"] == (5, 0, 3, 10, 21)
    assert "channel" not in parameter_grid(name)
    for key, values in grid.items():
        for value in values:
            assert getattr(create_method(name, {key: value}), key) == value
    fields = set(type(create_method(name, {})).model_fields)
    assert fields - set(grid) == ({"data", "overlap"} if name == "cpmc" else set())
