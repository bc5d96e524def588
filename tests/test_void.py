"""Void: pixels of which nobody knows what they are count in no loss, no tuning and no score."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from every_head import HEADS

from septum.augmentation.elastic import ElasticDeformation
from septum.config.schema import ClassSpec, Decode, Evaluate, NoScaling
from septum.data.plan import PlannedWeights
from septum.data.store import VOID, Case, Geometry, read_case, write_case
from septum.data.store_attributes import IntensityStatistics
from septum.losses.logits import IGNORE
from septum.metrics.case import evaluate_case
from septum.metrics.coco import coco_precision
from septum.networks.blocks import Network
from septum.networks.detection.matching import BACKGROUND, IGNORED, covered_share, match
from septum.networks.detection.targets import detection_targets, mask_targets
from septum.networks.segmenter import build_segmenter
from septum.stages.plan.case_facts import measure
from septum.stages.train.cases import TrainingCase, WindowedTarget
from septum.stages.train.crop import cut
from septum.stages.train.foreground import find_foreground
from septum.stages.tune.baseline_parameters import Sample, best_parameters
from septum.stages.tune.decoder import best_decoder
from septum.stages.weights.stage import case_weight_map

THINGS = {1: ClassSpec(name="cell"), 2: ClassSpec(name="matrix", kind="stuff")}
SEMANTIC = np.zeros((16, 16), np.uint16)
SEMANTIC[2:7, 2:7] = 1
SEMANTIC[2:7, 9:14] = 1
SEMANTIC[10:] = 2
SEMANTIC[5:9, 8:16] = VOID  # cuts into the second cell
INSTANCE = np.zeros((16, 16), np.uint32)
INSTANCE[2:7, 2:7] = 1
INSTANCE[2:5, 9:14] = 2
HIDDEN = SEMANTIC == VOID


def case(semantic=SEMANTIC, instance=INSTANCE) -> Case:
    image = np.arange(256, dtype=np.float32).reshape(1, 16, 16)
    statistics = IntensityStatistics({}, mean=[1.0], std=[1.0])
    return Case("a", image, semantic, instance, Geometry((1.0, 1.0)), statistics)


# ---- what is stored, measured and drawn


def test_void_is_stored_in_the_class_map(tmp_path):
    write_case(tmp_path / "a.zarr", case())
    found = read_case(tmp_path / "a.zarr")
    np.testing.assert_array_equal(found.void, HIDDEN)
    assert case(np.where(HIDDEN, 0, SEMANTIC)).void is None


def test_facts_count_no_void():
    facts = measure(case(), sample=10_000)
    assert facts.class_pixels == {0: 256 - 96 - 32 - 40, 1: 40, 2: 96}
    assert facts.object_pixels.tolist() == [25, 15]
    values = set(facts.foreground.ravel().tolist())
    assert values == set(np.flatnonzero((SEMANTIC > 0) & ~HIDDEN).tolist())
    assert not measure(case(np.full_like(SEMANTIC, VOID), INSTANCE * 0)).annotated


def test_no_patch_is_centred_on_void():
    found = find_foreground(SEMANTIC, INSTANCE, np.random.default_rng(0))
    assert found.classes.tolist() == [1, 1, 2]
    assert not HIDDEN.ravel()[found.positions].any()


def test_elastic_copies_keep_void():
    deformation = ElasticDeformation(sigma=2.0, seed=3)
    _, (copy, objects, mask) = deformation(
        np.zeros((1, 16, 16), np.float32), [SEMANTIC, INSTANCE, HIDDEN.astype(np.uint8)]
    )
    np.testing.assert_array_equal(copy == VOID, mask > 0)
    assert (copy == VOID).any()
    assert not objects[copy == VOID].any()


def test_weight_maps_know_no_class_void():
    planned, border = PlannedWeights(5.0, {"0": 1, "2": 3}), {"mode": "paper", "w0": 10.0}
    weights = case_weight_map(case(), planned, **border)
    assert np.isfinite(weights).all()
    expected = case_weight_map(case(np.where(HIDDEN, 0, SEMANTIC)), planned, **border)
    np.testing.assert_array_equal(weights[~HIDDEN], expected[~HIDDEN])


@pytest.mark.parametrize("name", HEADS)
def test_targets_leave_void_out(name):
    head = HEADS[name]([1, 2])
    target = head.target(SEMANTIC, INSTANCE)
    np.testing.assert_array_equal(target == IGNORE, HIDDEN)
    # on disk or in memory, windowed or whole: a type that holds -1
    windowed = WindowedTarget(SEMANTIC, INSTANCE, head)
    np.testing.assert_array_equal(windowed[3:12, 5:15], target[3:12, 5:15])
    foreground = find_foreground(SEMANTIC, INSTANCE, np.random.default_rng(0))
    whole = windowed[:, :]
    given = TrainingCase(
        "a", case().image, whole, None, IntensityStatistics({}, [], []), foreground, INSTANCE
    )
    piece = cut(given, ((4, 4), (9, 9)), NoScaling())
    np.testing.assert_array_equal(piece["classes"] == IGNORE, HIDDEN[4:13, 4:13])
    assert not piece["instance"][HIDDEN[4:13, 4:13]].any()


# ---- losses


class Given(Network):
    """A network whose output is a parameter."""

    def __init__(self, outputs: torch.Tensor) -> None:
        super().__init__()
        self.outputs = torch.nn.Parameter(outputs)

    def forward(self, images):
        return self.outputs


@pytest.mark.parametrize("name", [name for name in HEADS if name != "detection"])
def test_no_loss_and_no_gradient_comes_from_void(name):
    from septum.networks.segmenter import LogitsSegmenter

    kind = HEADS[name]
    head = kind([1, 2])
    outputs = torch.randn(1, kind.outputs(2, 2), 16, 16, generator=torch.manual_seed(0))
    targets = {
        "classes": torch.from_numpy(head.target(SEMANTIC, INSTANCE)).long()[None],
        "weights": torch.rand(1, 16, 16),
    }
    if kind.regression is not None:
        maps = kind.regression.target(INSTANCE, (1.0, 1.0))
        targets["regression"] = torch.from_numpy(maps)[None]

    def losses(outputs):
        network = Given(outputs)
        segmenter = LogitsSegmenter(
            network, n_channels=kind.channels(2), regression=kind.regression, dice=1.0
        )
        found = segmenter.losses(torch.zeros(1, 1, 16, 16), targets)
        torch.stack(list(found.values())).sum().backward()
        return {key: value.item() for key, value in found.items()}, network.outputs.grad

    first, gradient = losses(outputs)
    hidden = torch.from_numpy(HIDDEN)
    assert not gradient[..., hidden].any()
    assert gradient[..., ~hidden].abs().sum() > 0
    other = torch.where(hidden, -7 * outputs, outputs)
    assert losses(other)[0] == first
    assert losses(torch.where(hidden, outputs, -7 * outputs))[0] != first


def test_an_object_is_not_made_of_void_and_its_masks_leave_it_out():
    classes = torch.tensor([[1, 1, -1, -1], [1, 1, 0, -1]])
    instance = torch.tensor([[5, 5, 0, 0], [5, 5, 0, 0]])
    found = detection_targets(instance, classes)
    assert (found.boxes.tolist(), found.labels.tolist()) == ([[0, 0, 2, 2]], [1])
    assert found.void.tolist() == [[False, False, True, True], [False, False, False, True]]
    box = torch.tensor([[0.0, 0.0, 2.0, 4.0]])
    shares = mask_targets(found, box, torch.tensor([0]), 4)[0]
    # two bins a row, one a column
    assert shares.tolist() == [[1, 1, -1, -1]] * 2 + [[1, 1, 0, -1]] * 2


@pytest.mark.parametrize("axes", [2, 3])
def test_share_of_a_box_in_a_mask_is_counted(axes):
    random = np.random.default_rng(axes)
    mask = random.random((9,) * axes) < 0.4
    start = random.integers(0, 6, (20, axes))
    boxes = np.concatenate([start, start + random.integers(1, 6, (20, axes))], axis=1)
    expected = [
        mask[tuple(slice(a, b) for a, b in zip(box[:axes], box[axes:], strict=True))].mean()
        for box in boxes
    ]
    found = covered_share(torch.from_numpy(boxes).float(), torch.from_numpy(mask))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_a_box_mostly_on_void_is_no_background():
    void = torch.zeros(8, 8, dtype=torch.bool)
    void[:, 4:] = True
    objects = torch.tensor([[0.0, 4.0, 4.0, 8.0]])
    boxes = torch.tensor(
        [[0.0, 4.0, 4.0, 8.0], [4.0, 4.0, 8.0, 8.0], [4.0, 2.0, 8.0, 6.0], [4.0, 3.0, 8.0, 7.0]]
    )
    levels = {"above": 0.5, "below": 0.3}
    found = match(boxes, objects, **levels, void=void)
    # an object where it is known; wholly, half and three quarters void
    assert found.tolist() == [0, IGNORED, BACKGROUND, IGNORED]
    none = torch.zeros(0, 4)
    assert match(boxes, none, **levels, void=void).tolist() == [IGNORED] * 2 + [-1, IGNORED]
    assert match(boxes, objects, **levels).tolist() == [0, -1, -1, -1]


def test_a_detector_s_losses_do_not_know_what_lies_in_void(monkeypatch):
    segmenter = build_segmenter(
        "mask_rcnn",
        {"backbone": "resnet18", "width": 0.125, "anchor_sizes": (8.0, 16.0)},
        spatial_dims=2, in_channels=1, n_classes=1, head="detection",
    )  # fmt: skip
    size = (32, 32)
    classes, instance = np.zeros(size, np.int64), np.zeros(size, np.float32)
    classes[4:12, 4:12], instance[4:12, 4:12] = 1, 1
    classes[:, 16:] = IGNORE
    looked_at = []
    from septum.networks.detection import rpn

    draw = rpn.sample

    def remember(found, count, share):
        looked_at.append(draw(found, count, share))
        return looked_at[-1]

    monkeypatch.setattr(rpn, "sample", remember)
    targets = {
        "classes": torch.from_numpy(classes)[None],
        "regression": torch.from_numpy(instance)[None, None],
    }
    losses = segmenter.losses(torch.zeros(1, 1, *size), targets)
    assert all(torch.isfinite(loss) for loss in losses.values())
    ((positive, negative),) = looked_at
    from septum.networks.detection.anchors import anchors

    network = segmenter.network
    grids = [tuple(n // stride for n in size) for stride in network.strides]
    places = torch.cat(
        [
            anchors(grid, stride, extent, **network.rpn.shapes, device="cpu")
            for grid, stride, extent in zip(grids, network.strides, network.sizes, strict=True)
        ]
    )
    inside = covered_share(places, torch.from_numpy(classes == IGNORE)) > 0.5
    assert inside.any()
    assert not inside[negative].any()
    assert len(positive)


# ---- decoders and baselines, tuned on validation cases


def test_a_decoder_is_not_tuned_on_void():
    probabilities = np.zeros((2, 16, 16), np.float32)
    probabilities[1][INSTANCE > 0] = 0.9
    probabilities[1, 7:9, 12:16] = 0.9  # an object in void, apart from the others
    probabilities[0] = 1 - probabilities[1]
    settings = Decode(method="components", threshold=0.5, min_size=0)

    def score(semantic):
        given = {"head": "semantic", "classes": {1: THINGS[1]}, "annotation": "instance"}
        found = best_decoder(
            [(probabilities, semantic, INSTANCE)], settings=settings, min_size=0, **given
        )
        return found.score

    assert score(SEMANTIC) == 1.0
    assert score(np.where(HIDDEN, 0, SEMANTIC)) == pytest.approx(2 / 3)
    assert score(None) == pytest.approx(2 / 3)


@pytest.mark.parametrize("instances", [True, False])
def test_a_baseline_is_not_tuned_on_void(instances):
    true = np.zeros((32, 32), np.uint32)
    true[4:12, 4:12] = 1
    image = np.where(true > 0, 200.0, 10.0).astype(np.float32)
    image[20:28, 20:28] = 200.0
    void = np.zeros((32, 32), bool)
    void[18:, 18:] = True
    fixed = {"sigma": 0.0, "h": 1.0, "level": 0.5, "window": 0.0, "min_size": 0}
    fixed |= {"polarity": "bright"}

    def score(hidden):
        sample = Sample(image[None], true, (1.0, 1.0), instances, hidden)
        return best_parameters("watershed", [sample], fixed=fixed)["score"]

    assert score(void) == 1.0
    assert score(None) == 0.5


# ---- scores


def scored(pred, void=HIDDEN, true=(SEMANTIC, INSTANCE), **options):
    settings = Evaluate(**options)
    return evaluate_case(
        *true, *pred, classes=THINGS, spacing=(1.0, 1.0), settings=settings, void=void
    )


def a_prediction():
    """The first cell is missed by half, the second found and grown into void; one spurious."""
    semantic, instance = np.where(HIDDEN, 0, SEMANTIC), INSTANCE.copy()
    semantic[2:7, 2:5], instance[2:7, 2:5] = 0, 0
    semantic[5, 9:14], instance[5, 9:14] = 1, 2
    semantic[13:15, 2:4], instance[13:15, 2:4] = 1, 3
    return semantic, instance


def filled(kind, generator):
    """Return the prediction with something else in void."""
    semantic, instance = (a.copy() for a in a_prediction())
    if kind == "nothing":
        semantic[HIDDEN], instance[HIDDEN] = 0, 0
    elif kind == "the object beside it":
        semantic[HIDDEN], instance[HIDDEN] = 1, 2
    elif kind == "stuff":
        semantic[HIDDEN], instance[HIDDEN] = 2, 0
    else:
        semantic[HIDDEN] = 1
        instance[HIDDEN] = generator.integers(7, 12, HIDDEN.sum())
    return semantic, instance


KINDS = ("nothing", "the object beside it", "stuff", "objects of its own")


def plain(scores) -> dict:
    """Return every number of a case's scores, with COCO's AP of masks and boxes."""
    found = dict(scores.case)
    for row in scores.classes:
        found |= {f"{key} of {row['class']}": value for key, value in row.items()}
    for kind in ("mask", "box"):
        found[f"coco {kind}"] = float(coco_precision(scores.objects, kind).ap[0])
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_no_score_knows_what_is_predicted_in_void(kind):
    generator = np.random.default_rng(1)
    first, other = plain(scored(a_prediction())), plain(scored(filled(kind, generator)))
    assert first.keys() == other.keys()
    for key, value in first.items():
        assert other[key] == pytest.approx(value, nan_ok=True), key
    assert first["n_pred"] == 3  # objects that lie in void are none


def test_scores_do_know_it_where_nothing_is_void():
    true = np.where(HIDDEN, 0, SEMANTIC), INSTANCE
    generator = np.random.default_rng(1)
    plains = [plain(scored(filled(kind, generator), None, true)) for kind in KINDS]
    for one, other in itertools.pairwise(plains):
        assert one["pixel_accuracy"] != other["pixel_accuracy"] or one["pq"] != other["pq"]


def test_a_prediction_mostly_in_void_is_not_spurious():
    # row 5 is void from column 8 on, row 4 is not
    semantic, instance = np.zeros((16, 16), int), np.zeros((16, 16), int)
    semantic[4:6, 14:16] = 1
    instance[4:6, 14:16] = 1
    half = scored((semantic, instance)).case
    assert (half["fp"], half["spurious"], half["n_pred"]) == (1, 1, 1)
    semantic[6, 14], instance[6, 14] = 1, 1
    more = scored((semantic, instance)).case
    assert (more["fp"], more["spurious"], more["n_pred"]) == (0, 0, 0)
    assert (more["fn"], more["missed"]) == (2, 2)


def by_panopticapi_s_rules(true, pred, things):
    """Return {class: [iou_sum, tp, fp, fn]} by the rules of panopticapi's ``pq_compute``.

    Segment 0 of the truth is void; background is a segment that is in no list.
    """
    ground, void = 10**6, 0

    def panoptic(semantic, instance):
        ids, classes = np.full(semantic.shape, ground), {}
        for c in (1, 2):
            for i in np.unique(instance[semantic == c]) if c in things else [0]:
                inside = (semantic == c) & ((instance == i) | (c not in things))
                if inside.any() and (i > 0 or c not in things):
                    ids[inside] = 1000 * c + i
                    classes[1000 * c + i] = c
        ids[semantic == VOID] = void
        return ids, classes

    (gt, gt_classes), (dt, dt_classes) = panoptic(*true), panoptic(*pred)
    sums = {c: [0.0, 0, 0, 0] for c in (1, 2)}
    matched = set(), set()
    for g, gc in gt_classes.items():
        for d, dc in dt_classes.items():
            shared = ((gt == g) & (dt == d)).sum()
            hidden = ((gt == void) & (dt == d)).sum()
            union = (gt == g).sum() + (dt == d).sum() - shared - hidden
            if gc == dc and shared and shared / union > 0.5:
                sums[gc][0] += shared / union
                sums[gc][1] += 1
                matched[0].add(g)
                matched[1].add(d)
    for d, c in dt_classes.items():
        hidden = ((gt == void) & (dt == d)).sum()
        if d not in matched[1] and not hidden / (dt == d).sum() > 0.5:
            sums[c][2] += 1
    for g, c in gt_classes.items():
        sums[c][3] += g not in matched[0]
    return sums


@pytest.mark.parametrize("seed", range(12))
def test_quality_is_that_of_panopticapi_s_rules(seed):
    random = np.random.default_rng(seed)
    blocks = np.kron(np.arange(1, 37).reshape(6, 6), np.ones((4, 4), int))
    kinds = random.integers(0, 3, 37)
    true = [kinds[blocks].astype(np.uint16), np.where(kinds[blocks] == 1, blocks, 0)]
    pred = [np.roll(part, random.integers(0, 2, 2), (0, 1)) for part in true]
    swapped = np.kron(random.random((6, 6)) < 0.25, np.ones((4, 4), bool))
    pred[0] = np.where(swapped, random.integers(0, 3), pred[0])
    hidden = np.kron(random.random((8, 8)) < 0.3, np.ones((3, 3), bool))
    true = [np.where(hidden, VOID, true[0]), np.where(hidden, 0, true[1])]
    expected = by_panopticapi_s_rules(true, pred, [1])
    found = scored(pred, hidden, true, surface_distance=False)
    for row in found.classes:
        sums = [row[name] for name in ("iou_sum", "tp", "fp", "fn")]
        assert sums == pytest.approx(expected[row["class"]])
    assert sum(sums[1] for sums in expected.values()) > 0
    assert not math.isnan(found.case["pq"])
