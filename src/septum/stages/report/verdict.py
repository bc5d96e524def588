"""Conclusions in sentences: which network is best, by how much, and where it fails."""

from __future__ import annotations

import math

from septum.stages.leaderboard.scores import Row, number
from septum.stages.leaderboard.stage import beats_baseline, best_baseline, told_apart
from septum.stages.report.classes import confusion_of
from septum.stages.report.gallery import case_ranks
from septum.stages.report.inputs import Dataset
from septum.stages.report.text import interval_text, number_text, subset_name

MIN_CASES_INTERVAL = 10
"""Number of cases below which bootstrap intervals are inaccurate."""
SCORE_NAMES = {"pq_pooled": "pooled PQ", "dice": "Dice"}


def verdict(dataset: Dataset) -> list[str]:
    """Return the findings on a dataset, the most important first."""
    if not dataset.leaderboard or dataset.subset == "none":
        return ["No annotated case was scored: predictions are shown below, without scores."]
    names = {e.key: e.name for e in dataset.experiments}
    first, *others = dataset.leaderboard
    sentences = [_lead(dataset, first, names)]
    sentences += [_behind(row, names) for row in others]
    sentences += _against_baseline(dataset, names)
    sentences += _failures(dataset, first, names)
    return sentences


def cautions(dataset: Dataset) -> list[str]:
    """Return the limitations of the scores of a dataset."""
    if not dataset.leaderboard or dataset.subset == "none":
        return []
    remarks = []
    cases = int(number(dataset.leaderboard[0], "cases"))
    if dataset.subset == "val":
        remarks.append(
            "There is no test set. Scores are on validation cases, on which the best epoch and "
            "the decoder were chosen: expect less on new images."
        )
    if cases == 1:
        remarks.append("A single case: there is no telling how much scores vary between cases.")
    elif cases < MIN_CASES_INTERVAL:
        remarks.append(
            f"Only {cases} cases: intervals from so few are rough, and tend to be short."
        )
    score = dataset.ranked_by if dataset.ranked_by != "pq_pooled" else "ap"
    undefined = int(number(dataset.leaderboard[0], f"{score}_undefined") or 0)
    if undefined:
        remarks.append(
            f"{undefined} of {cases} cases have no score (nothing annotated, nothing predicted) "
            "and are left out of the means."
        )
    if any(row["subset"] != dataset.subset for row in dataset.leaderboard):
        remarks.append("Networks were scored on different subsets; they cannot be compared.")
    return remarks + _never_predicted(dataset)


def _never_predicted(dataset: Dataset) -> list[str]:
    """Name the classes that an experiment never predicts, such as stuff for a detector."""
    remarks = []
    for experiment in dataset.experiments:
        pixels, _ = confusion_of(dataset, experiment)
        names = [
            spec.name
            for k, spec in enumerate(dataset.plan.classes.values(), start=1)
            if pixels[k].any() and not pixels[:, k].any()
        ]
        if names:
            missed = " and no pixel of ".join(names)
            remarks.append(f"{experiment.name} predicts no pixel of {missed}: all of it is missed.")
    return remarks


def _lead(dataset: Dataset, first: Row, names: dict[str, str]) -> str:
    score = dataset.ranked_by
    cases = int(number(first, "cases"))
    interval = interval_text(first, score)
    between = f" (95 % interval {interval})" if interval else ""
    subject = names[str(first["experiment"])]
    verb = "scores best with" if len(dataset.leaderboard) > 1 else "reaches"
    return (
        f"{subject} {verb} a {SCORE_NAMES.get(score, score)} of {number_text(number(first, score))}"
        f"{between} on {cases} {subset_name(dataset.subset)} case{'s' * (cases != 1)}."
    )


def _behind(row: Row, names: dict[str, str]) -> str:
    name, apart = names[str(row["experiment"])], told_apart(row)
    behind = number(row, "behind_best")
    if math.isnan(behind):
        return f"{name} was scored on other cases and cannot be compared."
    amount = f"{name} is {behind:.3f} behind"
    interval = interval_text(row, "behind_best")
    if apart is None:
        count = int(number(row, "behind_best_cases"))
        count_text = f"{count} common cases are" if count > 1 else "a single common case is"
        return (
            f"{amount}{f' ({interval})' * bool(interval)}; {count_text} too few to rule out chance."
        )
    if apart:
        return f"{amount} ({interval}): more than the choice of cases explains."
    return f"{amount} ({interval}): these cases do not tell the two apart."


def _against_baseline(dataset: Dataset, names: dict[str, str]) -> list[str]:
    """Name the networks that are not significantly better than the best classical baseline."""
    best_row = best_baseline(dataset.leaderboard)
    networks = [row for row in dataset.leaderboard if row.get("kind") != "classical"]
    compared = [row for row in networks if not math.isnan(number(row, "over_baseline"))]
    if best_row is None or not compared:
        return []
    baseline = names[str(best_row["experiment"])]

    def names_with(better: bool | None) -> list[str]:
        return [names[str(r["experiment"])] for r in compared if beats_baseline(r) is better]

    worse, level = names_with(False), names_with(None)
    if len(worse) == len(compared):
        return [f"No network beats {baseline}, which needs no training."]
    sentences = []
    if worse:
        verb = "does" if len(worse) == 1 else "do"
        sentences.append(f"{_listed(worse)} {verb} not beat {baseline}, which needs no training.")
    if level:
        verb = "is" if len(level) == 1 else "are"
        sentences.append(
            f"{_listed(level)} {verb} ahead of {baseline} by no more than the choice of cases "
            "may explain."
        )
    return sentences


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _failures(dataset: Dataset, first: Row, names: dict[str, str]) -> list[str]:
    experiment = next(e for e in dataset.experiments if e.key == first["experiment"])
    ranks = case_ranks(experiment, dataset.has_objects)
    worst = min(ranks, key=ranks.__getitem__)
    row = next(row for row in experiment.scores.cases if row["case"] == worst)
    score, title = ("ap", "AP") if dataset.has_objects else ("dice", "Dice")
    closing = f"The worst case is {worst} ({title} {number_text(number(row, score))})."
    total = number(first, "n_true")
    if not total > 0:
        return [closing]
    kinds = sorted(("missed", "merged", "split"), key=lambda kind: -number(first, kind))
    parts = [f"{_share(number(first, kind), total)} {kind}" for kind in kinds]
    spurious = number(first, "spurious")
    opening = (
        f"Of {total:.0f} true objects {names[experiment.key]} leaves {parts[0]}, {parts[1]} and "
        f"{parts[2]}; it predicts {f'{spurious:.0f}' if spurious else 'none'} that "
        f"{'is' if spurious == 1 else 'are'} not there."
    )
    return [opening, closing]


def _share(amount: float, total: float) -> str:
    return f"{amount / total:.1%}" if amount else "none"
