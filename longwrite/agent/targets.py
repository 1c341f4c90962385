"""The words that the document, its parts and its leaves are to have, from brief and plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from longwrite.assembly import leaves
from longwrite.scoring.length import LengthRange, length_range, tolerance
from longwrite.types import Brief, Constraint, Plan, Section


@dataclass(frozen=True, slots=True)
class Targets:
    """What to aim at.

    Attributes:
        whole: Words of the document.
        leaves: Words of each leaf, headings included.
        parts: Words of each top-level section that the brief gives a length of its own.
    """

    whole: LengthRange
    leaves: Mapping[str, int]
    parts: Mapping[str, LengthRange]


def set_targets(brief: Brief, plan: Plan) -> Targets:
    """Return the targets: the brief's, or the sums of a plan that a person changed."""
    total = _sum(plan.sections)
    whole = length_range(brief)
    if total != brief.words:
        spare = tolerance(total)
        whole = LengthRange(max(1, total - spare), total, total + spare)
    parts = _find_parts(brief, plan)
    aims: dict[str, int] = {}
    if parts:
        for section in plan.sections:
            part = parts.get(section.id)
            aims |= _spread([section], part.aim if part else section.words)
    else:
        aims = _spread(plan.sections, whole.aim)
    return Targets(whole, aims, parts)


def _find_parts(brief: Brief, plan: Plan) -> dict[str, LengthRange]:
    """Return the ranges of the top-level sections that have a stated length of their own."""
    found: dict[str, LengthRange] = {}
    for constraint in brief.constraints:
        if constraint.kind != "length" or constraint.scope == "document":
            continue
        for place, section in enumerate(plan.sections, 1):
            if _covers(constraint, place, len(plan.sections)):
                own = replace(constraint, scope="document")
                words = constraint.params.get("target")
                planned = words if isinstance(words, int) else section.words
                found[section.id] = length_range(Brief("", planned, (own,)))
    return found


def _covers(constraint: Constraint, place: int, count: int) -> bool:
    kind, _, number = constraint.scope.partition(":")
    step = int(number) if number.isdigit() else 0
    return (
        (kind == "each" and count > 1)
        or (kind == "section" and place == step)
        or (kind == "every" and step > 0 and place % step == 0)
    )


def _spread(sections: Sequence[Section], aim: int) -> dict[str, int]:
    """Return each leaf's share of the words aimed at; together they are the aim exactly."""
    total = max(1, _sum(sections))
    shares: dict[str, int] = {}
    planned = given = 0
    for leaf in leaves(sections):
        planned += leaf.words
        upto = round(planned * aim / total)
        shares[leaf.id] = max(1, upto - given)
        given += shares[leaf.id]
    return shares


def _sum(sections: Sequence[Section]) -> int:
    return sum(leaf.words for leaf in leaves(sections))
