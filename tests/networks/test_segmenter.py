"""The contract: losses and predictions of wrapped networks, and the one place they are made."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from septum.errors import SeptumError
from septum.losses.logits import dice_loss, weighted_cross_entropy
from septum.networks.blocks import Network
from septum.networks.segmenter import LogitsSegmenter, Segmenter, build_segmenter


class Crop(Network):
    """A valid network without weights: its logits are the image's channels, cropped."""

    def __init__(self, margin):
        super().__init__()
        self.margin = margin
        self.scale = nn.Parameter(torch.ones(()))

    def legal_size(self, size):
        return tuple(max(s, 2 * self.margin + 1) for s in size)

    def forward(self, images):
        inner = (slice(self.margin, s - self.margin) for s in images.shape[2:])
        return self.scale * images[(..., *inner)]


def _build(options=None, **changes):
    settings = {"spatial_dims": 2, "in_channels": 1, "n_classes": 1} | changes
    return build_segmenter("unet", {"width": 4, "depth": 1} | (options or {}), **settings)


@pytest.mark.parametrize("size", [(9, 12), (9, 12, 11)])
def test_targets_are_cropped_to_the_output_s_centre(size):
    torch.manual_seed(0)
    images = torch.randn(2, 3, *size)
    classes = torch.randint(-1, 3, (2, *size))
    weights = torch.rand(2, *size)
    inner = (..., *(slice(3, s - 3) for s in size))
    segmenter = LogitsSegmenter(Crop(3), cross_entropy=0.5, dice=2.0)
    found = segmenter.losses(images, {"classes": classes, "weights": weights})
    assert set(found) == {"cross_entropy", "dice"}
    expected = weighted_cross_entropy(images[inner], classes[inner], weights[inner])
    torch.testing.assert_close(found["cross_entropy"], 0.5 * expected)
    torch.testing.assert_close(found["dice"], 2 * dice_loss(images[inner], classes[inner]))


def test_weights_are_optional_and_matter():
    torch.manual_seed(0)
    segmenter = LogitsSegmenter(Crop(0))
    images, classes = torch.randn(1, 2, 8, 8), torch.randint(0, 2, (1, 8, 8))
    plain = segmenter.losses(images, {"classes": classes})["cross_entropy"]
    ones = {"classes": classes, "weights": torch.ones(1, 8, 8)}
    torch.testing.assert_close(segmenter.losses(images, ones)["cross_entropy"], plain)
    threes = {"classes": classes, "weights": torch.full((1, 8, 8), 3.0)}
    torch.testing.assert_close(segmenter.losses(images, threes)["cross_entropy"], 3 * plain)


@pytest.mark.parametrize(
    ("weights", "names"),
    [((1.0, 0.0), {"cross_entropy"}), ((0.0, 1.0), {"dice"}), ((1, 1), {"cross_entropy", "dice"})],
)
def test_losses_of_weight_zero_are_left_out(weights, names):
    segmenter = LogitsSegmenter(Crop(0), cross_entropy=weights[0], dice=weights[1])
    classes = torch.zeros(1, 4, 4, dtype=torch.int64)
    assert set(segmenter.losses(torch.randn(1, 2, 4, 4), {"classes": classes})) == names


class Twice(Crop):
    """Trains its logits, and with half the weight their double."""

    def training_logits(self, images):
        logits = self(images)
        return [(1.0, logits), (0.5, 2 * logits)]


def test_losses_are_summed_over_the_training_logits():
    torch.manual_seed(0)
    images, classes = torch.randn(2, 3, 8, 9), torch.randint(-1, 3, (2, 8, 9))
    weights = torch.rand(2, 8, 9)
    targets = {"classes": classes, "weights": weights}
    segmenter = LogitsSegmenter(Twice(0), cross_entropy=2.0, dice=0.3)
    found = segmenter.losses(images, targets)
    entropies = [weighted_cross_entropy(k * images, classes, weights) for k in (1, 2)]
    torch.testing.assert_close(found["cross_entropy"], 2 * (entropies[0] + 0.5 * entropies[1]))
    dices = [dice_loss(k * images, classes) for k in (1, 2)]
    torch.testing.assert_close(found["dice"], 0.3 * (dices[0] + 0.5 * dices[1]))
    # a validation judges what is predicted
    alone, _ = segmenter.validate(images, targets)
    torch.testing.assert_close(alone["cross_entropy"], 2 * entropies[0])


