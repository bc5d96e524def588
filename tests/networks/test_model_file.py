"""Model files: what is written is read again, and nothing else is believed."""

from __future__ import annotations

import os
import pickle

import pytest
import torch
from headers import rewrite_header, training_record
from loaded import load_model
from safetensors.torch import save_file

from septum import __version__
from septum.errors import SeptumError
from septum.networks.model_file import save_model, untrained_segmenter
from septum.networks.model_header import ModelHeader, read_header

HEADER = {
    "network": "unet",
    "options": {"width": 4, "depth": 1, "padded": True, "norm": "batch"},
    "spatial_dims": 2,
    "in_channels": 2,
    "head": "border",
    "classes": {1: {"name": "Zellkern <β>"}, 4: {"name": "membrane", "kind": "stuff"}},
    "annotation": "panoptic",
    "intensities": {"scheme": "percentile", "lower": 1.0, "upper": 99.8},
    "spacing": (0.5, 0.25),
    "unit": "micrometer",
    "patch": (128, 128),
    "decoder": {
        "method": "watershed",
        "parameters": {"threshold": 0.45, "seed_threshold": 0.7, "min_size": 20, "min_stuff": 0},
    },
    "predict": {"overlap": 0.25},
    "digests": {"data": "ab", "code": "cd"},
    "trained": training_record(epochs=10, best=0.81, seed=3).model_dump(),
}


def _header(**changes):
    return ModelHeader.model_validate(HEADER | changes)


@pytest.fixture
def trained():
    """Return a segmenter whose weights and running statistics have moved."""
    segmenter = untrained_segmenter(_header(), dice=1.0)
    optimizer = torch.optim.SGD(segmenter.parameters(), lr=0.1)
    torch.manual_seed(0)
    targets = {"classes": torch.randint(0, 4, (2, 16, 16))}
    sum(segmenter.losses(torch.randn(2, 2, 16, 16), targets).values()).backward()
    optimizer.step()
    return segmenter


@pytest.fixture
def saved(tmp_path, trained):
    path = tmp_path / "fold 0" / "model.safetensors"
    save_model(path, trained.state_dict(), _header())
    return path


def test_a_model_survives_its_file(saved, trained):
    segmenter, header = load_model(saved)
    filled = {"residual": False, "attention": False, "dropout": 0.5}
    assert header == _header(options=HEADER["options"] | filled)
    assert header.classes[4].kind == "stuff"
    assert header.septum_version == __version__
    assert read_header(saved) == header
    assert not segmenter.training
    assert segmenter.state_dict().keys() == trained.state_dict().keys()
    images = torch.randn(1, 2, 32, 16)
    assert torch.equal(segmenter.predict(images), trained.eval().predict(images))
    # and it can be trained further
    assert all(p.requires_grad for p in segmenter.parameters())


@pytest.mark.parametrize("network", ["unet", "dense_unet"])
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_every_network_survives(tmp_path, network, spatial_dims):
    header = _header(
        network=network,
        options={"width": 3, "depth": 1},
        spatial_dims=spatial_dims,
        head="semantic",
    )
    segmenter = untrained_segmenter(header).eval()
    save_model(tmp_path / "m.safetensors", segmenter.state_dict(), header)
    images = torch.randn(1, 2, *segmenter.legal_size([20] * spatial_dims))
    loaded = load_model(tmp_path / "m.safetensors")[0]
    assert torch.equal(loaded.predict(images), segmenter.predict(images))


def test_equal_models_give_equal_bytes(tmp_path, trained, saved):
    state = trained.to(memory_format=torch.channels_last).state_dict()
    shuffled = dict(reversed(state.items()))
    header = _header(digests={"code": "cd", "data": "ab"})
    save_model(tmp_path / "again.safetensors", shuffled, header)
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()


def test_the_random_state_is_left_alone(saved):
    before = torch.get_rng_state()
    load_model(saved)
    assert torch.equal(torch.get_rng_state(), before)


def _missing(path, _):
    path.unlink()


