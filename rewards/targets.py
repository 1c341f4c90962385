"""One length for the whole text, from all that a brief says about lengths.

A prompt may state a length of the whole, of each section, or of single ones; an option or a data
set's column may give another number. Afterwards there is one length of the whole, or none, and the
lengths of the sections fit it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from longwrite.scoring.length import tolerance
from longwrite.types import Constraint, Json


def settle_length(
    constraints: Sequence[Constraint], asked: int | None
) -> tuple[int | None, list[Constraint]]:
    """Return the words to plan for, and the constraints with at most one length of the whole.

    Args:
        constraints: What the brief states; of lengths of the whole at most one.
        asked: The number given as an option, which wins over the stated one but keeps its
            direction ("at least"). Lengths of sections that don't add up to it are scaled.

    Returns:
        None for the words where nothing tells them.
    """
    settled = list(constraints)
    stated = next((c for c in settled if c.kind == "length" and c.scope == "document"), None)
    parts = [c for c in settled if c.kind == "length" and c.scope != "document"]
    total = _sum(parts, _count(settled))
    whole = stated or total
    if asked is not None:
        if total is not None and not _allows(total, asked):
            factor = asked / _words(total)
            settled = [_scaled(c, factor) if c in parts else c for c in settled]
        whole = _redirected(whole, asked) if whole is not None else _about(asked)
    if whole is None:
        return None, settled
    if stated is None:
        settled.append(whole)
    else:
        settled[settled.index(stated)] = whole
    return asked or _words(whole), settled


def _sum(parts: list[Constraint], count: int | None) -> Constraint | None:
    """Return the length of the whole that the lengths of its sections add up to."""
    each = next((c for c in parts if c.scope == "each"), None)
    if each is not None:
        return replace(_scaled(each, count), scope="document") if count else None
    sections = {c.scope: c for c in parts if c.scope.startswith("section:")}
    known = len(sections) if count is None else count
    if known < 2 or sections.keys() != {f"section:{place}" for place in range(1, known + 1)}:
        return None  # the length of one chapter tells nothing about the others
    return _about(sum(map(_words, sections.values())))


def _count(constraints: list[Constraint]) -> int | None:
    for constraint in constraints:
        if constraint.kind == "sections" and constraint.scope == "document":
            count = constraint.params.get("count")
            return count if isinstance(count, int) else None
    return None


def _numbers(constraint: Constraint) -> dict[str, int]:
    return {
        name: value
        for name in ("min", "max", "target")
        if isinstance(value := constraint.params.get(name), int)
    }


def _words(constraint: Constraint) -> int:
    """Return the one number of a length: its target, the middle of its range, or its bound."""
    numbers = _numbers(constraint)
    return numbers.get("target") or sum(numbers.values()) // len(numbers)


def _about(words: int) -> Constraint:
    params: dict[str, Json] = {"min": None, "max": None, "target": words}
    return Constraint("length", params | {"unit": "words", "stated": "about"})


def _redirected(constraint: Constraint, words: int) -> Constraint:
    """Return a length with another number in the same direction; a range that holds it stays."""
    numbers = _numbers(constraint)
    if len(numbers) > 1 and numbers.get("min", 0) <= words <= numbers.get("max", words):
        return constraint
    if len(numbers) != 1:
        return replace(_about(words), quote=constraint.quote)
    params = {**constraint.params, next(iter(numbers)): words, "unit": "words"}
    return replace(constraint, params=params)


def _scaled(constraint: Constraint, factor: float) -> Constraint:
    numbers = {name: max(1, round(n * factor)) for name, n in _numbers(constraint).items()}
    return replace(constraint, params={**constraint.params, **numbers})


def _allows(constraint: Constraint, words: int) -> bool:
    numbers = _numbers(constraint)
    target = numbers.get("target")
    if target is not None and abs(target - words) > tolerance(target):
        return False
    return numbers.get("min", words) <= words <= numbers.get("max", words)
