"""Where the time of Mask R-CNN's inference goes, and how it grows with the number of objects.

Tiled inference as `septum predict` has it, of a small network: pyramid (backbone and FPN),
proposals (RPN and its suppression), box head, mask head, pasting of masks, joining of tiles,
resolving of overlaps. Each stage is timed at N and at 4 N objects in an image of 512², then at
4 N in 1024²; the ratio of the times is printed, and flagged above 6 (a stage that is quadratic
in the number of objects has 16). Joining and resolving, which need no network, also at 1,600 and
6,400 objects in 448².

The network is not trained. Its layers do their work, and then what they say of anchors and of
proposals is replaced by what a trained network would: that there is an object, where it is, and
that it is a disc. Channels 1 and 2 of the image are the places of its pixels, from which it is
known which tile is looked at. All objects must be found, once each.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import torch
from scipy.spatial import cKDTree
from timing import seconds, wait
from torch import Tensor

import septum.decoding.scene
import septum.inference.detect_tiled
import septum.networks.detection.rpn
from septum.config.schema import ClassSpec
from septum.decoding.objects import Detection, to_label_map
from septum.decoding.parameters import Decoder
from septum.decoding.scene import Scene, decode_scene
from septum.inference.detect_tiled import detect_tiled
from septum.inference.merge_tiles import Tile, merge_tiles
from septum.networks import mask_rcnn
from septum.networks.create import create_network
from septum.networks.detection.anchors import anchors
from septum.networks.detection.boxes import encode

TILE, OVERLAP, DIAMETER = 256, 0.25, 10.0
# pixels and objects along an axis: N, 4 N as dense again, 4 N as dense
SCENES = {"N": (512, 16), "4N": (512, 32), "4N, 1024²": (1024, 32)}
OPTIONS = {"backbone": "resnet18", "width": 0.125, "anchor_sizes": (8.0, 16.0)}
ROUNDS = 2
LIMIT = 6
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
DECODER = Decoder(
    method="objects",
    parameters={"threshold": 0.5, "mask_threshold": 0.5, "overlap": 0.5, "min_size": 0},
)
STAGES = ("pyramid", "proposals", "box head", "mask head", "pasting", "joining", "resolving")


class Watch:
    """Adds up the seconds of stages."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = defaultdict(float)

    def timed(self, stage: str, call: Callable) -> Callable:
        """Return the call, its time added to a stage's."""

        def run_it(*args: Any, **options: Any) -> Any:
            wait()
            start = time.perf_counter()
            result = call(*args, **options)
            wait()
            self.taken[stage] += time.perf_counter() - start
            return result

        return run_it


