"""A verdict on one text: every measure, what it comes to, and where in the text it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from longwrite.scoring.analysis import Analysis, Ints
from longwrite.scoring.coherence import adjacent_cosines, weigh
from longwrite.scoring.diversity import type_ratios
from longwrite.scoring.measures import Wish, measure
from longwrite.scoring.repeats import PASSAGE, find_repeats
from longwrite.types import Json, Score

SOUNDNESS: Mapping[str, tuple[str, float, float]] = {
    "rep_4": ("rep_4", 0.30, 0.0),
    "repeats": ("covered_10", 0.30, 0.0),
    "types": ("mattr_500", 0.30, 0.55),
    "cohesion": ("global", 0.25, 0.02),
}
"""What soundness is made of: measure, its part, and the part's value at 0 and at 1."""

_STRIPS = 60
"""Stretches that a text without sections, or with too many, is cut into."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A stretch of the text, a section as a rule.

    Attributes:
        title: Its heading; empty for a stretch without one.
        words: How many it has.
        start: Its first character.
        repeated: Share of its words in passages that come twice.
        kinship: Cosine of its words with those of the stretch before; None for the first.
        types: Share of different words in its windows of 500.
    """

    title: str
    words: int
    start: int
    repeated: float
    kinship: float | None
    types: float | None


@dataclass(frozen=True, slots=True)
class Copy:
    """A passage that stands again: where, as shares of the text, and how many words it has."""

    start: float
    end: float
    other: float
    words: int


@dataclass(frozen=True, slots=True)
class Report:
    """All that is said of one text.

    Attributes:
        name: Of the text.
        words: By the default counter's definition of prose, as the measures see it.
        scores: By measure.
        soundness: Mean of what tells a broken text from a whole one; a gate, and no praise.
        strips: Where the text is how.
        copies: Where its passages stand again.
    """

    name: str
    words: int
    scores: Mapping[str, Score]
    soundness: float | None
    strips: tuple[Strip, ...]
    copies: tuple[Copy, ...]


def make_report(name: str, analysis: Analysis, wish: Wish) -> Report:
    """Measure a text, whole and stretch by stretch."""
    scores = measure(analysis, wish)
    return Report(
        name,
        len(analysis.words),
        scores,
        measure_soundness(scores),
        make_strips(analysis),
        make_copies(analysis),
    )


def measure_soundness(scores: Mapping[str, Score]) -> float | None:
    """Return the mean of the parts of `SOUNDNESS` that apply, each between its two values.

    These are the measures that agree with judges within a prompt (rep-4, duplicated passages,
    MATTR-500, mean cosine of all passages). They tell broken texts from whole ones; among good
    ones they say little.
    """
    found = []
    for name, (part, worst, best) in SOUNDNESS.items():
        if part in scores[name].parts:
            place = (scores[name].parts[part] - worst) / (best - worst)
            found.append(min(1.0, max(0.0, place)))
    if not found:
        return None
    return 0.0 if scores["loop"].value == 0 else sum(found) / len(found)


def make_strips(analysis: Analysis) -> tuple[Strip, ...]:
    """Return the text's sections, or as many even stretches, with figures of each."""
    words = analysis.words
    size = len(words)
    if not size:
        return ()
    pieces = [piece for piece in analysis.sections if piece.last > piece.first]
    if 1 < len(pieces) <= 4 * _STRIPS:
        titles = [piece.title for piece in pieces]
        bounds = np.array([(piece.first, piece.last) for piece in pieces], np.int64)
    else:
        count = min(_STRIPS, max(1, size // 200))
        edges = np.linspace(0, size, count + 1).astype(np.int64)
        titles, bounds = [""] * count, np.stack((edges[:-1], edges[1:]), axis=1)
    covered = analysis.suffixes.covered(PASSAGE)
    kinships = adjacent_cosines(weigh(words.symbols, bounds))
    return tuple(
        Strip(
            title=titles[place],
            words=int(last - first),
            start=int(words.starts[first]),
            repeated=float(covered[first:last].mean()),
            kinship=float(kinships[place - 1]) if place else None,
            types=_types(words.symbols[first:last]),
        )
        for place, (first, last) in enumerate(bounds.tolist())
    )


def _types(symbols: Ints) -> float | None:
    return float(type_ratios(symbols).mean()) if len(symbols) >= 100 else None


def make_copies(analysis: Analysis, most: int = 400) -> tuple[Copy, ...]:
    """Return the longest passages that stand again, as places in the text."""
    size = len(analysis.words)
    found = sorted(find_repeats(analysis.suffixes), key=lambda one: -one.size)[:most]
    return tuple(
        Copy(one.first / size, (one.first + one.size) / size, one.other / size, one.size)
        for one in sorted(found, key=lambda one: one.first)
    )


def to_json(found: Report) -> dict[str, Json]:
    """Return a report as JSON: all figures, and evidence as character offsets."""
    return {
        "name": found.name,
        "words": found.words,
        "soundness": found.soundness,
        "scores": {
            name: {
                "value": score.value,
                "parts": dict(score.parts),
                "note": score.note,
                "evidence": [[span.start, span.end] for span in score.evidence],
            }
            for name, score in found.scores.items()
        },
        "strips": [
            {
                "title": strip.title, "words": strip.words, "start": strip.start,
                "repeated": strip.repeated, "kinship": strip.kinship, "types": strip.types,
            }
            for strip in found.strips
        ],
        "copies": [[copy.start, copy.end, copy.other, copy.words] for copy in found.copies],
    }  # fmt: skip
