"""The file of a tuned baseline: ``parameters.json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from septum import __version__
from septum.classical.create import create_method
from septum.config.schema import ClassSpec
from septum.config.section import Section
from septum.data.fold_values import representative_fold
from septum.data.plan import Plan
from septum.errors import problem

FORMAT_VERSION = 1


class Record(Section):
    """The content of a ``parameters.json``, of a tuned baseline or a merge of two experiments.

    Attributes
    ----------
    method, parameters
        Name of the method (`septum.classical.create`) and values of all its parameters.
    score
        Score of the validation cases
        (`septum.stages.tune.baseline_parameters.best_parameters`); None if there were no cases
        to score.
    spatial_dims, in_channels, annotation, classes, spacing, unit
        Properties of the dataset.
    digests
        Digests of the code and of the validation cases.
    fitted
        ``dataset``, ``experiment``, ``fold``, and the numbers of ``cases`` and ``pixels`` that
        parameters were tuned on.
    """

    format_version: int = FORMAT_VERSION
    septum_version: str = __version__
    method: str
    parameters: dict[str, Any]
    score: float | None
    spatial_dims: int
    in_channels: int
    annotation: Literal["instance", "semantic", "panoptic"]
    classes: dict[int, ClassSpec]
    spacing: tuple[float, ...]
    unit: Literal["pixel", "micrometer", "millimeter"]
    digests: dict[str, str] = Field(default_factory=dict)
    fitted: dict[str, Any] = Field(default_factory=dict)


def data_of(plan: Plan) -> dict[str, Any]:
    """Return the fields of a `Record` that describe its dataset."""
    names = ("spatial_dims", "in_channels", "annotation", "classes", "spacing", "unit")
    return {name: getattr(plan, name) for name in names}


class Fitted(Record):
    """The parameters of a tuned baseline, which segments a single class."""

    classes: dict[int, ClassSpec] = Field(min_length=1, max_length=1)


Kind = TypeVar("Kind", bound=Record)


def read_fitted(path: str | Path) -> Fitted:
    """Read a ``parameters.json``, and check the parameters with their method.

    Raises
    ------
    SeptumError
        If the file is missing or invalid, or its parameters are not those of its method.
    """
    fitted = read_record(Path(path), Fitted)
    create_method(fitted.method, fitted.parameters, where=str(path))
    return fitted


def read_record(path: Path, kind: type[Kind]) -> Kind:
    """Read a ``parameters.json`` without importing its method.

    Raises
    ------
    SeptumError
        If the file is missing or invalid.
    """
    owner = "a baseline" if kind is Fitted else "a merge"
    remedy = "give a parameters.json that the workflow wrote"
    try:
        record = kind.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise problem(path, "does not exist", "run the workflow again") from None
    except OSError as error:
        raise problem(path, f"cannot be read ({error.strerror})", "check the path") from None
    except UnicodeDecodeError:
        raise problem(path, f"is no text, and so no parameters of {owner}", remedy) from None
    except ValidationError as error:
        first, keys = error.errors()[0], {fault["loc"][:1] for fault in error.errors()}
        if kind is Fitted and ("merge",) in keys:
            remedy = "give the models of the two, or name the images in `unlabelled` of the dataset"
            raise problem(path, "is of a merge, which looks at no image itself", remedy) from None
        what = f"holds no parameters of {owner} ({'.'.join(map(str, first['loc']))}"
        raise problem(path, f"{what}: {first['msg']})", remedy) from None
    if record.format_version > FORMAT_VERSION:
        what = f"has format {record.format_version}, but this Septum reads {FORMAT_VERSION}"
        raise problem(path, what, "update Septum to the version that wrote it")
    return record


def common_baseline(baselines: Sequence[Fitted]) -> Fitted:
    """Return the baseline of the representative fold.

    `septum.data.fold_values.representative_fold` defines it.

    Parameters
    ----------
    baselines : sequence of Fitted
        At least one baseline of the same method for the same kind of data.
    """
    parameters = [baseline.parameters for baseline in baselines]
    return baselines[representative_fold(parameters, [baseline.score for baseline in baselines])]
