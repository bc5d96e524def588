"""The records that a store keeps beside its arrays: of a case, and of a prediction.

On disk they are plain JSON, in which what is None is left out. Keys that this version does not
know are passed over when they are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Self

from pydantic import JsonValue


class _Record:
    """A dataclass whose fields are the keys of a JSON object."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the record as JSON has it, without what is None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Make a record of what `to_json` returned.

        Raises
        ------
        KeyError, TypeError, ValueError
            If something is missing, or ``plain`` is no JSON object.
        """
        plain = dict(plain)
        names = [f.name for f in fields(cls) if f.name in plain or f.default is MISSING]
        return cls(**{name: plain[name] for name in names})


@dataclass(frozen=True)
class IntensityStatistics(_Record):
    """Intensities of a whole image (`septum.data.intensity.statistics`).

    Parameters
    ----------
    percentiles : dict of str to list of float
        From the level in percent as text (``"99.8"``) to a value a channel.
    mean, std : list of float
        A value a channel.
    """

    percentiles: dict[str, list[float]]
    mean: list[float]
    std: list[float]


@dataclass(frozen=True)
class LabelCounts(_Record):
    """Counts made while the labels of a case were read; None where that was not counted.

    Parameters
    ----------
    objects : int, optional
    renumbered : bool, optional
        Whether the ids of the objects had gaps.
    unnumbered : int, optional
        Pixels of things without an object number.
    ignored : int, optional
        Objects of stuff classes; None where there are none.
    void : int, optional
        Pixels that are void; None where there are none.
    masks, empty, hidden, overlap : int, optional
        Of a folder with a mask an object: its files, those without a pixel, those of which others
        hide all pixels, and pixels of several masks.
    classes : dict, optional
        By id, the classes that the label files themselves name: ``name``, ``kind``, ``colour``
        (`septum.config.schema.ClassSpec`).
    """

    objects: int | None = None
    renumbered: bool | None = None
    unnumbered: int | None = None
    ignored: int | None = None
    void: int | None = None
    masks: int | None = None
    empty: int | None = None
    hidden: int | None = None
    overlap: int | None = None
    classes: dict[str, dict[str, str | None]] | None = None


@dataclass(frozen=True)
class PredictionAttributes(_Record):
    """How a prediction was made; None where that is not known, or does not apply.

    Parameters
    ----------
    annotation : str, optional
        ``instance``, ``semantic`` or ``panoptic``.
    classes : dict of int to str, optional
        Names of the foreground classes by id.
    decoder : dict, optional
        ``method`` and its parameters, of a network.
    tile : tuple of int, optional
        Window of the prediction in pixels, of a network.
    method : str, optional
        Of a classical baseline.
    parameters : dict, optional
        Of a classical baseline, or of a merge.
    merge : dict of str to str, optional
        Names of the experiments that were merged, by ``instances`` and ``semantic``.
    models : tuple of str
        SHA-256 of the files that predicted.
    subset : str, optional
        ``test``, ``val`` or ``unlabelled``.
    fold : str, optional
        The fold that predicted, or ``ensemble``.
    """

    annotation: str | None = None
    classes: dict[int, str] | None = None
    decoder: dict[str, JsonValue] | None = None
    tile: tuple[int, ...] | None = None
    method: str | None = None
    parameters: dict[str, JsonValue] | None = None
    merge: dict[str, str] | None = None
    models: tuple[str, ...] = ()
    subset: str | None = None
    fold: str | None = None

    def to_json(self) -> dict[str, JsonValue]:
        """Return the record as JSON has it, without what is None, and without no models."""
        plain = super().to_json()
        if self.classes is not None:
            plain["classes"] = {str(number): name for number, name in self.classes.items()}
        if self.tile is not None:
            plain["tile"] = list(self.tile)
        if plain.pop("models"):
            plain["models"] = list(self.models)
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Make a record of what `to_json` returned; errors as of any record."""
        plain = dict(plain)
        if "classes" in plain:
            plain["classes"] = {int(number): name for number, name in plain["classes"].items()}
        for name in ("tile", "models"):
            if name in plain:
                plain[name] = tuple(plain[name])
        return super().from_json(plain)
