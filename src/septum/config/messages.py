"""Translation of pydantic's errors into the words of someone who writes YAML."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from septum.errors import Problem, nearest

# meaning of the text patterns in `septum.config.schema`
_PATTERNS = {
    r"^#[0-9a-fA-F]{6}$": "it must be '#' and six hex digits, such as '#3b6ea5'",
    r"^(sha256:)?[0-9a-fA-F]{64}$": "it must be 64 hex digits, as `sha256sum` prints them",
    r"^[^<>{}]*[^/<>{}][^<>{}]*$": "it must be a folder below /, without any of < > { }",
}
# descriptions of pydantic's types of values
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text (in quotes, if it looks like a number)",
    "list": "a list",
    "tuple": "a list",
    "dict": "keys with values",
    "model": "keys with values",
}


def problems_of(error: ValidationError, where: str, model: type[BaseModel]) -> list[Problem]:
    """Translate pydantic's errors, one for each place of the configuration."""
    places: dict[str, list[Any]] = {}
    for item in error.errors():
        keys = [str(part) for part in item["loc"] if not _is_branch(part) and part != "[key]"]
        places.setdefault(".".join([where, *keys] if where else keys) or "config", []).append(item)
    return [
        _problem(key, items, model)
        for key, items in places.items()
        if not _is_other_branch(key, items, places)
    ]


def _is_other_branch(key: str, items: list[Any], places: Collection[str]) -> bool:
    """Return whether the problem is about a union's words, and others are about its parts."""
    words = all(item["type"] == "literal_error" for item in items)
    return words and any(place.startswith(f"{key}.") for place in places)


def _is_branch(part: object) -> bool:
    """Return whether a part is a branch of a union (``list[int]``), and not a user's key."""
    return isinstance(part, str) and (
        part in ("int", "float", "str", "list", "dict")
        or part.startswith(("literal[", "list[", "constrained-", "tuple["))
    )


def _problem(key: str, items: list[Any], model: type[BaseModel]) -> Problem:
    first = items[0]
    kind, loc = first["type"], [str(part) for part in first["loc"]]
    if kind == "extra_forbidden":
        return Problem(key, "is not a known key", nearest(loc[-1], _fields_at(model, loc[:-1])))
    if kind == "missing":
        return Problem(key, "is missing", "add it (config.yaml explains every key)")
    if kind == "json_invalid":
        what = f"is not valid JSON ({first['ctx']['error']})"
        return Problem(key, what, "mend it; in a shell it stands in single quotes")
    if kind == "value_error":
        return Problem(key, str(first["ctx"]["error"]), "see the comments in config.yaml")
    shown = repr(first["input"])
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    what = f"{shown} cannot be a key here" if loc[-1:] == ["[key]"] else f"cannot be {shown}"
    literal = next((item for item in items if item["type"] == "literal_error"), None)
    demands = [_demand(item) for item in items if item is not literal]
    if literal is None:
        return Problem(key, what, f"{demands[0]}; config.yaml explains every key")
    expected = literal["ctx"]["expected"]
    remedy = f"choose one of: {expected}" if not demands else f"{demands[0]}, or say {expected}"
    return Problem(key, what, remedy)


def _demand(item: Mapping[str, Any]) -> str:
    """Return in a user's words what a value must be."""
    kind, _, fault = item["type"].partition("_")
    if fault in ("type", "parsing", "from_float") and kind in _KINDS:
        return f"it must be {_KINDS[kind]}"
    message = item["msg"]
    if item["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(item["ctx"]["pattern"], message)
    if item["type"] in ("too_short", "string_too_short"):
        return "it must not be empty"
    if message.startswith("Input should be "):
        return f"it must be {message.removeprefix('Input should be ')}"
    return message[0].lower() + message[1:]


def _fields_at(model: type[BaseModel], loc: list[str]) -> list[str]:
    """Return the valid keys at a place of the configuration."""
    kind: Any = model
    for part in loc:
        fields = getattr(kind, "model_fields", {})
        if part not in fields:
            continue  # a name chosen by the user, or a branch of a union
        stack = [fields[part].annotation]
        while stack:
            candidate = stack.pop()
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                kind = candidate
                break
            stack.extend(get_args(candidate))
    return list(getattr(kind, "model_fields", {}))
