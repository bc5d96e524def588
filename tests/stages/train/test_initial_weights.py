"""What a training starts from: published weights, another experiment's model, or chance."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pooch
import pytest
import torch
from safetensors.torch import load_file, save_file
from trainings import inputs, run_training, settings

from septum.errors import SeptumError
from septum.networks.model_header import read_header
from septum.stages.train.epochs import set_up

OPTIONS = {"width": 1 / 16, "dropout": 0.0}
LEVELS = [(4, 2), (8, 2), (16, 3), (32, 3), (32, 3)]  # of VGG-16 at this width; fc: 256


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A file with the names of torchvision's vgg16, a sixteenth wide, and its tensors."""
    rng, state, number, n_in = torch.Generator().manual_seed(5), {}, 0, 3
    for n_out, convolutions in LEVELS:
        for _ in range(convolutions):
            weight = torch.randn(n_out, n_in, 3, 3, generator=rng)
            state[f"features.{number}.weight"] = weight
            state[f"features.{number}.bias"] = torch.randn(n_out, generator=rng)
            number, n_in = number + 2, n_out
        number += 1
    for layer, inwards in ((0, 32 * 7 * 7), (3, 256)):
        state[f"classifier.{layer}.weight"] = torch.randn(256, inwards, generator=rng)
        state[f"classifier.{layer}.bias"] = torch.randn(256, generator=rng)
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save(state, path)
    return path, state


def fcn(network, experiment="net", **start):
    run = settings(options=OPTIONS, epochs=1, steps=2, batch=2)
    parts = {"network": network, "experiment": experiment, **start}
    return type(run).model_validate({**run.model_dump(), **parts})


def started(data, run, file=None):
    return set_up(folder=Path("out"), **inputs(data, run), start=file)


@pytest.fixture(scope="module")
def stage(data, tmp_path_factory):
    """The folder of a trained FCN-32s."""
    folder = tmp_path_factory.mktemp("stage")
    run_training(data, folder, fcn("fcn32s", "a"))
    return folder


def test_the_backbone_starts_with_the_values_of_the_file(data, checkpoint):
    path, state = checkpoint
    run = fcn("fcn32s", pretrained={"source": "nets/vgg16.pth"})
    training = started(data, run, path)
    ours = training.segmenter.network.state_dict()
    first = state["features.0.weight"].sum(1, keepdim=True)
    torch.testing.assert_close(ours["backbone.features.0.weight"], first)
    for name in [name for name in state if name.startswith("features")][1:]:
        assert torch.equal(ours[f"backbone.{name}"], state[name])
    assert torch.equal(ours["fc6.weight"].flatten(1), state["classifier.0.weight"])
    assert torch.equal(ours["fc7.bias"], state["classifier.3.bias"])
    random = started(data, fcn("fcn32s")).segmenter.network.state_dict()
    assert not torch.equal(random["fc7.bias"], ours["fc7.bias"])
    assert training.start.model_dump() == {
        "source": "nets/vgg16.pth",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "taken": 30,
        "new": ["score_fr.weight", "score_fr.bias", "upscore.weight"],
        "unused": [],
        "adapted": {
            "backbone.features.0.weight": "summed over 3 channels, divided among 1",
            "fc6.weight": "made a convolution",
            "fc7.weight": "made a convolution",
        },
    }


def test_a_checkpoint_is_hashed_once(data, checkpoint, monkeypatch):
    # half a gigabyte, on a network disk
    digest, hashed = hashlib.sha256(checkpoint[0].read_bytes()).hexdigest(), []
    file_hash = pooch.file_hash
    monkeypatch.setattr(pooch, "file_hash", lambda p: hashed.append(p) or file_hash(p))
    run = fcn("fcn32s", pretrained={"source": "vgg16.pth", "sha256": digest})
    assert started(data, run, checkpoint[0]).digests["start"] == digest
    assert hashed == [str(checkpoint[0])]


