"""Checks of the names of datasets and experiments, which become names of folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from septum.errors import Problem

# names of files and folders that the workflow writes beside those of datasets and experiments
RESERVED_NAMES = {
    "datasets": {"logs", "report.html", "report.json"},
    "experiments": {
        *("demo", "batches", "cases", "copies", "weights", "logs"),
        *("plan.json", "leaderboard.csv"),
    },
}


def name_checks(kind: str, names: Sequence[str]) -> Iterator[Problem]:
    """Yield a problem for each name whose folder would collide with another one."""
    first_by_folder: dict[str, str] = {}
    for name in names:
        key = f"{kind}.{name or repr(name)}"
        first = first_by_folder.setdefault(name.lower(), name)
        if not name or name.lower() in RESERVED_NAMES[kind]:
            yield Problem(key, f"cannot be the name of one of the {kind}", "choose another name")
        elif first != name:
            what = f"differs from {first!r} by capitals only, which some disks take for the same"
            yield Problem(key, what, "choose another name")
