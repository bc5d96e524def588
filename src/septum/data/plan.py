"""The plan of a dataset: what settings left at ``auto`` come to on it, and the split.

`septum.stages.plan.stage` makes it; the later stages read it, and put their own settings in the
place of what was derived. A stage's settings are not in the plan: changing them would rerun it,
and all stages with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from septum.config.schema import ClassSpec, IntensityScheme, Weights
from septum.errors import SeptumError, problem

FORMAT_VERSION = 1
"""Of plan.json; it grows with every change that an older Septum would misread."""
_SCHEMES: TypeAdapter[IntensityScheme] = TypeAdapter(IntensityScheme)


@dataclass(frozen=True)
class PlannedWeights:
    """The part of the weight maps' settings that follows the data.

    Parameters
    ----------
    sigma : float
        Width of the border term, in the unit of the spacing.
    class_weights : dict of str to float
        From class id as text, background included, to the weight of its pixels.
    """

    sigma: float
    class_weights: dict[str, float]


@dataclass(frozen=True)
class Plan:
    """The decisions for a dataset.

    Parameters
    ----------
    dataset : str
        Its name in the configuration.
    spatial_dims, in_channels : int
        Axes and channels of the images.
    spacing : tuple of float
        Median size of a pixel along each spatial axis, in ``unit``.
    unit : str
        ``pixel``, ``micrometer`` or ``millimeter``.
    annotation : str
        ``instance``, ``semantic`` or ``panoptic``.
    classes : dict of int to ClassSpec
        Foreground classes by their id.
    normalisation : IntensityScheme
        How intensities become the network's input (`septum.data.intensity.normalise`).
    patch : tuple of int
        Training patch, pixels along each axis.
    weights : PlannedWeights
        What the border weight maps follow the data in.
    min_size : int
        Smallest object that a decoder keeps, in pixels.
    fingerprint : dict
        Of all cases (`septum.stages.plan.fingerprint.fingerprint`).
    test : list of str
        Names of the test cases.
    folds : list of list of str
        Names of the validation cases of each fold.
    train : list of str
        Annotated cases that lie in no fold: every fold trains on them.
    unlabelled : list of str
        Cases without labels, only predicted.
    derived : dict of str to str
        Of each setting that was derived, why it has its value.
    diameters : dict of str to float, optional
        Percentiles of the diameters of the objects outside the test set, in pixels of the finest
        axis (`septum.stages.plan.fingerprint`); None where there are no single objects.
    """

    dataset: str
    spatial_dims: int
    in_channels: int
    spacing: tuple[float, ...]
    unit: str
    annotation: str
    classes: dict[int, ClassSpec]
    normalisation: IntensityScheme
    patch: tuple[int, ...]
    weights: PlannedWeights
    min_size: int
    fingerprint: dict[str, Any]
    test: list[str]
    folds: list[list[str]]
    train: list[str]
    unlabelled: list[str]
    derived: dict[str, str]
    diameters: dict[str, float] | None = None

    def train_cases(self, fold: int) -> list[str]:
        """Return the names of the cases that a fold trains on, sorted."""
        self._check(fold)
        others = [name for k, names in enumerate(self.folds) if k != fold for name in names]
        return sorted([*self.train, *others])

    def val_cases(self, fold: int) -> list[str]:
        """Return the names of the cases that a fold is validated on, sorted."""
        self._check(fold)
        return sorted(self.folds[fold])

    def with_weights(self, settings: Weights) -> Plan:
        """Return the plan with the settings of the weight maps.

        ``sigma`` is the derived one only if the settings say ``auto``, and ``class_weights`` are
        only if they say ``class_balance``.
        """
        weights, derived = self.weights, dict(self.derived)
        if settings.sigma != "auto":
            weights = replace(weights, sigma=settings.sigma)
            derived["sigma"] = "as configured"
        if not settings.class_balance:
            weights = replace(weights, class_weights=dict.fromkeys(weights.class_weights, 1.0))
            derived["class_weights"] = "class_balance is off"
        return replace(self, weights=weights, derived=derived)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain types, fit for `septum.io.atomic.write_json`."""
        plain = {"format_version": FORMAT_VERSION, **asdict(self)}
        plain["classes"] = {str(i): spec.model_dump() for i, spec in self.classes.items()}
        plain["normalisation"] = self.normalisation.model_dump()
        plain["spacing"], plain["patch"] = list(self.spacing), list(self.patch)
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Plan:
        """Make a plan of what `to_json` returned.

        Raises
        ------
        KeyError, TypeError, ValueError
            If something is missing or of the wrong kind.
        """
        values = {field.name: plain[field.name] for field in fields(cls)}
        classes = {int(i): ClassSpec(**spec) for i, spec in values["classes"].items()}
        values |= {"classes": classes, "spacing": tuple(values["spacing"])}
        values |= {"patch": tuple(values["patch"])}
        values["weights"] = PlannedWeights(**values["weights"])
        values["normalisation"] = _SCHEMES.validate_python(values["normalisation"])
        return cls(**values)

    def _check(self, fold: int) -> None:
        if not 0 <= fold < len(self.folds):
            what = f"asks for fold {fold}, but {self.dataset} has {len(self.folds)} folds"
            remedy = f"name folds below {len(self.folds)}, or raise split.folds"
            raise problem("train.folds", what, remedy)


def read_plan(path: str | Path) -> Plan:
    """Read a plan.json.

    Raises
    ------
    SeptumError
        If there is none, or it is not one, or it is of a newer format.
    """
    try:
        plain = json.loads(Path(path).read_text(encoding="utf-8"))
        version = plain.get("format_version", 1)
        if version > FORMAT_VERSION:
            what = f"has format {version}, but this Septum reads formats up to {FORMAT_VERSION}"
            raise problem(path, what, "update Septum to the version that wrote it")
        return Plan.from_json(plain)
    except FileNotFoundError:
        raise problem(path, "does not exist", "make it by `septum plan`") from None
    except OSError as error:
        raise problem(path, f"cannot be read ({error.strerror})", "check the path") from None
    except ValidationError as error:  # a ValueError, whose text has several lines
        first = error.errors()[0]
        raise _unreadable(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(
            path, f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        ) from None


def _unreadable(path: str | Path, reason: str) -> SeptumError:
    what = f"is no plan that this version of Septum reads ({reason})"
    return problem(path, what, "delete it and run again")
