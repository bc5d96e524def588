"""Run every benchmark and print its ratios: ours against a peer, in the same run.

    python benchmarks/run.py [NAME ...]        (make bench)

A ratio below 1 means that ours is faster. Nothing here is a test: times depend on the machine,
ratios hardly do.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NAMES = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def main() -> int:
    """Run the benchmarks named on the command line (all without a name)."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help=f"of: {', '.join(NAMES)}")
    names = parser.parse_args().names or NAMES
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; choose of {', '.join(NAMES)}")
    sys.path.insert(0, str(FOLDER))
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"{'':52}{'ours':>10}{'peer':>10}{'ratio':>8}{'target':>8}")
    missed = 0
    for name in names:
        for row in importlib.import_module(f"bench_{name}").run():
            missed += not show(row)
    return 1 if missed else 0


def show(row: dict) -> bool:
    """Print one comparison; return whether its target, if any, is met."""
    target, ratio = row.get("target"), row["ratio"]
    met = target is None or ratio is None or ratio <= target
    cells = [f"{row['name'][:51]:52}"]
    for key in ("ours_s", "peer_s"):
        value = row.get(key)
        cells.append(f"{value:9.3f}s" if value is not None else f"{'-':>10}")
    cells.append(f"{ratio:8.3f}" if ratio is not None else f"{'-':>8}")
    cells.append(f"{target:8.2f}" if target is not None else f"{'':8}")
    print("".join(cells), "" if met else "MISSED", row.get("note", ""), flush=True)
    return met


if __name__ == "__main__":
    raise SystemExit(main())
