"""Rewards for length: the benchmarks' own scores for reporting, shapes with a slope for training.

A score that is flat far from the target teaches nothing there, and any reward for length is hacked
by replies that never end; so the default falls on both sides without end, and pays only a reply
that its author ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from longwrite.errors import UsageError
from longwrite.rewards.reward import RESOLUTION, analyse, is_ended, settle
from longwrite.scoring.counters import find_counter
from longwrite.scoring.length import closeness, length_range, score_length, score_range
from longwrite.types import Brief, Document, Score

Shape = Literal["slope", "s_l", "range", "l1_exact", "l1_max", "overlong"]

SHAPES: tuple[Shape, ...] = ("slope", "s_l", "range", "l1_exact", "l1_max", "overlong")


@dataclass(frozen=True)
class LengthReward:
    """Pays for the length that the brief asks for.

    With n words delivered and n* asked for:

    - ``slope``: 1 in the brief's range, n/low below it, high/n above it; a slope everywhere.
    - ``s_l``: LongBench-Write's S_l (arXiv:2408.07055), 0 outside (n*/3, 4 n*).
    - ``range``: LonGen's score (Self-Lengthen): about ±20 %, above [n*, 1.5 n*], below
      [0.5 n*, n*], or the range as stated.
    - ``l1_exact``: L1's 1 - alpha |n* - n| (arXiv:2503.04697), from 0 on.
    - ``l1_max``: L1's clip(alpha (n* - n) + 0.5, 0, 1).
    - ``overlong``: DAPO's penalty (arXiv:2503.14476), min(0, -(n - (max - buffer))/buffer), plus 1,
      with max the end of the brief's range and a buffer of a fifth of it.

    Attributes:
        shape: One of these.
        counter: How words are counted.
        alpha: Of the two L1 shapes, by word.
        ended: Whether a reply that ran into its cap gets nothing.
        resolution: Step to which values are rounded.
    """

    shape: Shape = "slope"
    counter: str = "words"
    alpha: float = 0.0003
    ended: bool = True
    resolution: float = RESOLUTION
    name: str = "length"

    def __post_init__(self) -> None:
        """Refuse a shape or a counter that doesn't exist.

        Raises:
            UsageError: One of them doesn't.
        """
        find_counter(self.counter)
        if self.shape not in SHAPES:
            mend = f"Use one of {', '.join(SHAPES)}."
            raise UsageError(f"Can't shape a length by {self.shape!r}", "no such shape", mend)

    def __call__(self, brief: Brief, document: Document) -> Score:
        """Return what the document is paid for its length; None where no length is asked for."""
        if brief.words <= 0:
            return Score(self.name, None, note="No length is asked for.")
        text = analyse(document).text
        delivered = find_counter(self.counter)(text)
        parts = {"words": float(delivered), "asked": float(brief.words)}
        note = f"{delivered:,} words ({self.counter}), {brief.words:,} asked for."
        if self.ended and not is_ended(document):
            return Score(self.name, 0.0, {**parts, "ended": 0.0}, f"{note} It never ended.")
        value = self._shape(delivered, brief)
        return settle(Score(self.name, value, parts, note), self.name, self.resolution)

    def _shape(self, delivered: int, brief: Brief) -> float:
        asked = brief.words
        allowed = length_range(brief)
        if self.shape == "s_l":
            return score_length(delivered, asked)
        if self.shape == "range":
            return score_range(delivered, *longen_range(brief))
        if self.shape == "l1_exact":
            return max(0.0, 1 - self.alpha * abs(asked - delivered))
        if self.shape == "l1_max":
            return min(1.0, max(0.0, self.alpha * (asked - delivered) + 0.5))
        if self.shape == "overlong":
            buffer = max(1.0, allowed.high / 5)
            return 1 + min(0.0, max(-1.0, -(delivered - allowed.high) / buffer))
        return closeness(delivered, allowed.low, allowed.high)


def longen_range(brief: Brief) -> tuple[int, int]:
    """Return the words that LonGen allows for what a brief states."""
    stated = next((c for c in brief.constraints if c.kind == "length"), None)
    how = str(stated.params.get("stated")) if stated else "about"
    low, high = (stated.params.get("min"), stated.params.get("max")) if stated else (None, None)
    words = brief.words
    if how == "at_least":
        base = low if isinstance(low, int) else words
        return base, round(1.5 * base)
    if how == "at_most":
        base = high if isinstance(high, int) else words
        return round(0.5 * base), base
    if how == "between" and isinstance(low, int) and isinstance(high, int):
        return low, high
    return round(0.8 * words), round(1.2 * words)
