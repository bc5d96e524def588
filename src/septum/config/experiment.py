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
    """A network, its head, and what differs from the top-level sections; or a baseline; or a merge.

    In a file, an entry with lists stands for several of them (`septum.config.experiment_grid`).

    One of ``network``, ``method`` (a classical baseline) and ``merge`` (of two experiments) is
    given. A baseline takes ``options`` and ``datasets``, a merge ``datasets``; all other keys
    are for networks.
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
