"""The section of one dataset: its image and label files, and the meaning of the labels."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from septum.config import registry
from septum.config.demo_cases import DEMO_CASES
from septum.config.schema import ClassSpec, Normalisation, Positive, Split
from septum.config.section import Section

ReaderName = Literal["auto", *registry.READERS]


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
    exclude: list[str] = Field(default_factory=list)
    normalisation: Normalisation = Normalisation()
    split: Split = Split()
    augment: dict[str, Any] = Field(default_factory=dict)
    weights: dict[str, Any] = Field(default_factory=dict)
    train: dict[str, Any] = Field(default_factory=dict)
    predict: dict[str, Any] = Field(default_factory=dict)
    decode: dict[str, Any] = Field(default_factory=dict)
    export: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        """Accept ``{1: nucleus}`` for ``{1: {name: nucleus}}``, and add the classes of a demo."""
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
    def _unique_names(cls, classes: dict[int, ClassSpec] | None) -> dict[int, ClassSpec] | None:
        """Refuse equal names of classes, since scores and tables identify classes by name."""
        number_by_name: dict[str, int] = {}
        for number, spec in (classes or {}).items():
            if number_by_name.setdefault(spec.name, number) != number:
                raise ValueError(
                    f"{number_by_name[spec.name]} and {number} are both called {spec.name!r}"
                )
        return classes

    @property
    def has_labels(self) -> bool:
        """Whether any cases have labels to train on."""
        return self.labels is not None or self.demo is not None

    @property
    def layout(self) -> Literal["one", "pair", "coco", "by_class"]:
        """The layout of the label files of a case (`septum.stages.prepare.label_files`)."""
        if self.segments is not None:
            return "coco"
        if self.instances is not None:
            return "pair"
        return "by_class" if "{class}" in (self.labels or "") else "one"

    @property
    def label_patterns(self) -> dict[str, str]:
        """The patterns of a case's label maps by their keys; maps of classes in order of id."""
        patterns = {"labels": self.labels, "instances": self.instances}
        if self.layout == "by_class":
            classes = sorted((self.classes or {}).items())
            names = {f"labels ({spec.name})": spec.name for _, spec in classes}
            patterns = {key: self.labels.replace("{class}", name) for key, name in names.items()}
        return {key: pattern for key, pattern in patterns.items() if pattern is not None}

    @property
    def void_number(self) -> int | None:
        """The number in the label files that marks void pixels, if any does."""
        return self.void if isinstance(self.void, int) else None

    @property
    def spatial_dims(self) -> int | None:
        """Number of axes of the images; None if the configuration does not tell."""
        if self.demo is not None:
            return DEMO_CASES[self.demo].spatial_dims
        return None if self.spacing is None else len(self.spacing)

    @property
    def image_patterns(self) -> list[str]:
        """The patterns of the annotated images, one for each file of channels."""
        return _as_list(self.images)

    @property
    def unlabelled_patterns(self) -> list[str]:
        """The patterns of the images without labels, one for each file of channels."""
        return _as_list(self.unlabelled)


def _as_list(patterns: str | list[str] | None) -> list[str]:
    if patterns is None:
        return []
    return [patterns] if isinstance(patterns, str) else list(patterns)
