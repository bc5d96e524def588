"""Errors meant for people: where it is, what is wrong, what to do."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator
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


class Problems:
    """Collects what is wrong, so that a user is told all of it at once.

    A problem that is found several times is kept once: a mistake in the configuration shows once,
    not once a case.

    Examples
    --------
    >>> problems = Problems()
    >>> problems.add("a.tif", "is cut short", "copy it again")
    >>> with problems.caught():
    ...     raise problem("b.tif", "does not exist", "check the path")
    >>> [p.where for p in problems]
    ['a.tif', 'b.tif']
    """

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self._problems = dict.fromkeys(problems)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._problems)

    def __len__(self) -> int:
        return len(self._problems)

    def add(self, where: object, what: str, remedy: str) -> None:
        """Add one problem (see `Problem`)."""
        self.extend([Problem(str(where), what, remedy)])

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add several problems."""
        self._problems.update(dict.fromkeys(problems))

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """Add the problems of a `SeptumError` that is raised inside, and go on after it."""
        try:
            yield
        except SeptumError as error:
            self.extend(error.problems)

    def raise_if_any(self) -> None:
        """Raise a `SeptumError` with all problems, if there is one."""
        if self:
            raise SeptumError(self)


def problem(where: object, what: str, remedy: str) -> SeptumError:
    """Make the error of one problem: ``raise problem(path, "is cut short", "copy it again")``."""
    return SeptumError(Problem(str(where), what, remedy))


def nearest(word: object, right: Iterable[object]) -> str:
    """Say which of the right words was meant, or list them all."""
    words = [str(r) for r in right]
    close = difflib.get_close_matches(str(word), words, n=1)
    return f"did you mean {close[0]!r}?" if close else f"choose one of: {', '.join(sorted(words))}"
