"""The scores of one experiment, read from ``cases.csv``, ``classes.csv`` and ``objects.npz``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from septum.errors import problem
from septum.io.tables import FORMAT_VERSION, VERSION_COLUMN, as_number, read_csv
from septum.metrics.bootstrap import weighted_means
from septum.metrics.objects import ScoredObjects, read_objects
from septum.metrics.ratio import means, qualities

TEXT_COLUMNS = (
    "case",
    "fold",
    "subset",
    "class",
    "class_name",
    "true_name",
    "predicted_name",
    "kind",
    "dataset",
    "experiment",
    "ranked_by",
    "device",
    "predict_device",
)
COUNT_COLUMNS = ("n_true", "n_pred", "tp", "fp", "fn", "split", "merged", "missed", "spurious")
POOLED_SCORES = ("pq_pooled", "sq_pooled", "rq_pooled", "pq_things_pooled", "pq_stuff_pooled")
CASE_COLUMNS = ("case", "fold", "subset", "dice", "n_true")
CLASS_COLUMNS = (
    *("case", "fold", "subset", "class", "class_name", "kind"),
    *("iou_sum", "tp", "fp", "fn"),
)
"""The columns that ``cases.csv`` and ``classes.csv`` must have. All other columns of scores in
``cases.csv`` are averaged as well."""
DISTANCE_SCORES = ("hd95", "assd")
"""Scores that are infinite if a class is only annotated or only predicted."""
NAN = float("nan")
COMMAND_BY_TABLE = {"leaderboard.csv": "rank", "history.csv": "train"}
"""The command that writes a table; ``evaluate`` writes all others."""

Row = dict[str, str | float]


@dataclass(frozen=True)
class Scores:
    """The scores of an experiment's cases.

    Parameters
    ----------
    experiment : str
        Name of the experiment's folder.
    cases : list of dict
        Rows of ``cases.csv``.
    classes : list of dict
        Rows of ``classes.csv``.
    objects : ScoredObjects, optional
        Objects of ``objects.npz``, by the position of their case in ``cases``.
    """

    experiment: str
    cases: list[Row]
    classes: list[Row]
    objects: ScoredObjects | None = None

    @property
    def subset(self) -> str:
        """``test``, or ``val`` if no test case was scored, or ``none``."""
        scored = {str(row["subset"]) for row in self.cases}
        return next((subset for subset in ("test", "val") if subset in scored), "none")

    def of(self, subset: str, names: Iterable[str] | None = None) -> Scores:
        """Return the scores of one subset, optionally of the named cases only, sorted by case."""
        chosen_names = None if names is None else set(names)

        def keep(rows: list[Row]) -> list[int]:
            of_subset = [i for i, row in enumerate(rows) if row["subset"] == subset]
            positions = [
                i for i in of_subset if chosen_names is None or rows[i]["case"] in chosen_names
            ]
            return sorted(positions, key=lambda i: str(rows[i]["case"]))

        cases, classes = keep(self.cases), keep(self.classes)
        return Scores(
            self.experiment,
            [self.cases[i] for i in cases],
            [self.classes[i] for i in classes],
            None if self.objects is None else self.objects.of_cases(cases),
        )

    @property
    def names(self) -> list[str]:
        """Names of the cases."""
        return [str(row["case"]) for row in self.cases]

    @property
    def metrics(self) -> list[str]:
        """Names of the columns that are scores, neither text nor counts."""
        columns = self.cases[0] if self.cases else {}
        return [name for name in columns if name not in TEXT_COLUMNS and name not in COUNT_COLUMNS]

    @property
    def has_objects(self) -> bool:
        """Whether single objects were scored anywhere."""
        return any(math.isfinite(number(row, "n_true")) for row in self.cases)

    def column(self, name: str) -> np.ndarray:
        """Return a score of all cases, (n,) float, NaN where undefined; distances may be inf."""
        return np.array([number(row, name) for row in self.cases])

    def case_means(self, metrics: Sequence[str], weights: np.ndarray) -> np.ndarray:
        """Return means over the cases with a finite score, (b, k); ``weights`` is (b, n)."""
        values = np.array([self.column(name) for name in metrics]).T
        return weighted_means(values.reshape(len(self.cases), len(metrics)), weights)

    def pooled(self, weights: np.ndarray) -> np.ndarray:
        """Return PQ, SQ and RQ of pooled cases, and PQ of things and of stuff.

        The sums of each class are added over cases before ratios are taken; the scores are means
        over the classes that occur.

        Parameters
        ----------
        weights : ndarray of float, shape (b, n)
            How often each of the n cases counts in each of the b resamples.

        Returns
        -------
        ndarray of float, shape (b, 5)
        """
        position = {name: i for i, name in enumerate(self.names)}
        ids = sorted({str(row["class"]) for row in self.classes})
        sums = np.zeros((len(position), len(ids), 4))
        for row in self.classes:
            values = [number(row, name) for name in ("iou_sum", "tp", "fp", "fn")]
            sums[position[str(row["case"])], ids.index(str(row["class"]))] = np.nan_to_num(values)
        of_classes = qualities(*np.moveaxis(np.tensordot(weights, sums, axes=1), -1, 0))
        kinds = {str(row["class"]): row["kind"] for row in self.classes}
        of_kinds = []
        for kind in ("thing", "stuff"):
            is_kind = [kinds[class_id] == kind for class_id in ids]
            of_kinds.append(means(of_classes[:, is_kind, 0]))
        return np.column_stack([means(of_classes, axis=1), *of_kinds])


def read_scores(cases: Path, classes: Path, objects: Path | None = None) -> Scores:
    """Read the scores of an experiment, which is named after their folder.

    Raises
    ------
    SeptumError
        If a file is missing or lacks a column.
    """
    return Scores(
        cases.parent.name,
        read_rows(cases, CASE_COLUMNS),
        read_rows(classes, CLASS_COLUMNS),
        None if objects is None else read_objects(objects),
    )


def read_rows(path: Path, needed: Iterable[str] = ()) -> list[Row]:
    """Read a CSV file of scores; empty fields become NaN, ``inf`` is infinite.

    Raises
    ------
    SeptumError
        If it is missing, lacks a column, holds text where a number belongs, or was written by a
        newer Septum in another format.
    """
    remedy = f"run `septum {COMMAND_BY_TABLE.get(path.name, 'evaluate')}` again"
    try:
        columns, rows = read_csv(path)
        missing = sorted(set(needed) - set(columns))
        if missing:
            what = f"lacks the columns {', '.join(missing)}: another version of Septum wrote it"
            raise problem(path, what, remedy)
        version = max((as_number(row.pop(VERSION_COLUMN, "1")) for row in rows), default=1)
        if version > FORMAT_VERSION:
            what = f"has format {version:g}, but this Septum reads up to {FORMAT_VERSION}"
            raise problem(path, what, "update Septum to the version that wrote it")
        return [
            {name: text if name in TEXT_COLUMNS else as_number(text) for name, text in row.items()}
            for row in rows
        ]
    except OSError as error:
        raise problem(path, f"cannot be read ({error.strerror})", remedy) from None
    except ValueError as error:
        raise problem(path, f"is no table of scores ({error})", remedy) from None


def number(row: Row, name: str) -> float:
    """Return a number of a row, NaN if it has none."""
    value = row.get(name, NAN)
    return value if isinstance(value, float) else NAN
