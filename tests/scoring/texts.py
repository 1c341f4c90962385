"""Texts for measures: prose of a seed, with nothing in it said twice."""

from __future__ import annotations

import random

_SOUNDS = "ba ce di fo gu ha li mo ne pu ra se ti vo wa xe yo zu ka le mi no"
SYLLABLES = _SOUNDS.split()


def make_words(count: int, seed: int = 0, vocabulary: int = 400) -> list[str]:
    """Return so many words, common ones more often."""
    rng = random.Random(seed)
    known = ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(vocabulary)]
    weights = [1 / rank for rank in range(1, vocabulary + 1)]
    return rng.choices(known, weights, k=count)


def make_paragraph(count: int, seed: int = 0, vocabulary: int = 400) -> str:
    """Return a paragraph of so many words in sentences of about twelve."""
    words = make_words(count, seed, vocabulary)
    pieces = [words[start : start + 12] for start in range(0, count, 12)]
    return " ".join(" ".join(piece).capitalize() + "." for piece in pieces)


def make_text(paragraphs: int, size: int = 80, seed: int = 0) -> str:
    """Return so many different paragraphs."""
    return "\n\n".join(make_paragraph(size, seed * 1_000 + n) for n in range(paragraphs))
