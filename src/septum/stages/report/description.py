"""Descriptions of the data and the networks, as rows of text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from septum.data.plan import Plan
from septum.io.units import SYMBOLS
from septum.stages.leaderboard.scores import Row, number
from septum.stages.report.inputs import Experiment
from septum.stages.report.text import UNDEFINED_TEXT, size_text, value_text


def data_rows(plan: Plan) -> list[tuple[str, str]]:
    """Return the fingerprint of a dataset as pairs of name and value."""
    fingerprint = plan.fingerprint
    rows = [
        ("Cases", f"{fingerprint['cases']}, of them {fingerprint['annotated']} annotated"),
        ("Split", _split(plan)),
        ("Annotation", f"{plan.annotation}: {_classes(plan)}"),
        ("Size", _range(fingerprint["size"])),
        ("Pixel size", f"{size_text(plan.spacing, '.4g')} {SYMBOLS[plan.unit]}"),
        ("Channels", f"{fingerprint['channels']}, {', '.join(fingerprint['dtypes'])}"),
    ]
    share = (fingerprint.get("classes") or {}).get("pixel_share")
    if share:
        rows.append(("Foreground", f"{1 - share.get('0', 0.0):.1%} of annotated pixels"))
    objects = fingerprint.get("objects")
    if objects and objects["count"]:
        per_case, diameter = objects["per_case"], objects["diameter_px"]
        rows += [
            (
                "Objects",
                f"{objects['count']:,}; {per_case['min']:.0f} to {per_case['max']:.0f} a case",
            ),
            (
                "Diameter",
                f"{diameter['50']:.3g} px (5 to 95 %: {diameter['5']:.3g} to {diameter['95']:.3g})",
            ),
            ("Touching another", f"{objects['touching_fraction']:.0%} of objects"),
        ]
        if objects["multipart"]:
            rows.append(("In several pieces", f"{objects['multipart']} objects"))
    if fingerprint.get("empty"):
        rows.append(("Without any object", f"{fingerprint['empty']} annotated cases"))
    return rows


def network_row(experiment: Experiment) -> list[str]:
    """Return network, head, size, epochs, best validation IoU, time and speed of training.

    For a baseline or a merge, only its method and kind are given.
    """
    if experiment.record is not None:
        merge = experiment.merge
        return [experiment.record.method, str(merge or "classical"), *[UNDEFINED_TEXT] * 5]
    model = next(iter(experiment.models.values()))
    histories = list(experiment.histories.values())
    best = [max(finite) for rows in histories if (finite := _finite(rows, "val_iou"))]
    minutes = sum(sum(_finite(rows, "seconds")) for rows in histories) / 60
    speeds = [speed for rows in histories for speed in _finite(rows, "images_per_second")]
    options = _options(model.options)
    return [
        model.network + (f" ({options})" if options else ""),
        model.head,
        f"{model.weights:,}",
        f"{len(histories)} × {max(map(len, histories))}" if histories else UNDEFINED_TEXT,
        ", ".join(f"{value:.3f}" for value in best) or UNDEFINED_TEXT,
        f"{minutes:.1f} min" if minutes else UNDEFINED_TEXT,
        f"{sorted(speeds)[len(speeds) // 2]:.3g}" if speeds else UNDEFINED_TEXT,
    ]


def _options(options: Mapping[str, object]) -> str:
    """Return options as text, where lists are in brackets to distinguish them from sizes."""
    texts = {
        key: f"[{', '.join(map(value_text, value))}]"
        if isinstance(value, list)
        else value_text(value)
        for key, value in options.items()
        if value is not None
    }
    return ", ".join(f"{key} {text}" for key, text in texts.items())


def _finite(rows: Sequence[Row], key: str) -> list[float]:
    return [value for row in rows if math.isfinite(value := number(row, key))]


def _split(plan: Plan) -> str:
    folds = ", ".join(str(len(fold)) for fold in plan.folds)
    parts = [f"{len(plan.test)} test"]
    if plan.folds:
        parts.append(f"{len(plan.folds)} folds of {folds} validation cases")
    if plan.train:
        parts.append(f"{len(plan.train)} in training only")
    if plan.unlabelled:
        parts.append(f"{len(plan.unlabelled)} without labels")
    return "; ".join(parts)


def _classes(plan: Plan) -> str:
    return ", ".join(f"{spec.name} ({spec.kind})" for spec in plan.classes.values())


def _range(spread: Mapping[str, Sequence[int]]) -> str:
    low, middle, high = (size_text(spread[key]) for key in ("min", "median", "max"))
    return f"{middle} px" if low == high else f"{middle} px (from {low} to {high})"