def _empty(path, _):
    path.write_bytes(b"")


def _text(path, _):
    path.write_text("not a model at all, but long enough to have a length in front")


def _pickled(path, state):
    torch.save(state, path)


def _foreign(path, state):
    save_file(state, path)


def _edited(**changes):
    return lambda path, _: rewrite_header(path, lambda header: header.update(changes))


def _decoded_by(method, **parameters):
    parameters = {"threshold": 0.5, "min_size": 2, **parameters}
    return _edited(decoder={"method": method, "parameters": parameters})


def _renamed(path, state):
    state = {n.replace("logits", "scores"): t for n, t in state.items()}
    save_model(path, state, _header())


def _half(path, state):
    half = {n: t.half() if t.is_floating_point() else t for n, t in state.items()}
    save_model(path, half, _header())


@pytest.mark.parametrize(
    ("damage", "messages"),
    [
        (_missing, ["does not exist"]),
        (_empty, ["not a safetensors file"]),
        (_text, ["not a safetensors file"]),
        (_pickled, ["not a safetensors file"]),
        (_foreign, ["not the header of a Septum model"]),
        (_edited(format_version=3), ["format 3", "update Septum"]),
        (_edited(format_version="x"), ["broken header"]),
        (_edited(surprise=1), ["broken header", "surprise"]),
        (_edited(spatial_dims="two"), ["broken header", "spatial_dims"]),
        (_edited(network="hourglass"), ["hourglass", "dense_unet, "]),
        (_edited(head="heart"), ["broken header (there is no head 'heart'", "semantic, border"]),
        (_decoded_by("flows", flow_error=0.4), ["is decoded by components, watershed, not by"]),
        (_decoded_by("components"), ["broken header (components lacks min_stuff"]),
        (_decoded_by("components", min_stuff=-1), ["(decoder: min_stuff -1: Input should be"]),
        (_decoded_by("components", min_stuff=0, threshold=7.5), ["less than 1"]),
        (_edited(options={"wide": 4}), ["options.wide", "did you mean 'width'"]),
        # 6 convolutions with batch normalisation, an up-convolution and the logits: 40 tensors
        (_edited(in_channels=3), ["1 of 40 tensors do not fit", "4×2×3×3 instead of 4×3×3×3"]),
        (_edited(head="semantic"), ["2 of 40 tensors", "network.logits.bias is 4 instead of 3"]),
        (_edited(options=HEADER["options"] | {"width": 10**6}), ["tensors do not fit"]),
        (_renamed, ["4 of 42 tensors", "network.logits.bias is missing"]),
        (_half, ["float16 instead of torch.float32"]),
    ],
)
def test_other_files_are_refused(saved, trained, damage, messages):
    damage(saved, trained.state_dict())
    with pytest.raises(SeptumError) as error:
        load_model(saved)
    assert str(error.value).startswith(str(saved))
    for message in messages:
        assert message in str(error.value)


def test_no_code_of_a_stranger_runs(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    path = tmp_path / "model.safetensors"
    for write in (torch.save, lambda obj, p: p.write_bytes(pickle.dumps(obj))):
        write({"network.weight": Trap()}, path)
        with pytest.raises(SeptumError, match="not a safetensors file"):
            load_model(path)
    assert not (tmp_path / "sprung").exists()


def test_an_interrupted_writing_leaves_the_old_file(saved, trained, monkeypatch):
    before = saved.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        save_model(saved, trained.state_dict(), _header(trained=None))
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_place_that_cannot_be_written_is_named(tmp_path, trained):
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(SeptumError, match="cannot be written"):
        save_model(tmp_path / "out" / "model.safetensors", trained.state_dict(), _header())


def test_wrong_options_are_not_written(tmp_path, trained):
    with pytest.raises(SeptumError, match="did you mean 'width'"):
        save_model(tmp_path / "m.safetensors", trained.state_dict(), _header(options={"wide": 4}))
    assert not list(tmp_path.iterdir())
