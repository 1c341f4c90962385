"""Whether a text holds together: what follows belongs to what was, and is not the same again.

Similarity of neighbours alone rewards repetition (the more alike, the worse a judge finds a text),
so it is counted against the similarity of all passages. Everything is a dot product of sparse or
projected word weights; nothing is compared pair by pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longwrite.scoring.analysis import Analysis, Ints
from longwrite.types import Score, Span

Floats = NDArray[np.float64]

_LEAST = 4
"""Passages from which on there is something to compare."""
_PASSAGE = 60
"""Words to which short paragraphs are joined: a line of dialogue has no topic of its own."""
_SPREAD = 0.12
"""Adjacent minus global cosine at which the score is 1: few good texts reach it."""


@dataclass(frozen=True, slots=True)
class Weights:
    """TF-IDF weights of passages, as a sparse matrix of unit rows.

    Attributes:
        rows: Passage of each entry, rising.
        columns: Word of each entry.
        values: Weight of each entry.
        count: How many passages there are.
        size: How many words there are.
    """

    rows: Ints
    columns: Ints
    values: Floats
    count: int
    size: int


def weigh(symbols: Ints, bounds: Ints) -> Weights:
    """Return TF-IDF weights, (1 + ln tf)(1 + ln(n/df)), rows normed; words of no passage left out.

    Args:
        symbols: Numbers of the words.
        bounds: First word and the word behind the last of each passage, shape (n, 2).
    """
    count, size = len(bounds), int(symbols.max(initial=-1)) + 1
    sizes = np.diff(bounds)[:, 0]
    owner = np.repeat(np.arange(count), sizes)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    places = np.repeat(bounds[:, 0], sizes) + offset
    keys, times = np.unique(owner * max(1, size) + symbols[places], return_counts=True)
    rows, columns = np.divmod(keys, max(1, size))
    frequency = np.bincount(columns, minlength=size)
    # A word in every passage says nothing about any.
    values = (1 + np.log(times)) * np.log(count / frequency[columns])
    norms = np.sqrt(np.bincount(rows, values**2, minlength=count))
    return Weights(rows, columns, values / np.maximum(norms[rows], 1e-12), count, size)


def adjacent_cosines(weights: Weights) -> Floats:
    """Return the cosine of each passage with the next, shape (passages - 1,)."""
    keys = weights.rows * weights.size + weights.columns
    wanted = keys + weights.size
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    meets = keys[places] == wanted
    products = weights.values[meets] * weights.values[places[meets]]
    sums = np.bincount(weights.rows[meets], products, minlength=weights.count)
    return sums[:-1].astype(np.float64)


def mean_cosine(weights: Weights) -> float:
    """Return the mean cosine over all pairs of passages, from the length of their sum."""
    total = np.bincount(weights.columns, weights.values, minlength=weights.size)
    own = weights.values @ weights.values
    pairs = weights.count * (weights.count - 1)
    return float((total @ total - own) / pairs) if pairs else 0.0


def join_passages(bounds: Ints, least: int = _PASSAGE) -> Ints:
    """Return bounds of passages of at least so many words: short paragraphs go with the next."""
    ends: list[int] = []
    start = 0
    for last in bounds[bounds[:, 1] > bounds[:, 0], 1].tolist():
        if last - start >= least:
            ends.append(last)
            start = last
    if not ends:
        return np.array([[0, bounds[-1, 1]]]) if len(bounds) else np.empty((0, 2), np.int64)
    ends[-1] = int(bounds[-1, 1])
    return np.stack(([0, *ends[:-1]], ends), axis=1).astype(np.int64)


def measure_cohesion(analysis: Analysis) -> Score:
    """Score adjacent minus global TF-IDF cosine of the passages, 1 from `_SPREAD` on.

    Shuffled paragraphs are all as near to each other as to their neighbours.
    """
    bounds = join_passages(analysis.paragraph_bounds)
    if len(bounds) < _LEAST:
        return Score("cohesion", None, note=f"Fewer than {_LEAST} passages.")
    weights = weigh(analysis.words.symbols, bounds)
    near, all_ = float(adjacent_cosines(weights).mean()), mean_cosine(weights)
    return Score(
        "cohesion",
        min(1.0, max(0.0, (near - all_) / _SPREAD)),
        {"adjacent": near, "global": all_, "difference": near - all_, "passages": len(bounds)},
        f"Neighbouring passages share {near:.3f} of their words, any two {all_:.3f}.",
    )


_LEAST_WORDS = 400
_STRETCH = 50
_LONG_WORD = 5
"""Letters from which on a word says something of its subject."""


def measure_unity(analysis: Analysis) -> Score:
    """Score how much of its words the second half shares with the first; None under 400 words.

    The cosine of the longer words of both halves, over that of the text's alternate stretches of 50
    words: so neither length nor style counts. A text spliced together of two is told by it.
    """
    words = analysis.words
    size = len(words)
    if size < _LEAST_WORDS:
        return Score("unity", None, note=f"Fewer than {_LEAST_WORDS} words.")
    long = np.fromiter(map(len, words.vocabulary), np.int64) >= _LONG_WORD
    turns = np.arange(size)
    halves = _share_words(words.symbols, long, turns < size // 2)
    mixed = _share_words(words.symbols, long, turns // _STRETCH % 2 == 0)
    if not mixed:
        return Score("unity", None, note="Its words are all short.")
    value = min(1.0, halves / mixed)
    return Score(
        "unity",
        value,
        {"halves": halves, "mixed": mixed},
        f"The halves share {value:.0%} of the words that they would share if they were mixed.",
    )


def _share_words(symbols: Ints, counted: NDArray[np.bool_], left: NDArray[np.bool_]) -> float:
    """Return the cosine of the sets of counted words on both sides."""
    size = len(counted)
    one = (np.bincount(symbols[left], minlength=size) > 0) & counted
    other = (np.bincount(symbols[~left], minlength=size) > 0) & counted
    norm = float(np.sqrt(float(one.sum()) * float(other.sum())))
    return float((one & other).sum()) / norm if norm else 0.0


# --- topics --------------------------------------------------------------------------------------

_DIMENSIONS = 32
_SIDE = 200
_STRIDE = 40
_BATCH = 100
"""Strides whose vectors are added at once: few enough to stay in a processor's cache."""
_RARE = 1e-3
"""Share of a word in the text at which it weighs half of what a rare one weighs."""


