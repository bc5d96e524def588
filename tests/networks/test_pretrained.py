"""Published weights into our backbones: names, and kernels adapted."""

from __future__ import annotations

import functools

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from vgg_checkpoints import SMALL, features, vgg_checkpoint

from septum.errors import SeptumError
from septum.networks.create import create_network
from septum.networks.pretrained import load_pretrained, transfer
from septum.networks.resnet import ResNet
from septum.networks.vgg import VGG

# --- what fits as it is ------------------------------------------------------------------


def _zipped(state, path):
    torch.save(state, path)


def _legacy(state, path):  # the form of torchvision's own vgg16-397923af.pth
    torch.save(state, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(
    ("write", "suffix"), [(_zipped, "pth"), (_legacy, "pt"), (save_file, "safetensors")]
)
@pytest.mark.parametrize("norm", [False, True])
def test_a_backbone_takes_every_tensor(tmp_path, write, suffix, norm):
    state = vgg_checkpoint(norm=norm)
    write(state, tmp_path / f"weights.{suffix}")
    encoder = VGG(2, 3, norm=norm, width=SMALL)
    report = load_pretrained(encoder, str(tmp_path / f"weights.{suffix}"))
    ours = encoder.state_dict()
    assert ours.keys() == features(state).keys()
    assert all(torch.equal(ours[name], state[name]) for name in ours)
    assert set(report.taken) == set(ours)
    assert report.new == ()
    assert report.adapted == {}
    assert sorted(report.unused) == sorted(state.keys() - ours.keys())


def test_the_full_size_fits():
    # names and shapes as in torchvision's file, without its half a gigabyte
    with torch.device("meta"):
        network = create_network("fcn8s", 2, 3, 21)
    shapes = {name: tuple(t.shape) for name, t in network.state_dict().items()}
    assert shapes["backbone.features.28.weight"] == (512, 512, 3, 3)
    assert shapes["fc6.weight"] == (4096, 25088 // 49, 7, 7)
    assert shapes["fc7.weight"] == (4096, 4096, 1, 1)


def test_fcn_takes_the_fully_connected_layers(vgg16):
    path, state = vgg16
    network = create_network("fcn16s", 2, 3, 5, width=SMALL).eval()
    report = load_pretrained(network, path)
    new = ["score_fr", "upscore2", "score_pool4", "upscore"]
    assert {name.split(".")[0] for name in report.new} == set(new)
    assert set(report.unused) == {"classifier.6.weight", "classifier.6.bias"}
    assert set(report.adapted) == {"fc6.weight", "fc7.weight"}
    # at the centre of a 7 × 7 map (an image of 224 × 224) they are the fully connected layers
    with torch.no_grad():
        pool5 = network.backbone(torch.randn(2, 3, 224, 224))[-1]
        assert pool5.shape[2:] == (7, 7)
        x = network.fc7(network.fc6(pool5).relu())[:, :, 3, 3]
        flat = pool5.flatten(1)
        hidden = F.linear(flat, state["classifier.0.weight"], state["classifier.0.bias"]).relu()
        expected = F.linear(hidden, state["classifier.3.weight"], state["classifier.3.bias"])
    torch.testing.assert_close(x, expected, rtol=1e-4, atol=1e-5)


def test_fcn_takes_a_checkpoint_without_classifier(tmp_path):
    state = vgg_checkpoint(norm=True)
    save_file(features(state), tmp_path / "bn.safetensors")
    network = create_network("fcn8s", 2, 3, 2, width=SMALL, backbone="vgg16_bn")
    before = network.fc6.weight.clone()
    report = load_pretrained(network, tmp_path / "bn.safetensors")
    assert {"fc6.weight", "fc6.bias", "fc7.weight", "fc7.bias"} < set(report.new)
    assert torch.equal(network.fc6.weight, before)
    name = "features.40.weight"
    assert torch.equal(network.backbone.state_dict()[name], state[name])


def test_segnet_takes_its_encoder(tmp_path):
    state = vgg_checkpoint(norm=True)
    torch.save(state, tmp_path / "bn.pth")
    network = create_network("segnet", 2, 3, 2, width=SMALL)
    report = load_pretrained(network, tmp_path / "bn.pth")
    ours = network.state_dict()
    assert len(report.taken) == 13 * 7
    for name in features(state):
        assert torch.equal(ours[f"backbone.{name}"], state[name])
    assert {name.split(".")[0] for name in report.new} == {"decoder", "logits"}


def test_a_residual_network_without_its_classifier(tmp_path):
    with torch.random.fork_rng():
        state = ResNet(2, 3, layers=18, width=SMALL).state_dict()
    assert {"conv1.weight", "bn1.running_var", "layer2.0.downsample.1.bias"} < state.keys()
    # as torchvision's older files: no counters
    state = {k: torch.rand(v.shape) for k, v in state.items() if not k.endswith("tracked")}
    state |= {"fc.weight": torch.rand(1000, 32), "fc.bias": torch.rand(1000)}
    torch.save(state, tmp_path / "resnet18.pth")
    encoder = ResNet(2, 1, layers=18, width=SMALL)
    report = load_pretrained(encoder, tmp_path / "resnet18.pth")
    assert report.unused == ("fc.weight", "fc.bias")
    assert report.new == ()
    assert set(report.adapted) == {"conv1.weight"}
    ours = encoder.state_dict()
    for name in state.keys() - {"conv1.weight", "fc.weight", "fc.bias"}:
        assert torch.equal(ours[name], state[name])


# --- what is adapted ---------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_other_channels(vgg16, channels):
    path, state = vgg16
    rgb, other = VGG(2, 3, width=SMALL), VGG(2, channels, width=SMALL)
    assert load_pretrained(rgb, path).adapted == {}
    report = load_pretrained(other, path)
    assert list(report.adapted) == ["features.0.weight"]
    red, green, blue = state["features.0.weight"].unbind(1)
    for kernel in other.features[0].weight.unbind(1):
        torch.testing.assert_close(kernel, (red + green + blue) / channels)
    # an image whose channels are alike looks the same as before
    gray = torch.randn(1, 1, 40, 33)
    with torch.no_grad():
        expected = rgb(gray.expand(-1, 3, -1, -1))
        got = other(gray.expand(-1, channels, -1, -1))
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_two_dimensions_to_three(vgg16):
    path, state = vgg16
    flat, deep = VGG(2, 1, width=SMALL), VGG(3, 1, width=SMALL)
    load_pretrained(flat, path)
    report = load_pretrained(deep, path)
    assert len(report.adapted) == 13
    kernel = deep.features[28].weight
    assert kernel.shape == (32, 32, 3, 3, 3)
    for plane in kernel.unbind(2):
        torch.testing.assert_close(plane, state["features.28.weight"] / 3)
    image = torch.randn(1, 1, 32, 40)
    volume = image[:, :, None].expand(-1, -1, 80, -1, -1)
    with torch.no_grad():
        expected, got = flat(image)[2], deep(volume)[2]
    # away from the borders, where the padding is felt
    torch.testing.assert_close(got[:, :, 5], expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(got[:, :, 0], expected, rtol=1e-2)


def test_fully_connected_layers_in_three_dimensions(vgg16):
    path, state = vgg16
    network = create_network("fcn32s", 3, 4, 2, width=SMALL)
    report = load_pretrained(network, path)
    fc6 = network.fc6.weight
    assert fc6.shape == (256, 32, 7, 7, 7)
    expected = state["classifier.0.weight"].reshape(256, 32, 7, 7)
    torch.testing.assert_close(fc6.sum(2), expected)
    assert torch.equal(fc6[:, :, 0], fc6[:, :, 6])
    assert report.adapted["fc6.weight"] == (
        "made a convolution; repeated 7 times along the first axis, divided by 7"
    )
    assert report.adapted["backbone.features.0.weight"] == (
        "repeated 3 times along the first axis, divided by 3; "
        "summed over 3 channels, divided among 4"
    )
    # a sum over the plane's kernels and the image's channels is what it was
    first = network.backbone.features[0].weight
    torch.testing.assert_close(first.sum((1, 2)), state["features.0.weight"].sum(1))


def test_the_report_says_it_all(vgg16):
    text = str(load_pretrained(create_network("fcn32s", 2, 1, 2, width=SMALL), vgg16[0]))
    assert text == (
        "30 tensors taken; new: score_fr.weight, score_fr.bias, upscore.weight\n"
        "backbone.features.0.weight: summed over 3 channels, divided among 1\n"
        "fc6.weight: made a convolution\n"
        "fc7.weight: made a convolution\n"
        "not used: classifier.6.weight, classifier.6.bias"
    )


# --- what does not fit -------------------------------------------------------------------


def _rename(old, new):
    return lambda state: state.__setitem__(new, state.pop(old))


def _replace(name, tensor):
    return lambda state: state.__setitem__(name, tensor)


@pytest.mark.parametrize(
    ("edit", "messages"),
    [
        (
            _rename("features.5.bias", "features.6.bias"),
            ["2 of 27", "1 missing (features.5.bias)", "1 without a place (features.6.bias)"],
        ),
        (
            _replace("features.2.weight", torch.ones(4, 5, 3, 3)),
            ["1 of 26", "features.2.weight is 4×5×3×3 instead of 4×4×3×3"],
        ),
        (
            _replace("features.0.weight", torch.ones(6, 3, 3, 3)),
            ["1 of 26", "features.0.weight is 6×1×3×3 instead of 4×1×3×3"],
        ),
        (
            _replace("features.2.weight", torch.ones(4, 4, 3, 3, dtype=torch.int8)),
            ["1 of 26", "features.2.weight is torch.int8 instead of torch.float32"],
        ),
    ],
)
def test_misfits_are_named_and_counted(vgg16, edit, messages):
    path, state = vgg16
    edit(state)
    torch.save(state, path)
    encoder = VGG(2, 1, width=SMALL)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    with pytest.raises(SeptumError) as error:
        load_pretrained(encoder, path)
    for message in [str(path), *messages]:
        assert message in str(error.value)
    # nothing was changed, not even by what would have fitted
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize(
    ("network", "messages"),
    [
        # every tensor is narrower
        (
            functools.partial(VGG, 2, 3, width=1 / 8),
            ["26 of 26", "features.0.bias is 4 instead of 8", "and 22 more", "published ones"],
        ),
        # convolutions of vgg16 fall on normalisations of vgg16_bn, or between them
        (
            functools.partial(VGG, 2, 3, norm=True, width=SMALL),
            ["missing (features.1.bias, ", "without a place (features.12.bias, "],
        ),
        (
            functools.partial(ResNet, 2, 3, layers=18, width=SMALL),
            ["126 of 126", "100 missing (bn1.bias", "26 without a place (features.0.bias"],
        ),
        (
            functools.partial(create_network, "unet", 2, 1, 2, width=4, depth=1),
            ["42 of 42", "16 missing (contract.0.", "26 without a place (features.0.bias"],
        ),
        (
            functools.partial(create_network, "fcn32s", 2, 3, 2, width=1 / 8),
            ["30 of 30", "30 of another shape or type (backbone.features.0.bias is 4 instead of 8"],
        ),
    ],
)
def test_other_networks(vgg16, network, messages):
    with pytest.raises(SeptumError) as error:
        load_pretrained(network(), vgg16[0])
    for message in messages:
        assert message in str(error.value)


# --- stages ------------------------------------------------------------------------------


def test_fcn_in_stages():
    torch.manual_seed(0)
    options = {"width": SMALL, "dropout": 0.0}
    stages = [create_network(f"fcn{s}s", 2, 3, 4, **options) for s in (32, 16, 8)]
    for parameter in stages[0].parameters():
        nn.init.normal_(parameter)  # "trained"
    first = transfer(stages[1], stages[0].state_dict())
    names = ["score_pool4.weight", "score_pool4.bias", "upscore2.weight", "upscore.weight"]
    assert sorted(first.new) == sorted(names)
    assert first.unused == ("upscore.weight",)
    nn.init.normal_(stages[1].score_pool4.weight)
    second = transfer(stages[2], stages[1].state_dict())
    names = ["score_pool3.weight", "score_pool3.bias", "upscore_pool4.weight", "upscore.weight"]
    assert sorted(second.new) == sorted(names)
    assert len(first.taken) == 32
    assert len(second.taken) == 35
    ours = stages[2].state_dict()
    for name in ("backbone.features.28.weight", "fc6.weight", "score_fr.weight"):
        assert torch.equal(ours[name], stages[0].state_dict()[name])
    for name in ("score_pool4.weight", "upscore2.weight"):
        assert torch.equal(ours[name], stages[1].state_dict()[name])
    # the new skip changes nothing yet
    assert not ours["score_pool3.weight"].any()


def test_other_classes_start_new():
    old = create_network("segnet", 2, 1, 3, width=SMALL)
    new = create_network("segnet", 2, 1, 5, width=SMALL)
    report = transfer(new, old.state_dict())
    assert report.new == report.unused == ("logits.weight", "logits.bias")
    assert torch.equal(new.decoder[4][0].weight, old.decoder[4][0].weight)
    # a copy: the old network may be trained on
    with torch.no_grad():
        old.decoder[4][0].weight.zero_()
    assert new.decoder[4][0].weight.any()


def test_a_transfer_of_nothing_is_an_error():
    narrow = create_network("fcn32s", 2, 1, 2, width=SMALL)
    wide = create_network("fcn32s", 2, 1, 3, width=1 / 8)
    with pytest.raises(SeptumError, match="33 of 33 tensors do not fit FCN32s by name and shape"):
        transfer(wide, narrow.state_dict())


def test_another_width_is_an_error_whatever_fits_by_chance():
    narrow = create_network("unet", 2, 1, 2, width=4, depth=1, norm="batch")
    wide = create_network("unet", 2, 1, 2, width=8, depth=1, norm="batch")
    before = {name: tensor.clone() for name, tensor in wide.state_dict().items()}
    # all differ but the bias of the logits; counters of batches do not count
    names = [name for name in before if not name.endswith("num_batches_tracked")]
    assert (len(before), len(names)) == (40, 34)
    nn.init.constant_(narrow.logits.bias, 7.0)
    narrow(torch.rand(2, 1, 60, 60))  # counts a batch
    with pytest.raises(SeptumError) as error:
        transfer(wide, narrow.state_dict())
    assert error.value.problems[0].what == (
        "33 of 34 tensors do not fit UNet by name and shape ("
        "contract.0.layers.0.weight is 4×1×3×3 instead of 8×1×3×3, "
        "contract.0.layers.1.weight is 4 instead of 8, "
        "contract.0.layers.1.bias is 4 instead of 8, "
        "contract.0.layers.1.running_mean is 4 instead of 8, and 29 more)"
    )
    # not even what would have fitted was changed
    for name, tensor in wide.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_narrow_fcn_of_many_classes_still_starts_from_its_stage():
    # upscore alone, of 64² × 64² weights, is most of what the network holds
    stages = [create_network(f"fcn{s}s", 2, 1, 64, width=SMALL) for s in (32, 16, 8)]
    assert len(transfer(stages[1], stages[0].state_dict()).taken) == 32
    assert len(transfer(stages[2], stages[1].state_dict()).taken) == 35


def test_most_numbers_are_enough_to_start_from():
    # the kernels are the same, and what comes with a normalisation is many tensors but short ones
    plain = create_network("unet", 2, 1, 2, width=4, depth=1)
    normed = create_network("unet", 2, 1, 2, width=4, depth=1, norm="batch")
    report = transfer(normed, plain.state_dict())
    assert (len(report.taken), len(report.new)) == (10, 24)
    # nor are counters told of, which are no weights
    again = create_network("unet", 2, 1, 2, width=4, depth=1, norm="batch")
    report = transfer(again, normed.state_dict())
    assert (len(report.taken), report.new, report.unused) == (34, (), ())


def test_a_network_of_other_names_is_an_error():
    old = create_network("segnet", 2, 1, 2, width=SMALL)
    new = create_network("unet", 2, 1, 2, width=4, depth=1)
    # the logits' bias and nothing else
    message = r"15 of 16 tensors .* \(contract\.0\.layers\.0\.weight is missing, "
    with pytest.raises(SeptumError, match=message):
        transfer(new, old.state_dict())
