"""Patterns of file and case names: ``*``, and a word in braces."""

from __future__ import annotations

import re


def compile_pattern(pattern: str, word: str, value: str | None = None) -> re.Pattern[str]:
    """Compile a pattern of file names to a regular expression.

    Parameters
    ----------
    pattern : str
        ``*`` fits any text without a slash; ``{word}`` stands for the same text wherever it is.
    word : str
        The name in braces, which becomes a group of the expression.
    value : str, optional
        The text that ``{word}`` stands for, where it is known.

    Examples
    --------
    >>> compile_pattern("{group}_slice*", "group").fullmatch("p1_slice07")["group"]
    'p1'
    """
    pieces: list[str] = []
    for token in re.split(r"(\{" + word + r"\}|\*)", pattern):
        if token == "*":
            pieces.append("[^/]*")
        elif token != f"{{{word}}}":
            pieces.append(re.escape(token))
        elif value is not None:
            pieces.append(re.escape(value))
        else:
            again = f"(?P<{word}>" in "".join(pieces)
            pieces.append(f"(?P={word})" if again else f"(?P<{word}>[^/]+?)")
    return re.compile("".join(pieces))
