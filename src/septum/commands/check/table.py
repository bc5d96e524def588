"""The table of the datasets that ``septum check`` prints."""

from __future__ import annotations

from collections.abc import Sequence

from septum.data.plan import Plan
from septum.io.units import SYMBOLS


def dataset_table(plans: Sequence[Plan]) -> list[str]:
    """Return a table with a line for each planned dataset; no lines if there is no plan."""
    rows = [("dataset", "cases", "labelled", "size", "spacing", "objects", "classes", "test/folds")]
    for plan in plans:
        facts = plan.fingerprint
        unit = SYMBOLS[plan.unit]
        objects = facts["objects"]
        rows.append(
            (
                plan.dataset,
                str(facts["cases"]),
                str(facts["annotated"]),
                "×".join(str(n) for n in facts["size"]["median"]),
                f"{'×'.join(f'{s:.3g}' for s in plan.spacing)} {unit}",
                "–" if objects is None else f"{objects['count']:,}",
                ", ".join(spec.name for spec in plan.classes.values()),
                f"{len(plan.test)}/{len(plan.folds)}",
            )
        )
    if len(rows) == 1:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
