"""Files and addresses of checkpoints: what is read, and what is not believed."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import pickle
import threading

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from vgg_checkpoints import SMALL, vgg_checkpoint

from septum.errors import SeptumError
from septum.networks.pretrained import load_pretrained
from septum.networks.vgg import VGG

# --- files that are not believed ---------------------------------------------------------


class Dangerous:
    """Code in a pickle: it makes a folder when it is read."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def _with_code(path, state):
    torch.save({**state, "extra": Dangerous(path.parent / "made")}, path)


def _with_code_legacy(path, state):
    extra = {**state, "extra": Dangerous(path.parent / "made")}
    torch.save(extra, path, _use_new_zipfile_serialization=False)


def _plain_pickle(path, state):
    path.write_bytes(pickle.dumps(Dangerous(path.parent / "made")))


@pytest.mark.parametrize("write", [_with_code, _with_code_legacy, _plain_pickle])
def test_code_is_refused_and_not_run(vgg16, write):
    path, state = vgg16
    write(path, state)
    with pytest.raises(SeptumError) as error:
        load_pretrained(VGG(2, 3, width=SMALL), path)
    assert str(path) in str(error.value)
    assert "is a pickle that holds code" in str(error.value)
    if write is not _plain_pickle:
        assert "posix.mkdir" in str(error.value)
    assert not (path.parent / "made").exists()
    # the same file does run code when it is believed
    if write is _plain_pickle:
        pickle.loads(path.read_bytes())
    else:
        torch.load(path, weights_only=False)
    assert (path.parent / "made").exists()


def _whole_module(path, _):
    torch.save(nn.Linear(2, 2), path)


def _training_state(path, state):
    torch.save({"model": state, "epoch": 3}, path)


def _one_tensor(path, _):
    torch.save(torch.ones(3), path)


def _text(path, _):
    path.write_text("hello, this is a page that says: not found")


def _empty(path, _):
    path.write_bytes(b"")


def _cut(path, _):
    path.write_bytes(path.read_bytes()[:-200])


def _missing(path, _):
    path.unlink()


def _folder(path, _):
    path.unlink()
    path.mkdir()


def _numbered(path, state):
    torch.save({0: torch.zeros(2)}, path)


def _with_first(change):
    def write(path, state):
        first = next(iter(state))
        torch.save({**state, first: change(state[first])}, path)

    return write


_sparse = _with_first(torch.Tensor.to_sparse)
_nowhere = _with_first(lambda tensor: tensor.to("meta"))
_empty_kernel = _with_first(lambda tensor: tensor[:, :0])
_infinite = _with_first(lambda tensor: tensor / 0)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (_numbered, "holds other things than named tensors: 0"),
        (_sparse, "has no numbers, or some that are not finite, in features.0.weight"),
        (_nowhere, "has no numbers, or some that are not finite, in features.0.weight"),
        (_empty_kernel, "has no numbers, or some that are not finite, in features.0.weight"),
        (_infinite, "has no numbers, or some that are not finite, in features.0.weight"),
        (_whole_module, "torch.nn.modules.linear.Linear"),
        (_training_state, "holds other things than named tensors: model, epoch"),
        (_one_tensor, "holds other things than named tensors: Tensor"),
        (_text, "is damaged"),
        (_empty, "is damaged"),
        (_cut, "is damaged"),
        (_missing, "is no file"),
        (_folder, "is no file"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_files_that_are_no_checkpoints(vgg16, write, message):
    path, state = vgg16
    write(path, state)
    with pytest.raises(SeptumError) as error:
        load_pretrained(VGG(2, 3, width=SMALL), path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


def test_damaged_safetensors_and_unknown_suffixes(tmp_path):
    path = tmp_path / "vgg.safetensors"
    save_file(vgg_checkpoint(), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SeptumError, match="is damaged"):
        load_pretrained(VGG(2, 3, width=SMALL), path)
    with pytest.raises(SeptumError, match=r"no checkpoint by its name \(\.h5\)"):
        load_pretrained(VGG(2, 3, width=SMALL), path.rename(tmp_path / "vgg.h5"))


# --- checksums and addresses -------------------------------------------------------------


def _digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_checksum_of_a_file(vgg16):
    path, _ = vgg16
    right = _digest(path)
    for text in (right, right.upper(), f"sha256:{right}", None):
        assert load_pretrained(VGG(2, 3, width=SMALL), path, sha256=text).sha256 == right
    with pytest.raises(SeptumError, match=f"has the sha256 {right} instead of {'0' * 64}"):
        load_pretrained(VGG(2, 3, width=SMALL), path, sha256="0" * 64)
    with pytest.raises(SeptumError, match="give the 64 hexadecimal digits"):
        load_pretrained(VGG(2, 3, width=SMALL), path, sha256=right[:20])


@pytest.fixture
def site(tmp_path, monkeypatch, vgg16):
    """Return a folder with a checkpoint, its address, and the list of what was asked for."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache" / name)
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(self.path)

    folder = tmp_path / "site"
    folder.mkdir()
    handler = functools.partial(Handler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_with_its_checksum_in_the_name(site, vgg16):
    folder, url, asked = site
    path, state = vgg16
    name = f"vgg16-{_digest(path)[:8]}.pth"
    path.rename(folder / name)
    for _ in range(2):
        encoder = VGG(2, 3, width=SMALL)
        load_pretrained(encoder, f"{url}/{name}")
        assert torch.equal(encoder.features[28].weight, state["features.28.weight"])
    assert asked == [f"/{name}"]  # the second time from the cache


def test_an_address_with_a_given_checksum(site, vgg16):
    folder, url, asked = site
    digest = _digest(vgg16[0])
    vgg16[0].rename(folder / "vgg.pth")
    with pytest.raises(SeptumError, match="has no checksum, in its name or beside it") as error:
        load_pretrained(VGG(2, 3, width=SMALL), f"{url}/vgg.pth")
    assert error.value.problems[0].where == f"{url}/vgg.pth"
    assert asked == []  # nothing is downloaded that could not be trusted
    assert load_pretrained(VGG(2, 3, width=SMALL), f"{url}/vgg.pth", sha256=digest).taken
    assert asked == ["/vgg.pth"]


def test_a_wrong_download_is_refused_and_not_kept(site, vgg16, tmp_path):
    folder, url, _ = site
    path, _ = vgg16
    address = f"{url}/vgg16-{_digest(path)[:8]}.pth"
    served = folder / address.rsplit("/", 1)[1]
    served.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(SeptumError, match="instead of") as error:
        load_pretrained(VGG(2, 3, width=SMALL), address)
    assert address in str(error.value)
    assert list((tmp_path / "cache" / "septum").iterdir()) == []
    path.rename(served)  # mended
    assert load_pretrained(VGG(2, 3, width=SMALL), address).taken


def test_an_address_that_is_not_there(site):
    _, url, _ = site
    with pytest.raises(SeptumError, match=r"none-12345678\.pth: cannot be downloaded .*404"):
        load_pretrained(VGG(2, 3, width=SMALL), f"{url}/none-12345678.pth")
