"""The header of a model file, which describes a model except for its weights.

It is a canonical JSON string in the metadata of a safetensors file. Such a file begins with the
length of a JSON table (8 bytes, little endian), followed by the table, which lists the tensors
and holds the metadata under ``__metadata__``. Hence the header is read without PyTorch.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
# running statistics of normalisation layers, which are stored but not trained
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
    """The training of a model.

    Attributes
    ----------
    dataset, experiment, fold, seed
        Names, fold and seed of the configuration.
    start
        Initial weights; None if they were random.
    cases
        Number of training cases, including augmented copies.
    flip, rotate
        Whether patches were flipped and rotated.
    epochs, best_epoch
        Number of epochs, and the epoch of the weights in the file.
    best
        Validation score of the weights in the file.
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
    """Return options in which tuples are replaced by lists, as in JSON."""
    if isinstance(options, Mapping):
        return {key: _plain(value) for key, value in options.items()}
    return [_plain(value) for value in options] if isinstance(options, list | tuple) else options


class ModelHeader(Section):
    """The description of a model, without its weights.

    Attributes
    ----------
    network, options
        Name and options of the network; files hold all options.
    spatial_dims, in_channels, head, classes, annotation
        Input and output of the network (`septum.heads.base`); classes by id.
    intensities
        Normalisation of intensities.
    spacing, unit
        Median pixel size of the training cases, and its unit.
    patch
        Size of the training patch, in pixels.
    decoder
        The tuned decoder; None in the weights file of a training, which is not tuned yet.
    predict
        Settings of tiled prediction.
    digests
        Digests by subject: ``code``, ``data``, ``start``.
    trained
        The training of the model; None if it was not trained by the workflow.
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
        If the file is missing, is not a safetensors file, is cut short, was not written by
        Septum, was written by a newer version, or has a broken header.
    """
    path = Path(path)
    with reading(path), path.open("rb") as file:
        metadata = read_table(file).get("__metadata__")
    return parse_header(path, metadata)


def count_weights(path: str | Path) -> int:
    """Return the number of trained parameters in a model file, without reading them."""
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
        If the file is not a safetensors file, or is cut short.
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


@contextmanager
def reading(path: Path, *damages: type[Exception]) -> Iterator[None]:
    """Raise a `SeptumError` if a model file cannot be read.

    Parameters
    ----------
    path : Path
        If it is a folder, the error names the model file in it, if there is one.
    damages : type of Exception
        Errors, besides those of the system and of values, that say that the file is no safetensors
        file, or is cut short.
    """
    if path.is_dir():
        inside = sorted([*path.glob("model.safetensors"), *path.glob("*/model.safetensors")])
        remedy = f"give the file: {inside[0]}" if inside else REMEDY
        raise problem(path, "is a folder, not a model file", remedy)
    try:
        yield
    except FileNotFoundError:
        raise problem(path, "does not exist", REMEDY) from None
    except (OSError, ValueError, *damages) as error:
        what = f"is not a safetensors file, or is cut short ({error})"
        raise problem(path, what, "copy it again, or train the model again") from None


def parse_header(path: Path, metadata: Mapping[str, str] | None) -> ModelHeader:
    """Return the header in the metadata of a safetensors file.

    Raises
    ------
    SeptumError
        If there is no header, its format is newer, or it is broken.
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
