"""How long a text has to be, and how well it keeps to that.

One place turns a brief's number of words into the range that planner, agent and checks all use,
so that what is aimed at while writing is what is measured afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

from longwrite.types import Brief, Constraint


@dataclass(frozen=True, slots=True)
class LengthRange:
    """Words of the default counter: the least, the number aimed at, the most; all inclusive."""

    low: int
    aim: int
    high: int


def tolerance(words: int) -> int:
    """Return by how many words a text may miss `words`: 5 %, and never under 20.

    >>> tolerance(10_000), tolerance(100)
    (500, 20)
    """
    return max(words // 20, 20)


def length_range(brief: Brief) -> LengthRange:
    """Return the range that a brief allows for the whole document.

    The range is `brief.words` give or take its tolerance, cut at the bounds that the brief's
    document-scoped ``length`` constraints state. The aim is `brief.words` where nothing is cut,
    the middle of the range under one bound, and between two bounds `brief.words` kept inside the
    middle half. Stated bounds win over a contradicting `brief.words`.

    >>> at_least = Constraint("length", {"min": 1000, "stated": "at_least"})
    >>> length_range(Brief("A story", 1000, (at_least,)))
    LengthRange(low=1000, aim=1025, high=1050)
    """
    lengths = [c for c in brief.constraints if c.kind == "length" and c.scope == "document"]
    least = max(_bounds(lengths, "min"), default=None)
    most = min(_bounds(lengths, "max"), default=None)
    words = brief.words
    if least is not None:
        words = max(words, least)
    if most is not None:
        words = min(words, most)
    spare = tolerance(words)
    low = max(1, words - spare, least or 1)
    high = words + spare if most is None else min(words + spare, most)
    low = min(low, high)
    if least is None and most is None:
        aim = words
    elif least is None or most is None:
        aim = (low + high) // 2
    else:
        quarter = (high - low) // 4
        aim = min(max(words, low + quarter), high - quarter)
    return LengthRange(low, aim, high)


def _bounds(lengths: list[Constraint], name: str) -> list[int]:
    return [value for c in lengths if isinstance(value := c.params.get(name), int)]


def score_length(delivered: int, asked: int) -> float:
    """Return LongBench-Write's S_l, divided by 100 (Bai et al. 2024, arXiv:2408.07055).

    With x asked and y delivered: max(0, 1 - (y/x - 1)/3) above x, max(0, 1 - (x/y - 1)/2) below.
    It is 0 from 4x upwards and from x/3 downwards, an empty text included.

    Raises:
        ValueError: `asked` is not positive.

    >>> score_length(500, 1000), score_length(2500, 1000), score_length(0, 1000)
    (0.5, 0.5, 0.0)
    """
    if asked <= 0:
        raise ValueError(f"a length can't be scored against {asked} words")
    if delivered <= 0:
        return 0.0
    if delivered > asked:
        return max(0.0, 1 - (delivered / asked - 1) / 3)
    return max(0.0, 1 - (asked / delivered - 1) / 2)


def score_range(delivered: int, low: int, high: int) -> float:
    """Return LonGen's score for a range of words (Self-Lengthen, Quan et al. 2024).

    1 inside [low, high], max(0, 2y/low - 1) below, max(0, 3 - 2y/high) above.

    Raises:
        ValueError: Not 0 <= low <= high.

    >>> score_range(900, 800, 1000), score_range(600, 800, 1000), score_range(1250, 800, 1000)
    (1.0, 0.5, 0.5)
    """
    if not 0 <= low <= high:
        raise ValueError(f"not a range of words: {low} to {high}")
    if delivered < low:
        return max(0.0, 2 * delivered / low - 1)
    if delivered > high:
        return max(0.0, 3 - 2 * delivered / high) if high else 0.0
    return 1.0


def closeness(delivered: int, low: int | None, high: int | None) -> float:
    """Return 1 inside [low, high], delivered/low below it and high/delivered above it.

    Unlike the two benchmarks' scores it has a slope everywhere, so it can be paid as a reward:
    of two texts outside the range the nearer one always scores more. None is no bound.

    >>> closeness(250, 1000, None), closeness(1000, 1000, None), closeness(4000, None, 1000)
    (0.25, 1.0, 0.25)
    """
    if low is not None and delivered < low:
        return max(0, delivered) / low
    if high is not None and delivered > high:
        return max(0, high) / delivered
    return 1.0
