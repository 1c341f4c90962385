"""No claim without a check: what a row says of its text is computed on that text before it is kept.

The checkers are those that pay a reward in training, so a label and a reward can't disagree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from longwrite.data.rows import Drop, Label, Row
from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.columns import parse_column, read_constraint
from longwrite.rewards.constraints import check, holds
from longwrite.text import count_words
from longwrite.types import Constraint

_PACKAGES = ("longwrite.rewards", "longwrite.scoring")


@cache
def checker_version() -> str:
    """Return a hash of all that decides what a checker says: its code and word lists."""
    state = hashlib.sha256()
    for package in _PACKAGES:
        for entry in sorted(files(package).iterdir(), key=lambda entry: entry.name):
            if entry.name.endswith((".py", ".txt")):
                state.update(entry.name.encode() + entry.read_bytes())
    return state.hexdigest()[:12]


def verify(row: Row) -> Row | Drop:
    """Return the row with its labels and its measured length, or the drop of a false one.

    A completion's or chosen text's constraints have to hold, the broken one has to be missed by the
    rejected text and met by the chosen one, and what a prompt is said to state it has to state.
    A constraint that only a judge can tell keeps ``holds`` None.
    """
    if row.shape == "prompt":
        return _verify_prompt(row)
    labels = [_label(constraint, row.text, row.language) for constraint in row.constraints]
    for label in labels:
        if label.holds is False:
            return Drop(row.id, "label", "a claimed constraint does not hold", _name(label))
    if row.broken is not None:
        met = _label(row.broken, row.chosen, row.language)
        missed = _label(row.broken, row.rejected, row.language)
        if met.holds is not True or missed.holds is not False:
            reason = "the rejected text does not break what it should"
            return Drop(row.id, "label", reason, _name(missed))
        if not any(_same(label.constraint, row.broken) for label in labels):
            labels.append(met)
    return replace(row, labels=tuple(labels), target=count_words(row.text))


def _verify_prompt(row: Row) -> Row | Drop:
    stated = compile_brief(row.request).constraints
    for constraint in row.constraints:
        if not any(_same(constraint, other) for other in stated):
            reason = "the prompt does not state a constraint"
            return Drop(row.id, "label", reason, f"{constraint.kind} {dict(constraint.params)}")
    labels = tuple(Label(one, None, checker_version()) for one in row.constraints)
    return replace(row, labels=labels)


def _same(one: Constraint, other: Constraint) -> bool:
    return (one.kind, dict(one.params), one.scope) == (other.kind, dict(other.params), other.scope)


def _label(constraint: Constraint, text: str, language: str) -> Label:
    value = check(constraint, text, language=language).value
    return Label(constraint, None if value is None else value >= 1, checker_version())


def _name(label: Label) -> str:
    return f"{label.constraint.kind} {dict(label.constraint.params)}"[:200]


def find_held(
    constraints: Sequence[Constraint], text: str, language: str
) -> tuple[Constraint, ...]:
    """Return the constraints that a text can be shown to meet."""
    scores = [(one, check(one, text, language=language)) for one in constraints]
    return tuple(one for one, score in scores if score.value is not None and holds(score))


def read_label(entry: Any) -> Label | None:
    """Return the label that an entry of a column is, None where it is no constraint."""
    constraint = read_constraint(entry)
    if constraint is None:
        return None
    held, checker = entry.get("holds"), str(entry.get("checker") or "")
    return Label(constraint, held if isinstance(held, bool) else None, checker)


def read_labels(column: Any) -> list[Label]:
    """Return the labels that a column holds, as JSON or a list; what is none is left out."""
    entries = parse_column(column)
    found = map(read_label, entries if isinstance(entries, list) else [])
    return [label for label in found if label is not None]
