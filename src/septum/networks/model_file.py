"""Reading and writing of model files, which hold trained weights and a header.

The header (`septum.networks.model_header`) is a canonical JSON string in the metadata of a
safetensors file. The format holds plain tensors only, so that opening a file runs no code in it,
and the same model gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from septum.config.schema import canonical_json
from septum.errors import SeptumError, problem
from septum.io.atomic import atomic_path
from septum.networks.create import check_options
from septum.networks.model_header import (
    METADATA_KEY,
    ModelHeader,
    parse_header,
    read_table,
    reading,
)
from septum.networks.segmenter import Segmenter, build_segmenter


@dataclass(frozen=True)
class StoredModel:
    """The content of a model file, from which the network can be created.

    Parameters
    ----------
    path : Path
    header : ModelHeader
    state : dict of str to Tensor
        Weights on the CPU.
    sha256 : str
        Digest of the file.
    """

    path: Path
    header: ModelHeader
    state: dict[str, Tensor]
    sha256: str

    def segmenter(self, device: str | torch.device = "cpu") -> Segmenter:
        """Return the network with these weights, on a device, in evaluation mode.

        Raises
        ------
        SeptumError
            If the network or options in the header do not exist, or the tensors do not fit the
            network.
        """
        try:
            # imports the network here, since an import within "meta" may create tensors there
            check_options(self.header.network, self.header.options)
            # shapes are compared before memory is allocated
            with torch.device("meta"):
                segmenter = untrained_segmenter(self.header)
        except SeptumError as error:
            first = error.problems[0]
            what = f"does not fit this Septum ({first.where}: {first.what})"
            raise problem(self.path, what, first.remedy) from None
        _require_fit(self.path, self.header.network, segmenter.state_dict(), self.state)
        segmenter.load_state_dict(self.state, assign=True)
        return segmenter.to(device).eval()


def untrained_segmenter(header: ModelHeader, **losses: float) -> Segmenter:
    """Return a segmenter with random weights; ``losses`` are those of `build_segmenter`."""
    return build_segmenter(
        header.network,
        header.options,
        spatial_dims=header.spatial_dims,
        in_channels=header.in_channels,
        n_classes=len(header.classes),
        head=header.head,
        **losses,
    )


def save_model(path: str | Path, state: Mapping[str, Tensor], header: ModelHeader) -> None:
    """Write a model file atomically.

    Parameters
    ----------
    path : str or Path
        Path of the file, which is replaced if it exists.
    state : mapping of str to Tensor
        The segmenter's ``state_dict()``, on any device.
    header : ModelHeader
        Header, to which the defaults of missing options are added.

    Raises
    ------
    SeptumError
        If the path cannot be written, or the options are not those of the network.
    """
    options = check_options(header.network, header.options)
    header = ModelHeader.model_validate({**dict(header), "options": options})
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with atomic_path(Path(path)) as temporary:
        # files written by `save_file` can be read by their owner only
        temporary.write_bytes(save(tensors, metadata={METADATA_KEY: canonical_json(header)}))


def read_model(path: str | Path) -> StoredModel:
    """Read header, weights and digest of a model file, which is opened once.

    Raises
    ------
    SeptumError
        If the file is missing, is not a safetensors file, is cut short, was not written by
        Septum, was written by a newer version, or has a broken header.
    """
    path = Path(path)
    with reading(path, SafetensorError):
        content = path.read_bytes()
        metadata = read_table(io.BytesIO(content)).get("__metadata__")
        state = load(content)
    header = parse_header(path, metadata)
    return StoredModel(path, header, state, hashlib.sha256(content).hexdigest())


def _require_fit(
    path: Path, network: str, expected: Mapping[str, Tensor], state: Mapping[str, Tensor]
) -> None:
    """Raise if names, shapes or types of tensors are not those of the network."""
    complaints = []
    for name in sorted({*expected, *state}):
        needed, stored = expected.get(name), state.get(name)
        if stored is None:
            complaints.append(f"{name} is missing")
        elif needed is None:
            complaints.append(f"{name} is not part of it")
        elif needed.shape != stored.shape:
            complaints.append(f"{name} is {_by(stored)} instead of {_by(needed)}")
        elif needed.dtype != stored.dtype:
            complaints.append(f"{name} is {stored.dtype} instead of {needed.dtype}")
    if complaints:
        total = len({*expected, *state})
        raise problem(
            path,
            f"{len(complaints)} of {total} tensors do not fit the network {network!r} that its "
            f"header names, first: {complaints[0]}",
            "train the model again, or use the Septum version that wrote it",
        )


def _by(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a scalar"
