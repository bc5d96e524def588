"""The drawn images: classes, colours, and no state that is shared."""

from __future__ import annotations

import numpy as np

from septum.datasets.demo_images import draw_nuclei, draw_tissue


def test_tissue_is_panoptic():
    image, labels = draw_tissue(np.random.default_rng(3))
    assert image.shape == (176, 176, 3)
    assert image.dtype == np.uint8
    classes, objects = labels // 1000, labels % 1000
    assert np.unique(classes).tolist() == [0, 1, 2, 3]
    assert not objects[classes != 1].any(), "stuff carries no object number"
    ids = np.unique(objects[classes == 1])
    assert ids.tolist() == list(range(1, len(ids) + 1))
    assert len(ids) > 40
    means = [image[classes == c].mean(axis=0) for c in (1, 2, 3)]
    assert means[0].mean() < means[1].mean() < means[2].mean(), "nuclei dark, lumen bright"
    assert means[1][1] < means[1][0], "the stroma is pink: green is what eosin absorbs"


def test_draws_do_not_touch_the_global_generator():
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    draw_nuclei(np.random.default_rng(0))
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002
