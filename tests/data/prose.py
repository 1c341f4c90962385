"""Prose of a seed that passes for English: nothing in it is said twice."""

from __future__ import annotations

import random

_SMALL_WORDS = "the of and to in is that it for was with as on by an or from at not the of and"
_SMALL = _SMALL_WORDS.split()
_STEM_WORDS = (
    "harbour rope tide lantern gull winter stone bell market boat sailor window road lamp barrel "
    "letter storm garden wall bridge clock river field cloud hammer candle mountain kettle garret "
    "ladder orchard copper saddle timber meadow anchor pebble thunder blanket chimney"
)
_STEMS = _STEM_WORDS.split()
_ENDINGS = ("", "s", "ward", "like", "less", "ing", "ed", "er")
_WORDS = [stem + ending for stem in _STEMS for ending in _ENDINGS]


def make_words(count: int, seed: int = 0) -> list[str]:
    """Return so many words, every other one a small one."""
    rng = random.Random(seed)
    return [rng.choice(_WORDS if place % 2 else _SMALL) for place in range(count)]


def make_paragraph(count: int, seed: int = 0) -> str:
    """Return a paragraph of so many words in sentences of twelve."""
    words = make_words(count, seed)
    pieces = [words[start : start + 12] for start in range(0, count, 12)]
    return " ".join(" ".join(piece).capitalize() + "." for piece in pieces)


def make_text(paragraphs: int, size: int = 80, seed: int = 0) -> str:
    """Return so many different paragraphs."""
    return "\n\n".join(make_paragraph(size, seed * 1_000 + n) for n in range(paragraphs))
