"""Reading what a judge answered, as JSON and as nothing else.

A reply is one object, bare, in a code fence or after some words. Two objects are none: the one that
counts could be a quotation from the text that is judged. A key given twice, a number that is none
and a depth that no answer has are no verdict either.
"""

from __future__ import annotations

import json
import re

from longwrite.types import Json

_MOST = 200_000
"""Characters that no verdict exceeds."""
_NAME = re.compile(r"[\W_]+")


def read_object(text: str) -> dict[str, Json] | None:
    """Return the one JSON object of a reply; None where there is none, or more than one.

    >>> read_object('Well. {"mark": 4}'), read_object('{"mark": 1} {"mark": 5}')
    ({'mark': 4}, None)
    """
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start or len(text) > _MOST:
        return None
    try:
        found = json.loads(text[start : end + 1], object_pairs_hook=_build, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def read_level(value: Json, levels: tuple[float, ...]) -> float | None:
    """Return a number that is one of the levels; a word, a bool or another number is None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return next((level for level in levels if level == value), None)


def fold_name(name: str) -> str:
    """Return a name as keys have it.

    >>> fold_name("Breadth and Depth")
    'breadth_and_depth'
    """
    return _NAME.sub("_", name.strip().lower()).strip("_")


def _build(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(name: str) -> Json:
    raise ValueError(f"{name} is no number")
