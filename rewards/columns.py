"""What a data set's columns require of a completion, beside what its prompt says.

Sets write constraints as JSON, as lists of objects, or as lists of sentences; a column is anybody's
text, so what is no constraint is left out, and what is one is checked like any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from longwrite.errors import UsageError
from longwrite.rewards.constraints import validate
from longwrite.rewards.wording import find_constraints
from longwrite.types import Constraint


def parse_column(value: Any) -> Any:
    """Return the value that a column holds as JSON, or the column itself where it holds none."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def read_constraint(entry: Any) -> Constraint | None:
    """Return the constraint that an entry of a column is, None where it is none.

    >>> read_constraint({"kind": "mention", "params": {"text": "tide"}}).kind
    'mention'
    """
    if not isinstance(entry, dict):
        return None
    params, scope = entry.get("params"), entry.get("scope") or "document"
    if not isinstance(params, dict) or not isinstance(scope, str):
        return None
    hard, quote = entry.get("hard") is not False, str(entry.get("quote") or "")
    constraint = Constraint(str(entry.get("kind")), params, scope, hard, quote)
    try:
        validate(constraint)
    except UsageError:
        return None
    return constraint


def read_constraints(column: Any) -> Iterator[Constraint]:
    """Yield what a column requires: of objects each that is one, of sentences what they say.

    An object that says that it doesn't hold is left out.
    """
    entries = parse_column(column)
    for entry in entries if isinstance(entries, list | tuple) else ():
        if isinstance(entry, str):
            yield from find_constraints(entry)
        elif isinstance(entry, dict) and entry.get("holds") is not False:
            constraint = read_constraint(entry)
            if constraint is not None:
                yield constraint
