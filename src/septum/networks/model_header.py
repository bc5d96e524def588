"""The header of a model file: everything about a model but its weights.

It is one canonical JSON string in the metadata of the safetensors file, whose layout is simple
enough to read the header without PyTorch: the length of a JSON table (8 bytes, little endian)
and the table, which lists the tensors and keeps our header under ``__metadata__``.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, NoReturn

from pydantic import BeforeValidator, Field, JsonValue, ValidationError, model_validator

from septum import __version__
from septum.config import registry
from septum.config.schema import ClassSpec, IntensityScheme, Predict
from septum.config.section import Section
from septum.decoding.parameters import ARGMAX, PANOPTIC_PARAMETERS, Decoder
from septum.errors import problem
from septum.networks.start_weights import StartWeights

FORMAT_VERSION = 2
METADATA_KEY = "septum"
# running statistics of normalisation layers, which are stored but not learnt
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
# Values of the parameters that a decoder of format 1 lacks, or has as None: the version that wrote
# it decoded with them. `seed_threshold` had no such value.
_FORMAT_1_PARAMETERS = {
    "threshold": 0.5,
    "mask_threshold": 0.5,
    "flow_error": 0.4,
    "overlap": 0.5,
    "min_size": 0,
    "min_stuff": 0,
}


class TrainingRecord(Section):
    """How a model was trained.

    Attributes
    ----------
    dataset, experiment, fold, seed
        Of the configuration.
    start
        What the network started from, if not from random weights.
    cases
        Number of training cases, copies included.
    flip, rotate
        Whether patches were flipped and turned.
    epochs
        Number of epochs; ``best_epoch`` is the one of the kept weights.
    best
        The validation score of the kept weights.
    """

    dataset: str
    experiment: str
    fold: int
    seed: int
    start: StartWeights | None = None
    cases: int
    flip: bool = True
    rotate: bool = True
    epochs: int
    best_epoch: int
    best: float


def _plain(options: Any) -> Any:
    """Return options with lists in place of tuples, as JSON has them."""
    if isinstance(options, Mapping):
        return {key: _plain(value) for key, value in options.items()}
    return [_plain(value) for value in options] if isinstance(options, list | tuple) else options


class ModelHeader(Section):
    """Everything about a model but its weights.

    Attributes
    ----------
    network, options
        The architecture; in a file, every option is given.
    spatial_dims, in_channels, head, classes, annotation
        What goes in and what comes out (`septum.heads.base`); classes by id.
    intensities
        How intensities become the network's input.
    spacing, unit
        The median pixel size of the training cases, and its unit.
    patch
        The training patch, in pixels.
    decoder
        The tuned decoder; None in the weights file of a training, before it is tuned.
    predict
        The settings of tiled prediction.
    digests
        SHA-256 or digest by what it is of: ``code``, ``data``, ``start``.
    trained
        How it was trained; None of a model that was put together by hand.
    """

    format_version: int = FORMAT_VERSION
    septum_version: str = __version__
    network: str
    options: Annotated[dict[str, JsonValue], BeforeValidator(_plain)] = Field(default_factory=dict)
    spatial_dims: int
    in_channels: int
    head: str
    classes: dict[int, ClassSpec] = Field(min_length=1)
    annotation: Literal["instance", "semantic", "panoptic"]
    intensities: IntensityScheme
    spacing: tuple[float, ...]
    unit: str
    patch: tuple[int, ...]
    decoder: Decoder | None = None
    predict: Predict = Predict()
    digests: dict[str, str] = Field(default_factory=dict)
    trained: TrainingRecord | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> ModelHeader:
        if self.head not in registry.HEADS:
            known = ", ".join(registry.HEADS)
            raise ValueError(f"there is no head {self.head!r}, but {known}")
        if self.decoder is not None:
            self.decoder.require_fit(self.head, self.annotation)
        return self


def read_header(path: str | Path) -> ModelHeader:
    """Read the header of a model file, without its weights and without PyTorch.

    Raises
    ------
    SeptumError
        The file is missing, is no safetensors file or is cut short, was not written by Septum
        or by a newer one, or its header is broken.
    """
    path = Path(path)
    require_file(path)
    try:
        with path.open("rb") as file:
            return parse_header(path, read_table(file).get("__metadata__"))
    except FileNotFoundError:
        raise missing(path) from None
    except (OSError, ValueError) as error:
        raise damaged(path, error) from None


def count_weights(path: str | Path) -> int:
    """Return the number of trained numbers in a model file, without reading them."""
    with Path(path).open("rb") as file:
        tensors = read_table(file)
    return sum(
        math.prod(tensor["shape"])
        for name, tensor in tensors.items()
        if name != "__metadata__" and name.rsplit(".", 1)[-1] not in _BUFFERS
    )


def read_table(file: BinaryIO) -> dict[str, Any]:
    """Return the table of a safetensors file: its tensors by name, and ``__metadata__``.

    Raises
    ------
    ValueError
        If it is no such file, or is cut short.
    """
    head = file.read(8)
    if len(head) < 8:
        raise ValueError(f"{len(head)} bytes")
    (length,) = struct.unpack("<Q", head)
    size = file.seek(0, 2)
    if length > size:
        raise ValueError("no table of tensors")
    file.seek(8)
    table = json.loads(file.read(length))
    if not isinstance(table, dict):
        raise ValueError("no table of tensors")
    tensors = [tensor for name, tensor in table.items() if name != "__metadata__"]
    end = max((tensor["data_offsets"][1] for tensor in tensors), default=0)
    if 8 + length + end != size:
        raise ValueError(f"{size} bytes instead of {8 + length + end}")
    return table


REMEDY = "give a model.safetensors that was written by septum tune"


def require_file(path: Path) -> None:
    """Raise if a path is a folder, and name the model file in it if there is one."""
    if path.is_dir():
        inside = sorted([*path.glob("model.safetensors"), *path.glob("*/model.safetensors")])
        remedy = f"give the file: {inside[0]}" if inside else REMEDY
        raise problem(path, "is a folder, not a model file", remedy)


def missing(path: Path) -> Exception:
    """Return the error of a model file that is not there."""
    return problem(path, "does not exist", REMEDY)


def damaged(path: Path, error: Exception) -> Exception:
    """Return the error of a file that is no safetensors file, or is cut short."""
    what = f"is not a safetensors file, or is cut short ({error})"
    return problem(path, what, "copy it again, or train the model again")


def parse_header(path: Path, metadata: Mapping[str, str] | None) -> ModelHeader:
    """Return the header that the metadata of a safetensors file holds.

    Raises
    ------
    SeptumError
        If there is none, it is of a newer format, or it is broken.
    """
    text = (metadata or {}).get(METADATA_KEY)
    if text is None:
        raise problem(path, "holds weights, but not the header of a Septum model", REMEDY)
    try:
        plain = json.loads(text)
        version = plain["format_version"]
        if version > FORMAT_VERSION:
            raise problem(
                path,
                f"has format {version}, but this Septum reads up to {FORMAT_VERSION}",
                "update Septum to the version that wrote it",
            )
        if version == 1:
            plain = _from_format_1(plain)
        return ModelHeader.model_validate_json(json.dumps(plain))
    except ValidationError as error:
        first = error.errors()[0]
        what = ": ".join(
            [".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")]
        ).removeprefix(": ")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
    _broken(path, what)


def _broken(path: Path, what: str) -> NoReturn:
    raise problem(path, f"has a broken header ({what})", "train the model again")


def _from_format_1(plain: dict[str, Any]) -> dict[str, Any]:
    """Return a header of format 1 as one of format 2.

    Format 1 wrote ``normalisation`` for ``intensities``, and ``from`` for the source of the weights
    that a training started from.
    """
    plain = {**plain, "format_version": FORMAT_VERSION}
    plain["intensities"] = plain.pop("normalisation")
    decoder = plain.pop("decoder", {})
    if decoder:
        plain["decoder"] = _decoder_from_format_1(decoder, plain["annotation"])
    trained = plain.pop("trained", {})
    if trained:
        start = trained.get("start")
        if start is not None:
            start = {**start, "source": start["from"]}
            del start["from"]
        plain["trained"] = {**trained, "start": start}
    return plain


def _decoder_from_format_1(old: Any, annotation: str) -> dict[str, Any]:
    """Return a decoder of format 1 as one of format 2.

    Format 1 kept one table of parameters for all methods: those that a method does not have were
    None, and had no effect where they were not. Parameters that were added later are absent.
    """
    if not isinstance(old, Mapping):
        raise ValueError("decoder is not a table")
    # maps of classes were decoded without a method, whatever the table said
    method = ARGMAX if annotation == "semantic" else old["method"]
    known = registry.METHODS[method].parameters if method in registry.METHODS else ()
    left_out = () if annotation == "panoptic" else PANOPTIC_PARAMETERS
    given = {name: value for name, value in old.items() if value is not None}
    parameters = {**_FORMAT_1_PARAMETERS, **given}
    names = [p.name for p in known if p.name in parameters and p.name not in left_out]
    return {
        "method": method,
        "parameters": {name: parameters[name] for name in names},
        "score": old.get("score"),
    }