class Oracle:
    """Says of anchors and proposals what a trained network would.

    What it says of a tile is kept, so that it costs nothing where time is taken.
    """

    def __init__(self, network: mask_rcnn.MaskRCNN, centres: np.ndarray) -> None:
        self.network, self.centres = network, centres
        self.known: dict[tuple, Any] = {}
        self.tile = (0, 0)
        self.level = 0
        self.proposals = torch.zeros(0, 4)
        self.hooks = [
            network.body.register_forward_pre_hook(self.look),
            network.rpn.cls_logits.register_forward_hook(self.objectness),
            network.rpn.bbox_pred.register_forward_hook(self.shifts),
            network.rpn.register_forward_hook(self.note),
            network.box_head.register_forward_hook(self.boxes),
            network.mask_head.register_forward_hook(self.masks),
        ]

    def look(self, _: Any, inputs: tuple) -> None:
        """Note which tile this is."""
        self.tile, self.level = tuple(inputs[0][0, 1:, 0, 0].long().tolist()), 0

    def objectness(self, _: Any, __: Any, output: Tensor) -> Tensor:
        """Return logits (1, shapes, *features): above 0 near an object."""
        return self.of_anchors(output)[0]

    def shifts(self, _: Any, __: Any, output: Tensor) -> Tensor:
        """Return the codes (1, shapes * 4, *features) of the nearest object, about."""
        found = self.of_anchors(output)[1]
        self.level += 1
        return found

    def of_anchors(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits and the codes of this level, in the layout of the layers' output."""
        key = ("anchors", self.tile, self.level)
        if key not in self.known:
            rpn, spatial = self.network.rpn, output.shape[2:]
            stride, size = rpn.strides[self.level], rpn.sizes[self.level]
            places = anchors(spatial, stride, size, **rpn.shapes, device=torch.device("cpu"))
            distance, nearest, random = self.nearest(places)
            logits = 5 - distance + torch.randn(len(places), generator=random)
            codes = encode(nearest, places, septum.networks.detection.rpn.BOX_CODE_WEIGHTS)
            codes += 0.05 * torch.randn(codes.shape, generator=random)
            self.known[key] = tuple(
                x.reshape(1, *spatial, -1).movedim(-1, 1).contiguous().to(output)
                for x in (logits, codes)
            )
        return self.known[key]

    def note(self, _: Any, __: Any, output: septum.networks.detection.rpn.Proposals) -> None:
        """Note the proposals, which the box head is not told."""
        (self.proposals,) = output.boxes

    def boxes(self, _: Any, __: Any, output: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return logits and codes: an object's box where the proposal is near it."""
        key = ("boxes", self.tile)
        if key not in self.known:
            distance, nearest, random = self.nearest(self.proposals.cpu())
            logits = torch.zeros(len(distance), 2)
            logits[:, 1] = 8 * (distance < DIAMETER / 4) - 4
            logits[:, 1] += torch.rand(len(distance), generator=random)
            codes = encode(nearest, self.proposals.cpu(), mask_rcnn.BOX_CODE_WEIGHTS)
            codes = codes[:, None].expand(-1, 2, -1)
            self.known[key] = tuple(x.to(output[0]) for x in (logits, codes))
        return self.known[key]

    def masks(self, _: Any, __: Any, output: Tensor) -> Tensor:
        """Return the logits of a disc."""
        bins = (torch.arange(output.shape[-1], device=output.device) + 0.5) / output.shape[-1]
        disc = 0.25 - (bins[:, None] - 0.5) ** 2 - (bins - 0.5) ** 2
        return (100 * disc).to(output).expand_as(output)

    def nearest(self, boxes: Tensor) -> tuple[Tensor, Tensor, torch.Generator]:
        """Return the distance to the nearest object, its box, and a source of noise."""
        seed = abs(hash((self.tile, self.level, len(boxes))))
        centres = self.centres - np.array(self.tile)
        distance, which = cKDTree(centres).query((boxes[:, :2] + boxes[:, 2:]).numpy() / 2)
        at = torch.from_numpy(centres[which]).float()
        # an object that the tile cuts is what is left of it
        box = torch.cat([at - DIAMETER / 2, at + DIAMETER / 2], dim=1).clamp(0, TILE)
        outside = (box[:, 2:] - box[:, :2] < 1).any(dim=1)
        distance = torch.from_numpy(distance).float()
        distance[outside] = TILE
        box[outside] = boxes[outside]
        return distance, box, torch.Generator().manual_seed(seed)


@contextmanager
def watched(network: mask_rcnn.MaskRCNN, watch: Watch) -> Iterator[None]:
    """Time the stages of inference while this lasts."""
    pool = network._pool

    def pooled(pyramid: Any, boxes: Any, bins: Any) -> Tensor:
        stage = "mask head" if bins is mask_rcnn.MASK_BINS else "box head"
        return watch.timed(stage, pool)(pyramid, boxes, bins)

    stages = {
        (network, "pyramid"): "pyramid",
        (network.rpn, "forward"): "proposals",
        (network.box_head, "forward"): "box head",
        (network, "_select"): "box head",
        (network.mask_head, "forward"): "mask head",
        (septum.inference.detect_tiled, "to_detections"): "pasting",
        (septum.inference.detect_tiled, "merge_tiles"): "joining",
        (septum.decoding.scene, "to_label_map"): "resolving",
    }
    with mock.patch.object(network, "_pool", pooled):
        patches = [
            mock.patch.object(owner, name, watch.timed(stage, getattr(owner, name)))
            for (owner, name), stage in stages.items()
        ]
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in patches:
                patch.stop()


def times(size: int, side: int) -> tuple[dict[str, float], int]:
    """Return the seconds of each stage for an image of so many objects; and their number."""
    torch.manual_seed(0)
    detector = create_network("mask_rcnn", 2, 3, 2, **OPTIONS).detector().to(DEVICE).eval()
    pitch = size / side
    centres = (np.indices((side, side)).reshape(2, -1).T + 0.5) * pitch
    centres += np.random.default_rng(0).uniform(-0.1, 0.1, centres.shape) * (pitch - DIAMETER)
    image = np.concatenate([np.zeros((1, size, size)), np.indices((size, size))]).astype(np.float32)
    Oracle(detector.network, centres)
    classes = {1: ClassSpec(name="object")}
    best: dict[str, float] = {}
    for attempt in range(1 + ROUNDS):
        watch = Watch()
        with watched(detector.network, watch):
            (found,) = detect_tiled(
                detector, image, tile=(TILE, TILE), overlap=OVERLAP, batch=1, device=DEVICE
            )
            _, _, scores = decode_scene(Scene(found), (size, size), classes, DECODER)
        if len(scores) != side**2 or len(found) != side**2:
            raise AssertionError(f"finds {len(found)}, {len(scores)} of {side**2} objects")
        if attempt:  # in the first, all that is said of tiles was made
            best = {s: min(t, best.get(s, t)) for s, t in watch.taken.items()}
    return best, side**2


def crowded(side: int) -> list[Tile]:
    """Return four tiles of 448² and the discs of 4 pixels in them, ``side`` along each axis."""
    disc = np.hypot(*(np.indices((4, 4)) - 1.5)) <= 2
    places = (np.indices((side, side)).reshape(2, -1).T * (448 / side)).astype(int)
    tiles = []
    for start in itertools.product((0, 448 - TILE), repeat=2):
        stop, found = tuple(a + TILE for a in start), []
        for n, place in enumerate(places):
            low, high = np.maximum(place, start), np.minimum(place + 4, stop)
            if (low < high).all():
                part = tuple(slice(a, b) for a, b in zip(low - place, high - place, strict=True))
                corner = tuple(low.tolist())
                found.append(Detection(corner, disc[part], 1 - n / len(places), 1))
        tiles.append(Tile(start, stop, found))
    return tiles


def without_network(few: int, many: int) -> list[dict]:
    """Time joining and resolving of so many objects along an axis."""
    times = []
    for side in (few, many):
        tiles = crowded(side)
        joined = merge_tiles(tiles, (448, 448))
        if len(to_label_map(joined, (448, 448), threshold=0)[1]) != side**2:
            raise AssertionError(f"{side**2} objects are {len(joined)} joined")
        times.append(
            seconds(
                lambda tiles=tiles: merge_tiles(tiles, (448, 448)),
                lambda joined=joined: to_label_map(joined, (448, 448), threshold=0),
            )
        )
    return [
        {
            "name": f"{stage} alone, {many**2} / {few**2} in 448²",
            "ours_s": long,
            "peer_s": short,
            "ratio": long / short,
            "target": LIMIT,
        }
        for stage, short, long in zip(("joining", "resolving"), *times, strict=True)
    ]


def run() -> list[dict]:
    taken = {name: times(*scene) for name, scene in SCENES.items()}
    few, objects = taken["N"]
    total = sum(few.values())
    rows = []
    for name, (many, count) in list(taken.items())[1:]:
        size = SCENES[name][0]
        rows += [
            {
                "name": f"{stage}, {count} in {size}² / {objects} in 512²",
                "ours_s": many[stage],
                "peer_s": few[stage],
                "ratio": many[stage] / few[stage],
                "target": LIMIT,
                "note": f"{many[stage] / sum(many.values()):.0%} of the time "
                f"({few[stage] / total:.0%})",
            }
            for stage in STAGES
        ]
    return rows + without_network(40, 80)
