"""The model file: trained weights and all that is needed to use them, in one safetensors file.

The header is one canonical JSON string in the file's metadata. The format holds plain tensors
only, so that opening a file from a stranger runs no code of theirs, and the same model gives
the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from septum import __version__
from septum.config.schema import ClassSpec, canonical_json
from septum.config.section import Section
from septum.errors import SeptumError, problem
from septum.heads.heads import HEADS
from septum.io.atomic import atomic_path
from septum.networks import create as models
from septum.networks.segmenter import Segmenter, build_segmenter

FORMAT_VERSION = 1
_KEY = "septum"


class ModelHeader(Section):
    """Everything about a model but its weights.

    Attributes
    ----------
    network, options
        The architecture; in a file, every option is given.
    spatial_dims, in_channels, head, classes, annotation
        What goes in and what comes out (`septum.heads.heads`); classes by id.
    normalisation
        The resolved scheme (`septum.data.intensity`).
    spacing, unit
        The median pixel size of the training cases, and its unit.
    patch
        The training patch, in pixels.
    decoder, predict
        The tuned decoder; the settings of tiled prediction.
    digests
        Of the training data and of the code.
    trained
        ``epochs``, ``best`` (the score of the kept weights), ``seed``, and the like.
    """

    format_version: int = FORMAT_VERSION
    septum_version: str = __version__
    network: str
    options: dict[str, Any] = Field(default_factory=dict)
    spatial_dims: int
    in_channels: int
    head: str
    classes: dict[int, ClassSpec] = Field(min_length=1)
    annotation: Literal["instance", "semantic", "panoptic"]
    normalisation: dict[str, Any]
    spacing: tuple[float, ...]
    unit: str
    patch: tuple[int, ...]
    decoder: dict[str, Any] = Field(default_factory=dict)
    predict: dict[str, Any] = Field(default_factory=dict)
    digests: dict[str, str] = Field(default_factory=dict)
    trained: dict[str, Any] = Field(default_factory=dict)

    @property
    def out_channels(self) -> int:
        """Channels of the output."""
        return HEADS[self.head].outputs(len(self.classes), self.spatial_dims)

    def segmenter(self, **losses: float) -> Segmenter:
        """Return an untrained segmenter of this header (``losses``: see `build_segmenter`)."""
        return build_segmenter(
            self.network,
            self.options,
            spatial_dims=self.spatial_dims,
            in_channels=self.in_channels,
            n_classes=len(self.classes),
            head=self.head,
            **losses,
        )


def save_model(path: str | Path, state: Mapping[str, Tensor], header: ModelHeader) -> None:
    """Write a model file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Replaced where it exists.
    state : mapping of str to Tensor
        The segmenter's ``state_dict()``, from any device.
    header : ModelHeader
        Options that are not given are written out with their present defaults.

    Raises
    ------
    SeptumError
        If the path cannot be written, or the options are not the network's.
    """
    options = models.check_options(header.network, header.options)
    header = header.model_copy(update={"options": options})
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with atomic_path(Path(path)) as temporary:
        # not `save_file`, whose files only their owner may read
        temporary.write_bytes(save(tensors, metadata={_KEY: canonical_json(header)}))


def read_header(path: str | Path) -> ModelHeader:
    """Read the header of a model file, without its weights (see `load_model` for the errors)."""
    return _read(Path(path), tensors=False)[0]


def load_model(
    path: str | Path, device: str | torch.device = "cpu"
) -> tuple[Segmenter, ModelHeader]:
    """Read a model file.

    Parameters
    ----------
    path : str or Path
    device : str or torch.device

    Returns
    -------
    segmenter : Segmenter
        On ``device``, in evaluation mode.
    header : ModelHeader

    Raises
    ------
    SeptumError
        The file is missing, is no safetensors file or is cut short, was not written by Septum
        or by a newer one, names a network or options that do not exist, or its tensors do not
        fit the network it names.
    """
    path = Path(path)
    header, state = _read(path)
    try:
        # imports the network: under "meta" an import may make tensors without values
        models.check_options(header.network, header.options)
        # without memory for weights: the shapes are compared before any is taken
        with torch.device("meta"):
            segmenter = header.segmenter()
    except SeptumError as error:
        first = error.problems[0]
        what = f"does not fit this Septum ({first.where}: {first.what})"
        raise problem(path, what, first.remedy) from None
    _require_fit(path, header.network, segmenter.state_dict(), state)
    segmenter.load_state_dict(state, assign=True)
    return segmenter.to(device).eval(), header


def _read(path: Path, *, tensors: bool = True) -> tuple[ModelHeader, dict[str, Tensor]]:
    remedy = "give a model.safetensors that was written by septum train"
    if path.is_dir():
        inside = sorted([*path.glob("model.safetensors"), *path.glob("*/model.safetensors")])
        remedy = f"give the file: {inside[0]}" if inside else remedy
        raise problem(path, "is a folder, not a model file", remedy)
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            # copies: a memory map would break when the file is replaced on a network disk
            names = file.keys() if tensors else ()
            state = {name: file.get_tensor(name).clone() for name in names}
    except FileNotFoundError:
        raise problem(path, "does not exist", remedy) from None
    except (SafetensorError, OSError) as error:
        what = f"is not a safetensors file, or is cut short ({error})"
        raise problem(path, what, "copy it again, or train the model again") from None
    if text is None:
        raise problem(path, "holds weights, but not the header of a Septum model", remedy)
    return _parse(path, text), state


def _parse(path: Path, text: str) -> ModelHeader:
    try:
        version = json.loads(text)["format_version"]
        if version > FORMAT_VERSION:
            raise problem(
                path,
                f"has format {version}, but this Septum reads up to {FORMAT_VERSION}",
                "update Septum to the version that wrote it",
            )
        return ModelHeader.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (ValueError, KeyError, TypeError) as error:
        what = f"{type(error).__name__}: {error}"
    raise problem(path, f"has a broken header ({what})", "train the model again")


def _require_fit(
    path: Path, network: str, expected: Mapping[str, Tensor], state: Mapping[str, Tensor]
) -> None:
    """Raise if names, shapes or types of the tensors are not the network's."""
    complaints = []
    for name in sorted({*expected, *state}):
        ours, theirs = expected.get(name), state.get(name)
        if theirs is None:
            complaints.append(f"{name} is missing")
        elif ours is None:
            complaints.append(f"{name} is not part of it")
        elif ours.shape != theirs.shape:
            complaints.append(f"{name} is {_by(theirs)} instead of {_by(ours)}")
        elif ours.dtype != theirs.dtype:
            complaints.append(f"{name} is {theirs.dtype} instead of {ours.dtype}")
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
