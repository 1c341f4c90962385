"""What a text says again: n-grams, passages of every length, sentences and paragraphs.

All of it from one sorted list of suffixes and from hashes of sentences and paragraphs, in time
nearly linear in the text; nothing is compared pair by pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longwrite.scoring.analysis import Analysis, Ints
from longwrite.scoring.suffixes import Suffixes
from longwrite.types import Score, Span

PASSAGE = 10
"""Words from which a repeated passage counts as one: human prose has few of them."""

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A passage that stands elsewhere as well, in words.

    Attributes:
        first: Its first word.
        size: How many words.
        other: The first word of the other place.
    """

    first: int
    size: int
    other: int


def measure_ngrams(analysis: Analysis) -> Score:
    """Score 1 minus rep-4, with rep-n and distinct-n for n = 1 to 4 in parts.

    distinct-n is the share of different n-grams among all (Li et al. 2016, arXiv:1510.03055), and
    rep-n what is missing to one (Welleck et al. 2020, arXiv:1908.04319).
    """
    parts: dict[str, float] = {}
    for n in range(1, 5):
        different, total = analysis.suffixes.distinct(n)
        if total:
            parts[f"distinct_{n}"] = different / total
            parts[f"rep_{n}"] = 1 - different / total
    if "rep_4" not in parts:
        return Score("rep_4", None, parts, "Fewer than 4 words.")
    return Score(
        "rep_4", 1 - parts["rep_4"], parts, f"{parts['rep_4']:.1%} of the 4-grams are repeats."
    )


def measure_passages(analysis: Analysis) -> Score:
    """Score 1 minus the share of words inside 10-grams that come twice, and the same at lengths.

    Parts: ``covered_4`` to ``covered_160``, the share of words in passages of at least so many
    words that come twice; ``longest``, the words of the longest such passage.
    """
    suffixes = analysis.suffixes
    size = len(suffixes.order)
    if size < PASSAGE:
        return Score("repeats", None, note=f"Fewer than {PASSAGE} words.")
    parts = {
        f"covered_{least}": float(suffixes.covered(least).mean())
        for least in (4, 6, 8, PASSAGE, 20, 40, 80, 160)
    }
    covered = parts[f"covered_{PASSAGE}"]
    parts["longest"] = int(suffixes.longest.max())
    found = find_repeats(suffixes, PASSAGE)
    return Score(
        "repeats",
        1 - covered,
        parts,
        f"{covered:.1%} of the words stand in {PASSAGE}-grams that come twice; "
        f"the longest repeated passage has {parts['longest']:,.0f} words.",
        tuple(analysis.words.span(one.first, one.first + one.size) for one in found[:200]),
    )


def measure_blocks(analysis: Analysis) -> Score:
    """Score 1 minus the share of words inside 10-grams that come twice, no 10-gram across blocks.

    To say a whole block again never raises it: nothing else loses a 10-gram by that.
    """
    symbols = analysis.words.symbols
    flags = np.zeros(len(symbols), np.bool_)
    spans = [(block.start, block.start + len(block.text)) for block in analysis.prose_blocks]
    edges = analysis.words.index(np.array(spans, np.int64).reshape(-1, 2))
    owner = np.repeat(np.arange(len(edges)), np.diff(edges)[:, 0])
    if len(owner) < PASSAGE:
        return Score("repetition", None, note=f"Fewer than {PASSAGE} words.")
    starts = np.flatnonzero(owner[: 1 - PASSAGE] == owner[PASSAGE - 1 :])
    hashes = hash_spans(symbols, np.stack((starts, starts + PASSAGE), axis=1))
    _, which, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    for shift in range(PASSAGE):
        flags[starts[counts[which] > 1] + shift] = True
    share = float(flags.mean())
    found = _runs(flags)
    return Score(
        "repetition",
        1 - share,
        {"covered": share, "words": len(symbols)},
        f"{share:.1%} of the words stand in {PASSAGE}-grams that come twice.",
        tuple(analysis.words.span(first, last) for first, last in found[:200]),
    )


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return first and behind-last place of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def find_repeats(suffixes: Suffixes, least: int = PASSAGE) -> list[Repeat]:
    """Return the passages of at least so many words that come twice, none inside another one."""
    longest = suffixes.longest
    # The next place repeats at least what is left of this one's passage; more begins a new one.
    opens = longest >= least
    opens[1:] &= longest[1:] > longest[:-1] - 1
    places = np.flatnonzero(opens)
    return [
        Repeat(int(place), int(longest[place]), int(suffixes.partner[place])) for place in places
    ]


def hash_spans(symbols: Ints, bounds: Ints) -> Hashes:
    """Return a hash of the words of each span, the same for the same words anywhere.

    Args:
        symbols: Numbers of the words, shape (words,).
        bounds: First word and the word behind the last of each span, shape (spans, 2).
    """
    base = np.uint64(0x9E3779B97F4A7C15)
    inverse = np.uint64(pow(int(base), -1, 1 << 64))
    size = len(symbols) + 1
    powers, backwards = (
        np.concatenate(([np.uint64(1)], np.full(size - 1, step).cumprod()))
        for step in (base, inverse)
    )
    weights = _mix(symbols.astype(np.uint64) + np.uint64(1)) * powers[:-1]
    sums = np.concatenate(([np.uint64(0)], weights.cumsum()))
    first, last = bounds[:, 0], bounds[:, 1]
    found: Hashes = (sums[last] - sums[first]) * backwards[first] + _mix(
        (last - first).astype(np.uint64)
    )
    return found


