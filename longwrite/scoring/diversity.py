"""How many different words a text has for its length, how well it compresses, how stale it sounds.

All are gates against looping and padding rather than measures of quality: among good texts they
hardly tell the better one.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from longwrite.scoring.analysis import Analysis, Ints
from longwrite.scoring.suffixes import sort_places
from longwrite.scoring.units import UNIT
from longwrite.types import Score, Span

WINDOW = 500
"""Words of a window of the moving-average type-token ratio."""
FACTOR = 0.72
"""Type-token ratio at which a factor of MTLD is full."""
_CHUNK = 2_000
_LEAST_CHUNK = 500
COMPRESSED = 0.33
"""zlib ratio under which no window of six human novels was (at least 2,000 words)."""


def measure_types(analysis: Analysis) -> Score:
    """Score MATTR-500 (Covington and McFall 2010), with MTLD (McCarthy and Jarvis 2010) in parts.

    A text of fewer than 500 words has one window.
    """
    symbols = analysis.words.symbols
    if not len(symbols):
        return Score("types", None, note="No words.")
    ratios = type_ratios(symbols)
    mattr = float(ratios.mean())
    parts = {"mattr_500": mattr, "mtld": measure_mtld(symbols), "least": float(ratios.min())}
    return Score("types", mattr, parts, f"{mattr:.0%} of the words in {WINDOW} are different ones.")


def type_ratios(symbols: Ints, window: int = WINDOW) -> NDArray[np.float64]:
    """Return the share of different words in each window of so many words; one if it is shorter."""
    size = len(symbols)
    window = min(window, size)
    before = previous_places(symbols)
    places = np.arange(size)
    # A word is a new one in the windows that begin behind its last occurrence and hold it.
    first = np.maximum(np.maximum(before + 1, places - window + 1), 0)
    last = np.minimum(places, size - window)
    fits, length = first <= last, size - window + 2
    change = np.bincount(first[fits], minlength=length)
    change -= np.bincount(last[fits] + 1, minlength=length)
    ratios: NDArray[np.float64] = change[:-1].cumsum() / window
    return ratios


def previous_places(symbols: Ints) -> Ints:
    """Return where each word stands for the last time before, -1 for its first time."""
    order = sort_places(symbols)
    found = np.full(len(symbols), -1, np.int64)
    ordered = symbols[order]
    found[order[1:]] = np.where(ordered[1:] == ordered[:-1], order[:-1], -1)
    return found


def measure_mtld(symbols: Ints) -> float:
    """Return the mean length of stretches whose type-token ratio stays above 0.72, both ways."""
    return (_factor_length(symbols) + _factor_length(symbols[::-1])) / 2


def _factor_length(symbols: Ints) -> float:
    factors = 0.0
    start = length = types = 0
    for before in previous_places(symbols).tolist():
        length += 1
        if before < start:
            types += 1
        elif types < FACTOR * length:  # the ratio falls only where a word was said before
            factors += 1
            start += length
            length = types = 0
    if length:
        factors += (1 - types / length) / (1 - FACTOR)
    size = len(symbols)
    return size / factors if factors else float(size)


def measure_compression(analysis: Analysis) -> Score:
    """Score the least zlib ratio of windows of 2,000 words, relative to what prose never has.

    1 from a ratio of `COMPRESSED` on, falling to 0 with it; None under 500 words.
    """
    windows = compress_windows(analysis)
    if not windows:
        return Score("compression", None, note=f"Fewer than {_LEAST_CHUNK} words.")
    ratios = [ratio for _, ratio in windows]
    least = min(ratios)
    low = tuple(span for span, ratio in windows if ratio < COMPRESSED)
    return Score(
        "compression",
        min(1.0, least / COMPRESSED),
        {"least": least, "mean": sum(ratios) / len(ratios), "windows": len(ratios)},
        f"A window compresses to {least:.0%} of its size.",
        low[:100],
    )


_DRAWN = re.compile(r"([^\w\s])\1{3,}")


def compress_windows(analysis: Analysis) -> list[tuple[Span, float]]:
    """Return windows of 2,000 words with their size when compressed, over their size.

    Indents and drawn lines count once: they are layout, and compress to nothing.
    """
    words = analysis.words
    size = len(words)
    if size < _LEAST_CHUNK:
        return []
    count = max(1, round(size / _CHUNK))
    edges = np.linspace(0, size, count + 1).astype(int)
    found = []
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        span = words.span(first, last)
        plain = _DRAWN.sub(r"\1", " ".join(analysis.prose[span.start : span.end].split()))
        raw = plain.encode("utf-8", "replace")
        found.append((span, len(zlib.compress(raw, 6)) / len(raw)))
    return found


_PLAIN = re.compile(r"\A(?:[^(\[.|?*+{](?![?*+{]))*")


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A stale phrase: how it begins, the words that this takes, and all of it."""

    head: str
    words: frozenset[str]
    pattern: re.Pattern[str]


@cache
def load_stale() -> tuple[_Phrase, ...]:
    """Return the phrases that language models are known to overuse."""
    lines = (files("longwrite.scoring") / "stale.txt").read_text("utf-8").splitlines()
    found = []
    for line in lines:
        if line and not line.startswith("#"):
            plain = "".join(_PLAIN.findall(line)[:1])
            # The last word may go on.
            words = frozenset(UNIT.findall(plain)[:-1])
            found.append(_Phrase(plain, words, re.compile(rf"\b(?:{line})\b")))
    return tuple(found)


def find_stale(analysis: Analysis) -> list[Span]:
    """Return the stale phrases of a text, in order, none inside another."""
    text = analysis.prose.lower()
    known = set(analysis.words.vocabulary)
    matches: list[tuple[int, int]] = []
    for phrase in load_stale():
        at = text.find(phrase.head) if phrase.words <= known else -1
        while at >= 0:
            match = phrase.pattern.match(text, at)
            if match:
                matches.append(match.span())
            at = text.find(phrase.head, match.end() if match else at + 1)
    found: list[Span] = []
    for start, end in sorted(matches):
        if not found or start >= found[-1].end:
            found.append(Span(start, end))
    return found


SLOP_LIMIT = 10.0
"""Stale phrases in 1,000 words at which the score is 0."""


def measure_slop(analysis: Analysis) -> Score:
    """Score the absence of stale phrases: 1 without any, 0 from 10 in 1,000 words on."""
    size = len(analysis.words)
    if not size:
        return Score("slop", None, note="No words.")
    found = find_stale(analysis)
    rate = 1_000 * len(found) / size
    return Score(
        "slop",
        max(0.0, 1 - rate / SLOP_LIMIT),
        {"phrases": len(found), "per_1000": rate},
        f"{rate:.1f} stale phrases in 1,000 words.",
        tuple(found[:200]),
    )
