"""The blocks of the configuration as typed models: keys, types, defaults and what they mean.

Each stage is handed its own block as JSON (`canonical_json`, `parse_section`); how the blocks
make up a configuration, and which level wins, is in `septum.config.config`. Imported whenever the
Snakefile is parsed (once per cluster job), hence no heavy import here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)

from septum.config import registry
from septum.config.demo_cases import DEMO_CASES
from septum.config.messages import problems_of
from septum.config.weight_sources import is_address
from septum.errors import SeptumError

Auto = Literal["auto"]
ReaderName = Literal["auto", *registry.READERS]
HeadName = Literal[*registry.HEADS]
MethodName = Literal["auto", *registry.METHODS]
FormatName = Literal[*registry.WRITERS]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]


class Section(BaseModel):
    """A block of the configuration: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ClassSpec(Section):
    """A class of the label maps."""

    name: Annotated[str, Field(min_length=1)]
    kind: Literal["thing", "stuff"] = "thing"
    colour: str | None = Field(None, pattern=r"^#[0-9a-fA-F]{6}$")


class Normalisation(Section):
    """How intensities become the network's input (`septum.data.intensity`)."""

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
    """The one training loop of every architecture (`septum.stages.train.stage`)."""

    folds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | Literal["all"] = [0]
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
    def _off(cls, given: Any) -> Any:
        return None if given is False else given


def decode_fields(methods: Iterable[registry.Method]) -> dict[str, Any]:
    """Return the fields of the section ``decode`` for pydantic: the parameters of all methods.

    Raises
    ------
    ValueError
        If two methods disagree about a parameter.
    """
    parameters: dict[str, registry.Parameter] = {}
    for parameter in (p for method in methods for p in method.parameters):
        if parameters.setdefault(parameter.name, parameter) != parameter:
            raise ValueError(f"{parameter.name} differs between ways of decoding")
    fields: dict[str, Any] = {}
    for name, parameter in parameters.items():
        bounds = Field(
            gt=parameter.above, ge=parameter.least, lt=parameter.below, le=parameter.most
        )
        number = int if parameter.kind == "count" else float
        value = Annotated[number, bounds]
        fields[name] = (value | Auto, "auto") if parameter.auto else (value, ...)
    return fields


class _Decode(Section):
    """From maps to instances (`septum.decoding`); what is `auto` is tuned on validation cases."""

    method: MethodName = "auto"


Decode = create_model(
    "Decode",
    __base__=_Decode,
    __doc__=_Decode.__doc__,
    __module__=__name__,
    **decode_fields(registry.METHODS.values()),
)


class Evaluate(Section):
    """Scores per case (`septum.metrics`)."""

    convention: Literal["coco", "stardist", "cellpose"] = "coco"
    surface_distance: bool = True


class Export(Section):
    """What is delivered beside the label maps (`septum.stages.export.stage`)."""

    formats: list[FormatName] = ["table"]


class Report(Section):
    """The HTML report (`septum.stages.report`)."""

    title: str = "Septum report"
    gallery: Annotated[int, Field(ge=0)] = 60
    bootstrap: Annotated[int, Field(ge=100)] = 2000


class Jobs(Section):
    """How work is cut into jobs."""

    cases_per_job: Count | Auto = "auto"


class Dataset(Section):
    """Images and their labels, found by patterns."""

    images: str | list[str] | None = None
    labels: str | None = None
    instances: str | None = None
    segments: str | None = None
    unlabelled: str | list[str] | None = None
    demo: Literal["nuclei", "tissue", "volumes"] | None = None
    reader: ReaderName = "auto"
    annotation: Literal["instance", "binary", "semantic", "panoptic"] = "instance"
    classes: dict[Annotated[int, Field(ge=1)], ClassSpec] | None = None
    void: Annotated[int, Field(ge=0)] | Literal["auto", "none"] = "auto"
    spacing: list[Positive] | None = None
    group: str | None = None
    table: str | None = None
    exclude: list[str] = []
    normalisation: Normalisation = Normalisation()
    split: Split = Split()
    augment: dict[str, Any] = {}
    weights: dict[str, Any] = {}
    train: dict[str, Any] = {}
    predict: dict[str, Any] = {}
    decode: dict[str, Any] = {}
    export: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        """Accept ``{1: nucleus}`` for ``{1: {name: nucleus}}``; a demo knows its own classes."""
        if not isinstance(data, dict):
            return data
        demo = DEMO_CASES.get(data.get("demo", ""))
        if demo is not None:
            classes = {key: {"name": n, "kind": kind} for key, (n, kind) in demo.classes.items()}
            data = {"annotation": demo.annotation, "classes": classes, **data}
        if isinstance(data.get("classes"), dict):
            kind = "stuff" if data.get("annotation") == "semantic" else "thing"
            classes = {
                key: {"name": spec, "kind": kind} if isinstance(spec, str) else spec
                for key, spec in data["classes"].items()
            }
            data = {**data, "classes": classes}
        return data

    @field_validator("classes")
    @classmethod
    def _told_apart(cls, classes: dict[int, ClassSpec] | None) -> dict[int, ClassSpec] | None:
        """Refuse a name that several classes share: in scores and tables names stand alone."""
        seen: dict[str, int] = {}
        for number, spec in (classes or {}).items():
            if seen.setdefault(spec.name, number) != number:
                raise ValueError(f"{seen[spec.name]} and {number} are both called {spec.name!r}")
        return classes

    @property
    def has_labels(self) -> bool:
        """Whether there is anything to train on."""
        return self.labels is not None or self.demo is not None

    @property
    def layout(self) -> Literal["one", "pair", "coco", "by_class"]:
        """Which files hold the labels of a case (`septum.stages.prepare.label_files`)."""
        if self.segments is not None:
            return "coco"
        if self.instances is not None:
            return "pair"
        return "by_class" if "{class}" in (self.labels or "") else "one"

    @property
    def label_patterns(self) -> dict[str, str]:
        """The keys and patterns of a case's label maps; of several classes, by their ids."""
        found = {"labels": self.labels, "instances": self.instances}
        if self.layout == "by_class":
            classes = sorted((self.classes or {}).items())
            names = {f"labels ({spec.name})": spec.name for _, spec in classes}
            found = {key: self.labels.replace("{class}", name) for key, name in names.items()}
        return {key: pattern for key, pattern in found.items() if pattern is not None}

    @property
    def void_number(self) -> int | None:
        """The number in the label files that marks void pixels, if any does."""
        return self.void if isinstance(self.void, int) else None

    @property
    def spatial_dims(self) -> int | None:
        """Axes of the images, as far as the configuration says."""
        if self.demo is not None:
            return DEMO_CASES[self.demo].spatial_dims
        return None if self.spacing is None else len(self.spacing)

    @property
    def image_patterns(self) -> list[str]:
        """The patterns of the annotated images, one a channel file."""
        return _as_list(self.images)

    @property
    def unlabelled_patterns(self) -> list[str]:
        """The patterns of the images without labels, one a channel file."""
        return _as_list(self.unlabelled)