def topic_cosines(symbols: Ints, side: int = _SIDE, stride: int = _STRIDE) -> tuple[Ints, Floats]:
    """Return places between words and how alike the words before and behind them are.

    TextTiling (Hearst 1997) on random projections: words weigh by how rare they are, and sums over
    windows are differences of running sums, so the time is linear in the text.

    Args:
        symbols: Numbers of the words.
        side: Words on each side that are compared, a multiple of `stride`.
        stride: Words from one place to the next.
    """
    steps, reach = len(symbols) // stride, side // stride
    if steps < 2 * reach:
        return np.empty(0, np.int64), np.empty(0)
    row = symbols[: steps * stride]
    chances = np.bincount(row) / len(row)
    signs = np.random.default_rng(0).choice((-1.0, 1.0), (len(chances), _DIMENSIONS))
    vectors = (signs * (_RARE / (_RARE + chances))[:, None]).astype(np.float32)
    sums = np.zeros((steps + 1, _DIMENSIONS))
    for first in range(0, steps, _BATCH):
        batch = row[first * stride : (first + _BATCH) * stride]
        edges = np.arange(0, len(batch), stride)
        sums[first + 1 : first + 1 + _BATCH] = np.add.reduceat(vectors.take(batch, axis=0), edges)
    np.cumsum(sums, axis=0, out=sums)
    middle = np.arange(reach, steps - reach + 1)
    left, right = sums[middle] - sums[middle - reach], sums[middle + reach] - sums[middle]
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return middle * stride, np.einsum("ij,ij->i", left, right) / np.maximum(norms, 1e-12)


def find_boundaries(places: Ints, cosines: Floats) -> Ints:
    """Return the places where the topic changes: valleys much deeper than most.

    The depth of a place is how far the cosine rises to both sides before it falls again; it counts
    from a standard deviation above the mean on.
    """
    if len(places) < 3:
        return places[:0]
    depths = _climb(cosines) + _climb(cosines[::-1])[::-1]
    limit = depths.mean() + depths.std()
    inner = np.zeros(len(cosines), np.bool_)
    inner[1:-1] = (cosines[1:-1] <= cosines[:-2]) & (cosines[1:-1] < cosines[2:])
    found: Ints = places[inner & (depths > limit)]
    return found


def _climb(cosines: Floats) -> Floats:
    """Return how far each value lies below the peak that rises from it to the left."""
    peaks = list(cosines)
    for place in range(1, len(peaks)):
        if cosines[place - 1] >= cosines[place]:
            peaks[place] = peaks[place - 1]
    return np.array(peaks) - cosines


def measure_topics(analysis: Analysis) -> Score:
    """Tell where the topic changes; the value is the share of section starts that are such places.

    None without two sections. Parts: ``boundaries``, and ``words_between`` them.
    """
    places, cosines = topic_cosines(analysis.words.symbols)
    found = find_boundaries(places, cosines)
    starts = np.array([piece.first for piece in analysis.sections[1:]], np.int64)
    size = len(analysis.words)
    parts = {"boundaries": len(found), "words_between": size / (len(found) + 1)}
    offsets = analysis.words.starts[found[:500]].tolist()
    spans = tuple(Span(offset, offset) for offset in offsets)
    note = f"The topic changes at {len(found)} places."
    starts = starts[(starts >= _SIDE) & (starts <= size - _SIDE)]
    if not len(starts) or not len(found):
        return Score("topics", None, parts, note, spans)
    right = np.searchsorted(found, starts).clip(1, max(1, len(found) - 1))
    nearest = np.stack((found[right - 1], found[np.minimum(right, len(found) - 1)]))
    gaps = np.abs(nearest - starts).min(axis=0)
    hits = float((gaps <= _SIDE // 2).mean())
    return Score("topics", hits, parts | {"at_sections": hits}, note, spans)
