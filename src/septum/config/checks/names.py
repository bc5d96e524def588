"""Names of datasets and experiments, which become names of folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from septum.errors import Problem

# names that files and folders of the workflow have beside those of datasets and experiments
RESERVED = {
    "datasets": {"logs", "report.html", "report.json"},
    "experiments": {
        *("demo", "batches", "cases", "copies", "weights", "logs"),
        *("plan.json", "leaderboard.csv"),
    },
}


def name_checks(kind: str, names: Sequence[str]) -> Iterator[Problem]:
    """Yield a problem for each name that would share a folder with another or the workflow's."""
    seen: dict[str, str] = {}
    for name in names:
        key = f"{kind}.{name or repr(name)}"
        rival = seen.setdefault(name.lower(), name)
        if not name or name.lower() in RESERVED[kind]:
            yield Problem(key, f"cannot be the name of one of the {kind}", "choose another name")
        elif rival != name:
            what = f"differs from {rival!r} by capitals only, which some disks take for the same"
            yield Problem(key, what, "choose another name")
