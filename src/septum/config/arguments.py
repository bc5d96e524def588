"""Arguments of the command line that several commands share.

They belong to the configuration, since users write both, and lie below all stages and commands,
which use them to declare their arguments.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_settings(parser: ArgumentParser, what: str, *, default: str | None = None) -> None:
    """Add ``--settings JSON``, a section of the configuration; required if it has no default."""
    required = default is None
    parser.add_argument("--settings", required=required, default=default, metavar="JSON", help=what)


def add_dataset(parser: ArgumentParser) -> None:
    """Add ``--dataset NAME``."""
    parser.add_argument("--dataset", required=True, help="its name in config.yaml")


def add_seed(parser: ArgumentParser) -> None:
    """Add ``--seed``, 0 if it is not given."""
    parser.add_argument("--seed", type=int, default=0, help="seed of the configuration (0)")


def add_fold(parser: ArgumentParser) -> None:
    """Add ``--fold``, 0 if it is not given."""
    parser.add_argument("--fold", type=int, default=0, help="number of the fold (0)")


def add_code(parser: ArgumentParser, file: str) -> None:
    """Add ``--code``; ``file`` describes the file that stores the digest."""
    parser.add_argument("--code", default="", help=f"digest of the code, stored in {file}")


def add_threads(parser: ArgumentParser) -> None:
    """Add ``--threads``; `septum.cli.main` bounds the libraries by it before they are imported."""
    parser.add_argument("--threads", type=int, help="processor threads to use")


def add_path(parser: ArgumentParser, name: str, what: str, *, optional: bool = False) -> None:
    """Add ``--name PATH``; an optional one may be given without a value, which means none."""
    parser.add_argument(
        f"--{name}",
        type=Path,
        nargs="?" if optional else None,
        required=not optional,
        metavar="PATH",
        help=what,
    )


def add_paths(parser: ArgumentParser, name: str, what: str, *, optional: bool = False) -> None:
    """Add ``--name PATH...``; an optional one may have no value, or be left out."""
    parser.add_argument(
        f"--{name}",
        type=Path,
        nargs="*" if optional else "+",
        required=not optional,
        default=[],
        metavar="PATH",
        help=what,
    )


def add_costs(parser: ArgumentParser) -> None:
    """Add ``--costs JSON``, the file for the time and memory that a prediction took."""
    parser.add_argument("--costs", type=Path, metavar="JSON", help="where to write what it took")


def add_configs(parser: ArgumentParser, what: str) -> None:
    """Add the configuration files, ``config.yaml`` if none is given."""
    parser.add_argument("config", nargs="*", type=Path, default=[Path("config.yaml")], help=what)


def add_out(parser: ArgumentParser, what: str) -> None:
    """Add ``--out PATH``."""
    parser.add_argument("--out", type=Path, required=True, help=what)


def threads_to_use(arguments: Namespace) -> int:
    """Return the number of threads that a job may use, by default that of all processors."""
    return arguments.threads or os.cpu_count() or 1
