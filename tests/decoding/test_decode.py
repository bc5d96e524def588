"""Decoding gives back the objects that training took apart."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from decoders import decode
from every_head import HEADS
from hypothesis import given, settings
from hypothesis import strategies as st
from perfect_maps import ONE, foreground, instances, perfect
from shapes import balls

from septum.config.schema import ClassSpec
from septum.metrics.panoptic import panoptic_quality


@st.composite
def tessellations(draw):
    """Boxes that fill the image and all touch, numbered in raster order."""
    ndim = draw(st.integers(1, 3))
    labels = np.zeros([1] * ndim, int)
    for axis in range(ndim):
        sizes = draw(st.lists(st.integers(4, 7), min_size=1, max_size=3))
        index = np.repeat(np.arange(len(sizes)), sizes)
        shape = [1] * ndim
        shape[axis] = -1
        labels = labels * len(sizes) + index.reshape(shape)
    return labels + 1


@settings(max_examples=40, deadline=None)
@given(
    truth=tessellations(),
    head=st.sampled_from(["semantic", "border"]),
    method=st.sampled_from(["components", "watershed"]),
)
def test_touching_boxes_come_back_exactly(truth, head, method):
    np.testing.assert_array_equal(instances(perfect(head, truth), head, method), truth)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    head=st.sampled_from(["semantic", "border"]),
    method=st.sampled_from(["components", "watershed"]),
    threshold=st.floats(0.2, 0.8),
    seed_threshold=st.floats(0.2, 0.95),
    min_size=st.integers(0, 9),
)
def test_instances_lie_in_the_foreground_and_keep_their_size(
    seed, head, method, threshold, seed_threshold, min_size
):
    random = np.random.default_rng(seed)
    scores = random.random((HEADS[head].channels(1), 9, 11)).astype(np.float32) ** 3
    probabilities = scores / scores.sum(0)
    options = {"threshold": threshold, "seed_threshold": seed_threshold, "min_size": min_size}
    instance = instances(probabilities, head, method, **options)
    ids, sizes = np.unique(instance[instance > 0], return_counts=True)
    assert ids.tolist() == list(range(1, len(ids) + 1))
    assert (sizes >= max(1, min_size)).all()
    body = 1 - probabilities[0] > threshold
    # the semantic head also fills the one-pixel gaps between instances
    outside = (instance > 0) & ~body
    assert head == "semantic" or not outside.any()
    for y, x in zip(*np.nonzero(outside), strict=True):
        around = instance[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
        assert (around > 0).any()


def test_classes_by_ascending_id_and_apart_from_each_other():
    classes = {7: ClassSpec(name="a"), 3: ClassSpec(name="b")}
    semantic = np.array([[0, 3, 3, 3, 7, 7, 7, 0]] * 5)
    instance = np.array([[0, 1, 1, 1, 2, 2, 2, 0]] * 5)
    for head in ("semantic", "border"):
        probabilities = perfect(head, instance, classes, semantic)
        for method in ("components", "watershed"):
            found = decode(
                probabilities,
                head=head,
                classes=classes,
                annotation="instance",
                method=method,
                seed_threshold=0.6,
            )
            np.testing.assert_array_equal(found[0], semantic)
            np.testing.assert_array_equal(found[1], instance)


def test_panoptic_paints_things_over_stuff():
    classes = {
        1: ClassSpec(name="matrix", kind="stuff"),
        2: ClassSpec(name="axon"),
        5: ClassSpec(name="myelin", kind="stuff"),
    }
    #             background, matrix, axon, myelin
    columns = [
        (0.7, 0.1, 0.1, 0.1),  # background
        (0.1, 0.6, 0.2, 0.1),  # matrix
        (0.1, 0.2, 0.6, 0.1),  # axon
        (0.1, 0.2, 0.4, 0.3),  # axon is likeliest, but not likely enough: the best of the rest
        (0.0, 0.1, 0.3, 0.6),  # myelin
    ]
    probabilities = np.repeat(np.array(columns, np.float32).T[:, None], 3, axis=1)
    semantic, instance = decode(
        probabilities, head="semantic", classes=classes, annotation="panoptic", threshold=0.5
    )
    assert semantic.tolist() == [[0, 1, 2, 5, 5]] * 3
    assert instance.tolist() == [[0, 0, 1, 0, 0]] * 3
    # an axon that is too small leaves its place to the stuff around
    semantic, instance = decode(
        probabilities, head="semantic", classes=classes, annotation="panoptic", min_size=4
    )
    assert semantic[0].tolist() == [0, 1, 1, 5, 5]
    assert instance.max() == 0


def test_semantic_annotation_takes_the_likeliest_class():
    classes = {4: ClassSpec(name="a", kind="stuff"), 2: ClassSpec(name="b", kind="stuff")}
    probabilities = np.array([[0.4, 0.2, 0.3], [0.3, 0.5, 0.3], [0.3, 0.3, 0.4]])
    semantic, instance = decode(
        probabilities,
        head="semantic",
        classes=classes,
        annotation="semantic",
        method="argmax",
        threshold=None,
        min_size=None,
    )
    assert semantic.tolist() == [0, 2, 4]
    assert semantic.dtype == np.uint16
    assert instance is None


def test_wrong_number_of_channels_is_refused():
    with pytest.raises(ValueError, match="2 channels, the border head has 3"):
        decode(np.zeros((2, 4, 4)), head="border", classes=ONE, annotation="instance")


def test_no_object_at_all():
    assert instances(foreground(np.zeros((5, 5))), method="watershed").max() == 0


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "step", "min_size", "least"),
    [("dsb2018/fluo/labels", 25, 10, 0.97), ("dichela/labels", 7, 2000, 0.99)],
)
@pytest.mark.parametrize("head", ["semantic", "border"])
@pytest.mark.parametrize("method", ["components", "watershed"])
def test_real_objects_survive_the_round_trip(
    real_data, folder, step, min_size, least, head, method
):
    qualities = []
    for path in sorted((real_data / folder).iterdir())[::step]:
        truth = tifffile.imread(path).astype(np.int64)
        found = instances(perfect(head, truth), head, method, min_size=min_size)
        qualities.append(panoptic_quality(truth, found).pq)
    assert len(qualities) >= 4
    assert np.mean(qualities) > least


# ---- what is regressed


@pytest.mark.parametrize(
    ("head", "method"), [("distance", "watershed"), ("stardist", "stars"), ("flows", "flows")]
)
@pytest.mark.parametrize("shape", [(40, 60), (20, 24, 44)])
def test_touching_objects_of_two_classes_come_back_from_regressed_maps(head, method, shape):
    classes = {7: ClassSpec(name="a"), 3: ClassSpec(name="b")}
    middle = [n // 2 for n in shape[:-1]]
    instance = balls(shape, [[*middle, 12], [*middle, 29]], radius=9)
    semantic = np.choose(instance, [0, 3, 7])
    maps = HEADS[head].regression.target(instance, (1.0,) * len(shape))
    known = perfect(head, instance, classes, semantic)
    found = decode(
        np.concatenate([known, maps]),
        head=head,
        classes=classes,
        annotation="instance",
        method=method,
        threshold=0.5,
        seed_threshold=0.6,
    )
    np.testing.assert_array_equal(found[1] > 0, instance > 0)
    for number in (1, 2):
        ids, counts = np.unique(found[1][instance == number], return_counts=True)
        assert counts.max() / counts.sum() > 0.97
        main = found[1] == ids[counts.argmax()]
        assert set(np.unique(found[0][main])) == {3 if number == 1 else 7}


@pytest.mark.parametrize(
    ("head", "method"), [("distance", "watershed"), ("stardist", "stars"), ("flows", "flows")]
)
def test_regressed_maps_without_an_object_give_none(head, method):
    maps = np.zeros((HEADS[head].outputs(1, 2), 12, 13), np.float32)
    maps[0] = 1
    semantic, instance = decode(
        maps,
        head=head,
        classes={1: ClassSpec(name="a")},
        annotation="instance",
        method=method,
        seed_threshold=0.5,
    )
    assert not semantic.any()
    assert not instance.any()
