"""The section of one experiment: a network, a classical baseline, or a merge of two others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from septum.config import registry
from septum.config.schema import Merge, Pretrained, Seed
from septum.config.section import Section, without_nulls

HeadName = Literal[*registry.HEADS]


class Experiment(Section):
    """A network with a head, a classical baseline, or a merge of two experiments.

    Exactly one of ``network``, ``method`` (a classical baseline) and ``merge`` is set. A
    baseline takes ``options`` and ``datasets``, a merge ``datasets``; all other keys are for
    networks. ``train``, ``predict`` and ``decode`` override the top-level sections.

    In a file, an entry with lists stands for several experiments
    (`septum.config.experiment_grid`).
    """

    network: str | None = None
    method: str | None = None
    merge: Merge | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    head: HeadName = "semantic"
    datasets: list[str] | Literal["all"] = "all"
    seed: Seed | None = None
    pretrained: Pretrained | None = None
    start_from: str | None = None
    train: dict[str, Any] = Field(default_factory=dict)
    predict: dict[str, Any] = Field(default_factory=dict)
    decode: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _tidy(cls, data: Any) -> Any:
        """Drop keys and options that are null, by which a second file takes them back."""
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
        """The kind of experiment."""
        if self.method is not None:
            return "classical"
        return "network" if self.merge is None else "merged"

    @field_validator("pretrained", mode="before")
    @classmethod
    def _source_alone(cls, value: Any) -> Any:
        return {"source": value} if isinstance(value, str) else value
