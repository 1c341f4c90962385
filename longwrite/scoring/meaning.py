"""Coherence by a model's embeddings, for who has one: an extra that nothing else depends on.

It sees that passages belong together though they share no word. As with words, likeness to the
neighbour counts against likeness to all, for a text that repeats itself is alike everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from longwrite.scoring.analysis import Analysis
from longwrite.scoring.coherence import join_passages
from longwrite.types import Score, Span

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Returns a row for each text, shape (texts, dimensions)."""

_LEAST = 4
_SPREAD = 0.1
"""Adjacent minus global cosine at which the score is 1."""
_APART = 2.0
"""Standard deviations under the mean from which on a passage doesn't belong to the one before."""


def measure_meaning(analysis: Analysis, embed: Embed) -> Score:
    """Score adjacent minus global cosine of the passages' embeddings; None under four passages.

    The mean of all embeddings is taken away first: those of many models point nearly the same way
    whatever is said (Ethayarajh 2019, arXiv:1909.00512). The evidence is where a passage is least
    like the one before.
    """
    bounds = join_passages(analysis.paragraph_bounds)
    if len(bounds) < _LEAST:
        return Score("meaning", None, note=f"Fewer than {_LEAST} passages.")
    spans = [analysis.words.span(first, last) for first, last in bounds.tolist()]
    rows = np.asarray(embed([analysis.text[span.start : span.end] for span in spans]), np.float64)
    rows = rows - rows.mean(axis=0)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    near = np.einsum("ij,ij->i", rows[:-1], rows[1:])
    count, total = len(rows), rows.sum(axis=0)
    everywhere = float((total @ total - (rows * rows).sum()) / (count * (count - 1)))
    difference = float(near.mean()) - everywhere
    apart = np.flatnonzero(near < near.mean() - _APART * near.std()) + 1
    return Score(
        "meaning",
        min(1.0, max(0.0, difference / _SPREAD)),
        {
            "adjacent": float(near.mean()), "global": everywhere,
            "difference": difference, "passages": count,
        },
        f"Neighbouring passages are alike by {near.mean():.3f}, any two by {everywhere:.3f}.",
        tuple(Span(spans[place].start, spans[place].start) for place in apart.tolist()),
    )  # fmt: skip
