"""The gallery, which shows image, annotation and predictions of cases, the worst cases first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from septum.data.plan import Plan
from septum.data.store import Case, Prediction, open_case, read_case, read_prediction
from septum.metrics.errors import ObjectErrors, object_errors
from septum.metrics.overlap import OverlapTable
from septum.metrics.pairs import count_pairs
from septum.metrics.segments import Segments
from septum.stages.leaderboard.scores import Row, number
from septum.stages.report.colours import class_colours
from septum.stages.report.inputs import Dataset, Experiment
from septum.stages.report.overlays import Frame, choose_frame, draw_errors, draw_labels, picture
from septum.stages.report.text import number_text, subset_name

ERROR_KINDS = ("missed", "merged", "split", "spurious")


@dataclass(frozen=True)
class Pane:
    """The prediction of one network for a case.

    Parameters
    ----------
    experiment, name : str
        The folder of the network, and its name in the configuration.
    overlay : str
        Data URI of the prediction.
    alt : str
        Description of the picture.
    caption : str
        Scores of the prediction.
    rank : int
        Rank of the case among those of this network, the worst first.
    """

    experiment: str
    name: str
    overlay: str
    alt: str
    caption: str
    rank: int


@dataclass(frozen=True)
class Card:
    """The pictures of a case; ``truth`` is empty if the case is not annotated."""

    case: str
    subset: str
    note: str
    width: int
    height: int
    image: str
    truth: str
    truth_caption: str
    panes: list[Pane]


@dataclass(frozen=True)
class Gallery:
    """The cases shown, and the numbers of cases without the limit."""

    scored: list[Card]
    scored_in_all: int
    new: list[Card]
    new_in_all: int


def make_gallery(dataset: Dataset, limit: int) -> Gallery:
    """Draw the cases of a dataset.

    Of the scored cases, test cases precede validation cases, each in order from the worst to the
    best. The worst cases of every network are among the ``limit`` cases shown.

    Parameters
    ----------
    dataset : Dataset
    limit : int
        Largest number of scored cases, and of new cases.
    """
    ranks = {e.key: case_ranks(e, dataset.has_objects) for e in dataset.experiments}
    scored = sorted({name for of_network in ranks.values() for name in of_network})
    # the worst cases of all networks, then their second worst cases, …
    scored.sort(key=lambda name: (min(r.get(name, math.inf) for r in ranks.values()), name))
    new = [name for name in dataset.plan.unlabelled if name in dataset.cases]
    first = ranks[dataset.experiments[0].key] if dataset.experiments else {}
    shown = sorted(scored[:limit], key=lambda name: (first.get(name, math.inf), name))
    return Gallery(
        scored=list(_cards(dataset, shown, ranks)),
        scored_in_all=len(scored),
        new=list(_cards(dataset, sorted(new)[:limit], {})),
        new_in_all=len(new),
    )


def case_ranks(experiment: Experiment, objects: bool) -> dict[str, int]:
    """Return the rank of each case, where test cases precede validation cases.

    Cases are ranked from the worst to the best, by mean AP if there are objects, else by Dice.
    Cases without a score, where nothing is annotated and nothing predicted, are last.
    """
    score = "ap" if objects else "dice"

    def worst_first(row: Row) -> tuple[bool, float, str]:
        value = number(row, score)
        return row["subset"] != "test", math.inf if math.isnan(value) else value, str(row["case"])

    ordered = sorted(experiment.scores.cases, key=worst_first)
    return {str(row["case"]): rank for rank, row in enumerate(ordered)}


def find_errors(
    plan: Plan, true: Case | Prediction, pred: Case | Prediction
) -> ObjectErrors | None:
    """Return the errors of the objects, as they are counted in ``cases.csv``.

    Return None if either side has no instances.
    """
    if true.instance is None or pred.instance is None:
        return None
    things = {number for number, spec in plan.classes.items() if spec.kind == "thing"}
    pairs = count_pairs(
        Segments(true.semantic, true.instance, things, "annotation"),
        Segments(pred.semantic, pred.instance, things, "prediction"),
        true.void,
    )
    return object_errors(OverlapTable.from_pairs(pairs, things).same_class().of_classes(things))


def _cards(
    dataset: Dataset, names: Sequence[str], ranks: dict[str, dict[str, int]]
) -> Iterator[Card]:
    for position, name in enumerate(names):
        if name in dataset.cases:
            yield _card(dataset, name, {k: r.get(name, position) for k, r in ranks.items()})


def _card(dataset: Dataset, name: str, ranks: dict[str, int]) -> Card:
    rows = {
        e.key: next((row for row in e.scores.cases if row["case"] == name), None)
        for e in dataset.experiments
    }
    # a prediction that was not scored is not compared with the annotation
    scored = any(rows.values())
    case = read_case(dataset.cases[name]) if scored else open_case(dataset.cases[name])
    predictions = {
        e.key: read_prediction(e.predicted[name])
        for e in dataset.experiments
        if name in e.predicted and (rows[e.key] is not None or not scored)
    }
    frame = _frame(case, predictions, scored)
    colours = class_colours(dataset.plan)
    panes = []
    for position, experiment in enumerate(dataset.experiments):
        prediction = predictions.get(experiment.key)
        if prediction is not None:
            row = rows[experiment.key]
            overlay = _prediction_overlay(dataset.plan, case, prediction, frame, row, colours)
            caption = _caption(row, prediction)
            alt = f"Prediction of {experiment.name} for {name}: {caption}"
            rank = ranks.get(experiment.key, position)
            panes.append(Pane(experiment.key, experiment.name, overlay, alt, caption, rank))
    row = next((row for row in rows.values() if row), None)
    height, width = frame.shown
    return Card(
        case=name,
        subset=subset_name(str(row["subset"])) if row else "no annotation",
        note=_note(case, frame),
        width=width,
        height=height,
        image=picture(case.image, frame),
        truth=draw_labels(case.semantic, case.instance, frame, colours) if scored else "",
        truth_caption=_truth_caption(row) if row else "",
        panes=panes,
    )


def _frame(case: Case, predictions: dict[str, Prediction], scored: bool) -> Frame:
    labels = case.instance if case.instance is not None else case.semantic
    if not scored or labels is None:
        first = next(iter(predictions.values()), None)
        if first is None:
            return choose_frame(np.zeros(case.image.shape[1:], np.uint8))
        labels = first.instance if first.instance is not None else first.semantic
    return choose_frame(np.asarray(labels[...]))


def _prediction_overlay(
    plan: Plan,
    case: Case,
    prediction: Prediction,
    frame: Frame,
    row: Row | None,
    colours: dict[int, str],
) -> str:
    if row is None:
        return draw_labels(prediction.semantic, prediction.instance, frame, colours)
    return draw_errors(
        (case.semantic, case.instance),
        (prediction.semantic, prediction.instance),
        find_errors(plan, case, prediction),
        frame,
        colours,
    )


def _caption(row: Row | None, prediction: Prediction) -> str:
    if row is None:
        if prediction.instance is None:
            return "predicted"
        return f"{int(np.max(prediction.instance, initial=0))} objects"
    if math.isnan(number(row, "n_true")):
        return f"Dice {number_text(number(row, 'dice'))}, IoU {number_text(number(row, 'iou'))}"
    counts = [f"{number(row, kind):.0f} {kind}" for kind in ERROR_KINDS if number(row, kind) > 0]
    return f"AP {number_text(number(row, 'ap'))}: {', '.join(counts) or 'no errors'}"


def _truth_caption(row: Row) -> str:
    objects = number(row, "n_true")
    return "" if math.isnan(objects) else f"{objects:.0f} objects"


def _note(case: Case, frame: Frame) -> str:
    size = " × ".join(str(n) for n in case.image.shape[1:])
    if not frame.section:
        return f"{size} px"
    depth = case.image.shape[1 : 1 + len(frame.section)]
    position = ", ".join(f"{i + 1} of {n}" for i, n in zip(frame.section, depth, strict=True))
    return f"{size} px, section {position} (the one with most objects); counts are of the volume"
