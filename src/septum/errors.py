"""Errors meant for people: where it is, what is wrong, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Parameters
    ----------
    where : str
        The file or the configuration key (``datasets.nuclei.images``).
    what : str
        What is wrong with it, in one sentence without a full stop.
    remedy : str
        What the reader can do about it.
    """

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}\n    -> {self.remedy}"


class SeptumError(Exception):
    """Something a user can put right; shown without a traceback.

    Carries every problem that was found, so that a user mends them in one go.

    Parameters
    ----------
    problems : Problem or iterable of Problem
    """

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def problem(where: object, what: str, remedy: str) -> SeptumError:
    """Make the error of one problem: ``raise problem(path, "is cut short", "copy it again")``."""
    return SeptumError(Problem(str(where), what, remedy))


def nearest(word: object, right: Iterable[object]) -> str:
    """Say which of the right words was meant, or list them all."""
    words = [str(r) for r in right]
    close = difflib.get_close_matches(str(word), words, n=1)
    return f"did you mean {close[0]!r}?" if close else f"choose one of: {', '.join(sorted(words))}"
