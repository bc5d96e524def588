"""Reading of named tensors from a file or an address, without running code in it."""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pooch
import torch
from safetensors.torch import load_file
from torch import Tensor

from septum.config.weight_sources import checksum, checksum_problem, is_address
from septum.errors import SeptumError, problem


def local_file(source: str | Path, sha256: str | None = None) -> tuple[Path, str]:
    """Return a source as a file on this machine, and the SHA-256 of the file.

    Parameters
    ----------
    source : str or Path
        File or http(s) address. A download is kept in the user's cache folder (``septum``).
    sha256 : str, optional
        Checksum of the file. An address needs one, unless its name ends in the first digits
        (``vgg16-397923af.pth``), as torchvision's do.

    Raises
    ------
    SeptumError
        If the file is missing, cannot be downloaded or has another checksum, or if an address
        has no checksum.
    """
    source = str(source)
    if sha256 is not None and not re.fullmatch("(sha256:)?[0-9a-f]{64}", sha256.lower()):
        raise problem("sha256", f"cannot be {sha256!r}", "give the 64 hexadecimal digits")
    if wrong := checksum_problem(source, source, sha256):
        raise SeptumError(wrong)
    path = _downloaded(source) if is_address(source) else Path(source).expanduser()
    if not path.is_file():
        raise problem(source, "is no file", "check the path of the checkpoint")
    digest, expected = pooch.file_hash(str(path)), checksum(source, sha256)
    if not digest.startswith(expected):
        if is_address(source):
            path.unlink()  # the next attempt must not find it
        what = f"has the sha256 {digest} instead of {expected}"
        raise problem(
            source, what, "get it again; if it persists, it is another file: do not use it"
        )
    return path, digest


def _downloaded(url: str) -> Path:
    folder = pooch.os_cache("septum")
    try:
        # not checked by pooch, since only some digits of a checksum in the name are known
        return Path(pooch.retrieve(url, None, path=folder, progressbar=sys.stderr.isatty()))
    except OSError as error:  # requests' errors are OSErrors, too
        remedy = "check the connection, or download it by hand and give the file's path"
        raise problem(url, f"cannot be downloaded ({error})", remedy) from None


def read_state_dict(path: Path, source: str | Path | None = None) -> dict[str, Tensor]:
    """Read a state dict from a file.

    Parameters
    ----------
    path : Path
        ``.safetensors``, or ``.pth`` or ``.pt``, which are read as plain tensors.
    source : str or Path, optional
        Name of the file in messages, if not ``path``.

    Returns
    -------
    dict of str to Tensor
        On the CPU.

    Raises
    ------
    SeptumError
        If the file is damaged, or holds code or anything but named tensors of numbers.
    """
    source = path if source is None else source
    if path.suffix not in (".safetensors", ".pth", ".pt"):
        what = f"is no checkpoint by its name ({path.suffix or 'no suffix'})"
        raise problem(source, what, "give a .safetensors, .pth or .pt file")
    try:
        if path.suffix == ".safetensors":
            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        culprit = re.search(r"GLOBAL ([\w.]+)", str(error))
        code = f" ({culprit[1]})" if culprit else ""
        what = f"is a pickle that holds code{code}, or is damaged; it was not run"
        remedy = "save the weights alone: torch.save(model.state_dict(), path), or .safetensors"
        raise problem(source, what, remedy) from None
    except Exception as error:  # torch.load raises exceptions of many types
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = "get it again, or save its weights as .safetensors"
        raise problem(source, f"cannot be read, or is damaged ({reason})", remedy) from None
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        held = ", ".join(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
        what = f"holds other things than named tensors: {held[:200]}"
        raise problem(
            source, what, "save the state dict alone: torch.save(model.state_dict(), path)"
        )
    broken = [name for name, tensor in state.items() if not _has_numbers(tensor)]
    if broken:
        what = f"has no numbers, or some that are not finite, in {', '.join(broken)[:200]}"
        raise problem(source, what, "save dense tensors of a training that went well")
    return dict(state)


def _has_numbers(tensor: Tensor) -> bool:
    """Return whether a tensor is dense, not empty, in memory and finite."""
    is_dense = tensor.layout == torch.strided and tensor.device.type == "cpu" and tensor.numel() > 0
    return is_dense and bool(torch.isfinite(tensor).all())
