"""Length as a closed loop: what is over is dropped by code, what is under is asked for.

A section aims at its budget and at what its thread still owes. Text over its bound loses whole
sentences, list items, lines or paragraphs, chosen so that the rest comes as near to the aim as
sentences allow; first sentences, headings, code and the closing sentence stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from longwrite.text import CJK, Block, blocks, count_words, sentences


@dataclass(frozen=True, slots=True)
class Bounds:
    """Words wanted of a text: at least, best, at most."""

    low: int
    aim: int
    high: int


def between_sections(aim: int) -> Bounds:
    """Return the bounds of a section whose thread goes on: the next one makes up for it."""
    return Bounds(round(0.9 * aim), aim, round(1.05 * aim) + 5)


def closing(aim: int, owed: int) -> Bounds:
    """Return the bounds of a thread's last section, within 2 % of the whole thread's words."""
    slack = max(8, round(0.02 * owed))
    return Bounds(max(1, aim - slack), aim, aim + slack)


def less(bounds: Bounds, words: int) -> Bounds:
    """Return the bounds of what is left when some words are already there."""
    return Bounds(*(max(1, value - words) for value in (bounds.low, bounds.aim, bounds.high)))


_EXACT = 300
"""Surplus in words below which every combination of sentences is looked at."""

_MOST_UNITS = 60

# --- trimming ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Unit:
    """A piece of a text that can be dropped whole.

    A `leading` unit opens its block and goes only with the whole of it; a `fixed` one never goes.
    """

    text: str
    words: int
    block: int
    leading: bool
    fixed: bool
    dropped: bool = False


def trim(text: str, bounds: Bounds, keep: Callable[[str], bool] = lambda piece: False) -> str:
    """Drop whole pieces of a text that is over its bound, down to as near the aim as they allow.

    Args:
        text: Markdown of a section.
        bounds: What is wanted; a text not over `bounds.high` comes back as it is.
        keep: Tells of a piece whether it has to stay.

    Returns:
        The text without the dropped pieces, inside the bounds where whole pieces allow that.
    """
    total = count_words(text)
    if total <= bounds.high:
        return text
    parts = blocks(text)
    units = [unit for place in range(len(parts)) for unit in _cut(parts, place, keep)]
    total = _drop_paragraphs(units, parts, total, bounds)
    _drop_units(units, total, bounds)
    return _join(units, len(parts))


def _cut(parts: Sequence[Block], place: int, keep: Callable[[str], bool]) -> list[_Unit]:
    part = parts[place]
    fixed = part.kind in {"heading", "code", "rule"}
    if fixed:
        pieces = [part.text]
    elif part.kind in {"list", "table", "quote"} or _is_verse(part.text):
        pieces = part.text.splitlines(keepends=True)
    else:
        pieces = sentences(part.text)
    head = 2 if part.kind == "table" else 1
    units = []
    begins_line = True
    for number, piece in enumerate(pieces):
        must_stay = fixed or keep(piece)
        words = _count(piece, begins_line)
        units.append(_Unit(piece, words, place, number < head, must_stay))
        begins_line = piece.endswith("\n")
    if place == len(parts) - 1:
        units[-1].fixed = True
    return units


def _count(piece: str, begins_line: bool) -> int:
    # "1984. " is the number of a list item where it begins a line, and only there.
    return count_words(piece) if begins_line else count_words(f"x {piece}") - 1


def _is_verse(text: str) -> bool:
    lines = text.split("\n")
    return len(lines) > 1 and sum(map(len, lines)) < 60 * len(lines)


def _drop_paragraphs(units: list[_Unit], parts: Sequence[Block], total: int, bounds: Bounds) -> int:
    """Drop whole paragraphs between the first and the last while one fits the surplus."""
    sizes = [0] * len(parts)
    kept = {unit.block for unit in units if unit.fixed} | {0, len(parts) - 1}
    for unit in units:
        sizes[unit.block] += unit.words
    free = {
        place
        for place, part in enumerate(parts)
        if place not in kept and part.kind == "paragraph" and parts[place - 1].kind != "heading"
    }
    while fitting := [place for place in free if sizes[place] <= total - bounds.aim]:
        chosen = max(fitting, key=lambda place: (sizes[place], place))
        free.discard(chosen)
        total -= sizes[chosen]
        for unit in units:
            unit.dropped = unit.dropped or unit.block == chosen
    return total


def _drop_units(units: list[_Unit], total: int, bounds: Bounds) -> None:
    """Drop the sentences whose words together come nearest to the surplus."""
    free = [u for u in units if u.words and not (u.leading or u.fixed or u.dropped)]
    surplus = total - bounds.aim
    while surplus > _EXACT and (fitting := [unit for unit in free if unit.words <= surplus]):
        chosen = max(reversed(fitting), key=lambda unit: unit.words)
        chosen.dropped = True
        free.remove(chosen)
        surplus -= chosen.words
    # The sums that whole sentences can reach, each by as few as possible, the last ones first.
    reached: dict[int, tuple[_Unit, ...]] = {0: ()}
    for unit in reversed(free[-_MOST_UNITS:]):
        for words, chosen_units in list(reached.items()):
            further = words + unit.words
            fewest = reached.get(further)
            if further <= 2 * _EXACT and (fewest is None or len(fewest) > len(chosen_units) + 1):
                reached[further] = (*chosen_units, unit)

    def miss(words: int) -> tuple[int, int]:
        left = surplus - words + bounds.aim
        return max(0, left - bounds.high, bounds.low - left), abs(surplus - words)

    for unit in reached[min(reached, key=miss)]:
        unit.dropped = True


def _join(units: Sequence[_Unit], count: int) -> str:
    bodies = [""] * count
    for unit in units:
        if not unit.dropped:
            bodies[unit.block] += unit.text
    return "\n\n".join(body.strip("\n").rstrip() for body in bodies if body.strip())


# --- joining -------------------------------------------------------------------------------------

_LONGEST_REPEAT = 400
"""Characters of a text's end that a continuation is found to begin with."""

_OPEN_END = re.compile(r"[\w,;:，；：、]\Z")
_CLOSE_ON = re.compile(rf"[{CJK}，。、；：！？）”…,.;:!?)]")
"""What follows a word without a space."""


def join(text: str, addition: str) -> str:
    """Join a continuation to a text: without a seam in mid-sentence, else as a new paragraph.

    What the continuation repeats of the text's end, word for word, is left out.
    """
    text, addition = text.rstrip(), addition.strip()
    if not text or not addition:
        return text or addition
    tail = text[-_LONGEST_REPEAT:]
    shortest = 6 if _CLOSE_ON.match(addition) else 12
    sizes = range(min(len(tail), len(addition)), shortest - 1, -1)
    repeated = next((size for size in sizes if tail.endswith(addition[:size])), 0)
    addition = addition[repeated:].lstrip()
    if not addition:
        return text
    begins_inside = addition[0].islower() or addition[0] in ",.;:!?)，。、；：！？）"
    if _OPEN_END.search(text) and (repeated or begins_inside or text[-1] in "，、；："):
        return f"{text}{'' if _CLOSE_ON.match(addition) else ' '}{addition}"
    return f"{text}\n\n{addition}"
