"""The settings of the stages as typed sections: keys, types and defaults.

Each stage receives its section as JSON (`canonical_json`, `parse_section`). The sections of
datasets and experiments are in `septum.config.dataset` and `septum.config.experiment`;
`septum.config.config` combines all of them into a configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from septum.config import registry
from septum.config.decode_section import Decode
from septum.config.messages import problems_of
from septum.config.section import Auto, Section
from septum.config.weight_sources import is_address
from septum.errors import SeptumError

FormatName = Literal[*registry.WRITERS]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
Folds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | Literal["all"]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]


class ClassSpec(Section):
    """A class of the label maps."""

    name: Annotated[str, Field(min_length=1)]
    kind: Literal["thing", "stuff"] = "thing"
    colour: str | None = Field(None, pattern=r"^#[0-9a-fA-F]{6}$")


class Normalisation(Section):
    """Normalisation of intensities for the network (`septum.data.intensity`)."""

    scheme: Literal["auto", "percentile", "zscore", "ct", "none"] = "auto"
    lower: Annotated[float, Field(ge=0.0, lt=100.0)] = 1.0
    upper: Annotated[float, Field(gt=0.0, le=100.0)] = 99.8
    window: tuple[float, float] | Auto = "auto"

    @model_validator(mode="after")
    def _ordered(self) -> Normalisation:
        if self.lower >= self.upper:
            raise ValueError("lower must be smaller than upper")
        if self.window != "auto" and self.window[0] >= self.window[1]:
            raise ValueError("window must be [low, high] with low < high")
        return self


class PercentileScaling(Section):
    """Intensities by percentiles of the image, in percent: (x - p_lower) / (p_upper - p_lower)."""

    scheme: Literal["percentile"] = "percentile"
    lower: float
    upper: float


class StandardScaling(Section):
    """Intensities by the mean and the standard deviation of the image: (x - mean) / std."""

    scheme: Literal["zscore"] = "zscore"


class WindowScaling(Section):
    """Intensities of CT: clipped to a window, then by mean and standard deviation of the dataset.

    All four numbers are in the unit of the image (nnU-Net, Isensee et al. 2021).
    """

    scheme: Literal["ct"] = "ct"
    low: float
    high: float
    mean: float
    std: float


class NoScaling(Section):
    """Intensities as they are."""

    scheme: Literal["none"] = "none"


IntensityScheme = Annotated[
    PercentileScaling | StandardScaling | WindowScaling | NoScaling, Field(discriminator="scheme")
]
"""What a `Normalisation` comes to on a dataset (`septum.data.intensity.normalise`)."""


class Split(Section):
    """Test set and cross-validation folds of a dataset."""

    test: Annotated[float, Field(ge=0.0, lt=1.0)] | Annotated[list[str], Field(min_length=1)] = 0.2
    folds: Annotated[int, Field(ge=2)] = 5
    file: str | None = None
    duplicates: Literal["error", "group", "allow"] = "error"


class Augment(Section):
    """Elastic copies of training cases, written to disk (`septum.augmentation.elastic`)."""

    copies: Annotated[int, Field(ge=0)] = 1
    points: Annotated[int, Field(ge=2)] = 3
    sigma: Annotated[float, Field(ge=0.0)] = 10.0
    mode: Literal["mirror", "nearest", "constant", "wrap", "reflect"] = "mirror"


class Weights(Section):
    """Border weight maps (`septum.losses.border_weights`)."""

    mode: Literal["paper", "lmb"] = "paper"
    w0: Annotated[float, Field(ge=0.0)] = 10.0
    sigma: Positive | Auto = "auto"
    class_balance: bool = True


class Train(Section):
    """The training loop, which all architectures share (`septum.stages.train.stage`)."""

    folds: Folds = Field([0])
    patch: list[Count] | Auto = "auto"
    batch: Count = 8
    epochs: Count = 100
    steps: Count = 100
    optimizer: Literal["adamw", "sgd"] = "adamw"
    lr: Positive = 1e-3
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    weight_decay: Annotated[float, Field(ge=0.0)] = 1e-4
    schedule: Literal["poly", "cosine", "constant"] = "poly"
    warmup: Annotated[int, Field(ge=0)] = 0
    clip: Annotated[float, Field(ge=0.0)] = 1.0
    ema: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99
    patience: Annotated[int, Field(ge=0)] = 0
    precision: Literal["auto", "32", "bf16"] = "auto"
    device: Literal["auto", "cpu", "gpu"] = "auto"
    devices: Count | Auto = "auto"
    workers: Annotated[int, Field(ge=0)] | Auto = "auto"
    border_weights: bool = True
    cross_entropy: Annotated[float, Field(ge=0.0)] = 1.0
    dice: Annotated[float, Field(ge=0.0)] = 0.0
    foreground: Fraction = 0.5
    flip: bool = True
    rotate: bool = True
    scale: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2
    intensity: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2
    noise: Annotated[float, Field(ge=0.0)] = 0.05

    @model_validator(mode="after")
    def _has_a_loss(self) -> Train:
        if self.cross_entropy == 0 and self.dice == 0:
            raise ValueError("cross_entropy and dice are both 0, so there is nothing to train on")
        return self


class CRF(Section):
    """Refinement of probabilities by a dense CRF (`septum.inference.crf.refine`)."""

    intensity_sigma: Positive
    appearance_weight: Annotated[float, Field(ge=0.0)] = 4.0
    appearance_sigma: Positive = 10.0
    smoothness_weight: Annotated[float, Field(ge=0.0)] = 3.0
    smoothness_sigma: Positive = 3.0
    truncate: Positive = 2.0
    iterations: Count = 10


class Predict(Section):
    """Tiled inference (`septum.inference.tiling`, `septum.stages.predict.stage`)."""

    tile: list[Count] | Auto = "auto"
    overlap: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.25
    batch: Count = 4
    tta: bool = False
    crf: CRF | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"

    @field_validator("crf", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        return None if value is False else value


class Evaluate(Section):
    """Scores per case (`septum.metrics`)."""

    convention: Literal["coco", "stardist", "cellpose"] = "coco"
    surface_distance: bool = True


class Export(Section):
    """Formats of objects to export beside the label maps (`septum.stages.export.stage`)."""

    formats: list[FormatName] = Field(["table"])


class Report(Section):
    """The HTML report (`septum.stages.report`)."""

    title: str = "Septum report"
    gallery: Annotated[int, Field(ge=0)] = 60
    bootstrap: Annotated[int, Field(ge=100)] = 2000


class Jobs(Section):
    """The division of work into jobs."""

    cases_per_job: Count | Auto = "auto"


class Pretrained(Section):
    """Published weights of a backbone (`septum.networks.pretrained`)."""

    source: Annotated[str, Field(min_length=1)]
    sha256: str | None = Field(None, pattern=r"^(sha256:)?[0-9a-fA-F]{64}$")

    @property
    def is_address(self) -> bool:
        """Whether the source is an address to download from, not a file on this machine."""
        return is_address(self.source)


class Merge(Section):
    """The two experiments of a panoptic merge (`septum.stages.merge.stage`)."""

    instances: str
    semantic: str

    def __str__(self) -> str:
        """Return the names of both experiments, for messages and tables."""
        return f"{self.instances} + {self.semantic}"


class Tune(Section):
    """All settings that the tuning of a decoder depends on (`septum.stages.tune.stage`)."""

    predict: Predict = Predict()
    decode: Decode = Decode()


class Run(Section):
    """All settings of one training: an experiment on a dataset, with all levels merged."""

    dataset: str
    experiment: str
    network: str
    options: dict[str, Any]
    head: str
    pretrained: Pretrained | None = None
    start_from: str | None = None
    train: Train = Train()
    predict: Predict = Predict()
    decode: Decode = Decode()


class Baseline(Section):
    """All settings of the tuning of a classical method on a dataset."""

    dataset: str
    experiment: str
    method: str
    options: dict[str, Any] = Field(default_factory=dict)


def canonical_json(section: BaseModel | Mapping[str, Any]) -> str:
    """Return a section as a canonical JSON string, which is the same for equal settings.

    Snakemake compares parameters as a set of values. With one sorted string for each section it
    detects that two values were swapped, and ignores that keys were reordered.
    """
    plain = section.model_dump(mode="json") if isinstance(section, BaseModel) else section
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def parse_section(kind: type[Section], text: str, where: str = "--settings") -> Any:
    """Read a section back from its JSON string (a rule's ``--settings``)."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise SeptumError(problems_of(error, where, kind)) from None