def test_predictions_are_probabilities():
    segmenter = LogitsSegmenter(Crop(1))
    images = torch.zeros(1, 2, 3, 4)
    images[0, 1, 1, 1] = 2.0
    found = segmenter.predict(images)
    foreground = 1 / (1 + torch.tensor(-2.0).exp())
    expected = torch.tensor([[[[1 - foreground, 0.5]], [[foreground, 0.5]]]])
    torch.testing.assert_close(found, expected)
    assert not found.requires_grad


def test_validation_gives_losses_and_prediction_from_one_forward_pass():
    torch.manual_seed(0)
    segmenter = LogitsSegmenter(Crop(2), cross_entropy=0.5, dice=2.0).eval()
    images, classes = torch.randn(2, 3, 9, 8), torch.randint(-1, 3, (2, 9, 8))
    targets = {"classes": classes, "weights": torch.rand(2, 9, 8)}
    passes = []
    segmenter.network.register_forward_hook(lambda *_: passes.append(1))
    losses, probabilities = segmenter.validate(images, targets)
    assert len(passes) == 1
    assert not any(part.requires_grad for part in (*losses.values(), probabilities))
    expected = segmenter.losses(images, targets)
    assert losses.keys() == expected.keys()
    assert all(torch.equal(losses[name], expected[name]) for name in expected)
    assert torch.equal(probabilities, segmenter.predict(images))


def test_a_network_of_two_passes_is_validated_by_both():
    class Two(Segmenter):
        margin = 0

        def legal_size(self, size):
            return tuple(size)

        def losses(self, images, targets):
            return {"mean": images.mean() + targets["classes"].sum()}

        def predict(self, images):
            return images / 2

    losses, probabilities = Two().validate(
        torch.full((1, 1, 2, 2), 4.0), {"classes": torch.ones(3)}
    )
    assert float(losses["mean"]) == 7
    assert probabilities.flatten().tolist() == [2.0] * 4


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_mixed_precision(spatial_dims, padded):
    segmenter = _build({"padded": padded}, spatial_dims=spatial_dims, dice=1.0).eval()
    size = segmenter.legal_size([20] * spatial_dims)
    torch.manual_seed(0)
    images, targets = torch.randn(2, 1, *size), {"classes": torch.randint(0, 2, (2, *size))}
    exact = segmenter.losses(images, targets)
    with torch.autocast("cpu", torch.bfloat16):
        losses = segmenter.losses(images, targets)
        probabilities = segmenter.predict(images)
    for name, loss in losses.items():
        assert loss.dtype == torch.float32
        torch.testing.assert_close(loss, exact[name], rtol=0.03, atol=0.01)
    assert probabilities.dtype == torch.float32
    sums = probabilities.sum(1)
    torch.testing.assert_close(sums, torch.ones_like(sums), rtol=0, atol=1e-6)
    assert sums.shape[1:] == tuple(s - 2 * segmenter.margin for s in size)


def test_training_steps_repeat_bit_for_bit():
    def steps():
        segmenter = _build({"padded": True, "norm": "batch"}, cross_entropy=1.0, dice=1.0, seed=4)
        optimizer = torch.optim.AdamW(segmenter.parameters(), lr=0.01)
        torch.manual_seed(7)  # of dropout
        for _ in range(3):
            images, classes = torch.randn(2, 1, 16, 16), torch.randint(-1, 2, (2, 16, 16))
            optimizer.zero_grad()
            sum(segmenter.losses(images, {"classes": classes}).values()).backward()
            optimizer.step()
        return segmenter.state_dict()

    first, second = steps(), steps()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_initial_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = _build(seed=3).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second, other = _build(seed=3).state_dict(), _build(seed=4).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["network.logits.weight"], other["network.logits.weight"])


def test_channels_follow_head_and_classes():
    for (head, extra), n_classes in itertools.product([("semantic", 1), ("border", 2)], [1, 3]):
        segmenter = _build(in_channels=2, n_classes=n_classes, head=head)
        found = segmenter.predict(torch.zeros(1, 2, *segmenter.legal_size((20, 20))))
        assert found.shape[1] == n_classes + extra


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"head": "bordr"}, "semantic, border"), ({"options": {"widht": 1}}, "did you mean 'width'")],
)
def test_what_does_not_exist_is_refused(changes, message):
    with pytest.raises(SeptumError, match=message):
        _build(**changes)