def _mix(numbers: Hashes) -> Hashes:
    """Spread numbers over all bits (the finaliser of splitmix64, Steele et al. 2014)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = numbers ^ (numbers >> np.uint64(31))
    return mixed


_SENTENCE, _PARAGRAPH = 6, 12
"""Words from which a sentence or a paragraph said again is worth telling."""


def measure_sentences(analysis: Analysis) -> Score:
    """Score 1 minus the share of words in sentences of at least 6 words said before."""
    return _measure_again(analysis, "sentences", analysis.sentence_bounds, _SENTENCE)


def measure_paragraphs(analysis: Analysis) -> Score:
    """Score 1 minus the share of words in paragraphs that repeat an earlier one, nearly or wholly.

    Near is a Jaccard similarity of the paragraphs' word pairs of at least `NEAR`.
    """
    bounds = analysis.paragraph_bounds
    score = _measure_again(analysis, "paragraphs", bounds, _PARAGRAPH)
    if score.value is None:
        return score
    near = find_near(analysis.words.symbols, bounds)
    words = int(np.diff(bounds[[pair[1] for pair in near]]).sum()) if near else 0
    total = max(1, int(np.diff(bounds).sum()))
    share = max(words / total, 1 - score.value)
    again = [later for _, later in near[:100]]
    spans = tuple(Span(start, end) for start, end in analysis.paragraphs[again].tolist())
    return Score(
        "paragraphs",
        1 - share,
        {**score.parts, "near": len(near), "near_share": words / total},
        f"{share:.1%} of the words stand in paragraphs said before.",
        spans or score.evidence,
    )


def _measure_again(analysis: Analysis, name: str, bounds: Ints, least: int) -> Score:
    sizes = np.diff(bounds)[:, 0]
    if not sizes.sum():
        return Score(name, None, note="No words.")
    again = find_again(analysis.words.symbols, bounds, least)
    share = float(sizes[again].sum() / sizes.sum())
    return Score(
        name,
        1 - share,
        {"repeated": len(again), "share": share},
        f"{share:.1%} of the words stand in {name} said before.",
        tuple(analysis.words.span(*map(int, bounds[place])) for place in again[:100]),
    )


def find_again(symbols: Ints, bounds: Ints, least: int) -> Ints:
    """Return which spans of at least so many words have the words of an earlier one."""
    long = np.flatnonzero(np.diff(bounds)[:, 0] >= least)
    _, first = np.unique(hash_spans(symbols, bounds[long]), return_index=True)
    again = np.ones(len(long), np.bool_)
    again[first] = False
    return long[again]


NEAR = 0.4
"""Jaccard similarity of near-duplicates, reached where up to a fifth of the words differ."""
_BANDS, _ROWS = 16, 2
_SALTS = np.random.default_rng(0).integers(1, 1 << 63, (_BANDS, _ROWS), np.uint64)


def find_near(symbols: Ints, bounds: Ints, least: int = _PARAGRAPH) -> list[tuple[int, int]]:
    """Return pairs (earlier, later) of spans whose pairs of words are nearly the same.

    MinHash (Broder 1997) in bands: each span is compared with the first of its bucket only, so the
    time stays linear even where all are alike.
    """
    long = np.flatnonzero(np.diff(bounds)[:, 0] >= least)
    if len(long) < 2:
        return []
    pairs = _mix(symbols[:-1].astype(np.uint64) << np.uint64(32) | symbols[1:].astype(np.uint64))
    rows = [pairs[first : last - 1] for first, last in bounds[long]]
    starts = np.concatenate(([0], np.cumsum([len(row) for row in rows])[:-1]))
    flat = np.concatenate(rows)
    candidates: set[tuple[int, int]] = set()
    for band in range(_BANDS):
        key = np.zeros(len(long), np.uint64)
        for row in range(_ROWS):
            key = _mix(key ^ np.minimum.reduceat(_mix(flat ^ _SALTS[band, row]), starts))
        _, first, bucket = np.unique(key, return_index=True, return_inverse=True)
        leaders = first[bucket]
        places = np.flatnonzero(leaders != np.arange(len(long)))
        candidates.update(zip(leaders[places].tolist(), places.tolist(), strict=True))
    found: dict[int, int] = {}
    sets = {place: set(rows[place].tolist()) for pair in candidates for place in pair}
    for earlier, later in sorted(candidates):
        if later not in found and _jaccard(sets[earlier], sets[later]) >= NEAR:
            found[later] = earlier
    return [(int(long[earlier]), int(long[later])) for later, earlier in sorted(found.items())]


def _jaccard(one: set[int], other: set[int]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both)


def measure_strip(flags: NDArray[np.bool_], bounds: Sequence[tuple[int, int]]) -> list[float]:
    """Return the share of flagged words in each stretch of words, 0 for an empty one."""
    return [float(flags[first:last].mean()) if last > first else 0.0 for first, last in bounds]