class Pretrained(Section):
    """Published weights of a backbone (`septum.networks.pretrained`)."""

    source: Annotated[str, Field(min_length=1)]
    sha256: str | None = Field(None, pattern=r"^(sha256:)?[0-9a-fA-F]{64}$")

    @property
    def is_address(self) -> bool:
        """Whether the source is downloaded, and no file on this machine."""
        return is_address(self.source)


class Merge(Section):
    """Two experiments as one panoptic result (`septum.stages.merge.stage`)."""

    instances: str
    semantic: str

    def __str__(self) -> str:
        """Return both in short, for messages and tables."""
        return f"{self.instances} + {self.semantic}"


class Experiment(Section):
    """A network, its head, and what differs from the top-level sections; or a baseline; or a merge.

    In a file, an entry with lists stands for several of them (`septum.config.experiment_grid`).

    One of ``network``, ``method`` (a classical baseline) and ``merge`` (of two experiments) is
    given. A baseline takes ``options`` and ``datasets``, a merge ``datasets``; all other keys
    are for networks.
    """

    network: str | None = None
    method: str | None = None
    merge: Merge | None = None
    options: dict[str, Any] = {}
    head: HeadName = "semantic"
    datasets: list[str] | Literal["all"] = "all"
    seed: Seed | None = None
    pretrained: Pretrained | None = None
    start_from: str | None = None
    train: dict[str, Any] = {}
    predict: dict[str, Any] = {}
    decode: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _tidy(cls, data: Any) -> Any:
        """Drop what is set to null, of the options too (a second file takes it back so)."""
        data = without_nulls(data)
        if isinstance(data, Mapping) and "options" in data:
            data = {**data, "options": without_nulls(data["options"])}
        if isinstance(data, Mapping):
            network = registry.NETWORKS.get(str(data.get("network")))
            if network is not None and network.head is not None:
                data = {"head": network.head, **data}
        return data

    @property
    def kind(self) -> Literal["network", "classical", "merged"]:
        """What it is, in one word."""
        if self.method is not None:
            return "classical"
        return "network" if self.merge is None else "merged"

    @field_validator("pretrained", mode="before")
    @classmethod
    def _source_alone(cls, given: Any) -> Any:
        return {"source": given} if isinstance(given, str) else given


class Run(Section):
    """Everything that decides one training: an experiment on a dataset, all levels merged."""

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
    """Everything that decides what a baseline is tuned to: a classical method on a dataset."""

    dataset: str
    experiment: str
    method: str
    options: dict[str, Any] = {}


def canonical_json(section: BaseModel | Mapping[str, Any]) -> str:
    """Return a section as one canonical JSON string: equal settings, equal bytes.

    Snakemake compares parameters as a set of values; one sorted string a section makes a
    swap of two values visible and a reordering invisible.
    """
    plain = section.model_dump(mode="json") if isinstance(section, BaseModel) else section
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def parse_section(kind: type[Section], text: str, where: str = "--settings") -> Any:
    """Read a section back from its JSON string (a rule's ``--settings``)."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise SeptumError(problems_of(error, where, kind)) from None


def without_nulls(block: Any) -> Any:
    """Drop the keys that are set to null; what is no mapping is left to the validation."""
    if not isinstance(block, Mapping):
        return block
    return {key: value for key, value in block.items() if value is not None}


def _as_list(patterns: str | list[str] | None) -> list[str]:
    if patterns is None:
        return []
    return [patterns] if isinstance(patterns, str) else list(patterns)