def test_a_stage_starts_with_the_weights_of_the_one_before(data, stage, tmp_path):
    run, file = fcn("fcn16s", "b", start_from="a"), stage / "model.safetensors"
    training = started(data, run, file)
    theirs, ours = load_file(file), training.segmenter.state_dict()
    shared = [name for name in ours if not name.startswith(("network.up", "network.score_pool"))]
    assert len(shared) == 26 + 4 + 2  # VGG's convolutions, fc6 and fc7, the scores
    for name in shared:
        assert torch.equal(ours[name], theirs[name]), name
    assert not ours["network.score_pool4.weight"].any()
    new = {"upscore2.weight", "score_pool4.weight", "score_pool4.bias", "upscore.weight"}
    assert set(training.start.new) == new
    assert (training.start.source, training.start.taken) == ("a", 32)
    run_training(data, tmp_path, run, start=file)
    header = read_header(tmp_path / "model.safetensors")
    assert header.trained.start == training.start
    assert header.digests["start"] == training.start.sha256
    assert read_header(file).trained.start is None
    assert "start" not in read_header(file).digests


def test_other_weights_to_start_from_are_another_training(data, stage, checkpoint, tmp_path):
    path, file = checkpoint[0], stage / "model.safetensors"
    prints = [started(data, fcn("fcn16s")).fingerprint()]
    given = {"source": "vgg16.pth"}
    prints.append(started(data, fcn("fcn16s", pretrained=given), path).fingerprint())
    prints.append(started(data, fcn("fcn16s", start_from="a"), file).fingerprint())
    tensors = load_file(file)
    save_file(
        {**tensors, "network.fc7.bias": tensors["network.fc7.bias"] + 1}, tmp_path / "b.safetensors"
    )
    other = started(data, fcn("fcn16s", start_from="a"), tmp_path / "b.safetensors")
    assert len({*prints, other.fingerprint()}) == 4
    # the same weights under other names, and with another header
    save_file(tensors, tmp_path / "a.safetensors")
    renamed = started(data, fcn("fcn16s", start_from="c"), tmp_path / "a.safetensors")
    assert renamed.fingerprint() == prints[2]
    moved = shutil.copy(path, tmp_path / "moved.pth")
    run = fcn("fcn16s", pretrained={"source": "moved.pth"})
    assert started(data, run, Path(moved)).fingerprint() == prints[1]


@pytest.mark.parametrize(
    ("network", "start", "file", "where", "says"),
    [
        ("fcn8s", {"pretrained": {"source": "v.pth"}}, None, "--start", "checkpoint v.pth"),
        ("fcn8s", {"start_from": "a"}, None, "--start", "weights file of a"),
        ("fcn8s", {}, "vgg16.pth", "--start", "neither pretrained nor start_from"),
        ("segnet", {"start_from": "a"}, "vgg16.pth", "experiments.net.start_from", "'a' cannot"),
        ("segnet", {"pretrained": {"source": "v.pth"}}, "vgg16.pth", "vgg16.pth", "do not fit"),
        (
            "monai:DynUNet",
            {"pretrained": {"source": "v.pth"}},
            "vgg16.pth",
            "experiments.net.pretrained",
            "'monai:DynUNet' has no backbone",
        ),
        (
            "fcn8s",
            {"pretrained": {"source": "v.pth", "sha256": "ab" * 32}},
            "vgg16.pth",
            "vgg16.pth",
            "instead of abab",
        ),
    ],
)
def test_what_cannot_be_started_from(data, checkpoint, network, start, file, where, says):
    run = fcn(network, **start)
    if network != "fcn8s":
        run = run.model_copy(update={"options": {"width": 4} if ":" in network else {}})
    with pytest.raises(SeptumError) as error:
        started(data, run, file and checkpoint[0])
    (problem,) = error.value.problems
    assert problem.where.endswith(where)
    assert says in f"{problem.what} {problem.remedy}"
