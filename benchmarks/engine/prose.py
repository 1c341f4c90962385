"""English of exactly the length asked for, about nothing, and never the same twice.

It makes 1.35 tokens a word (`tokens.py`), as the field notes count.
"""

from __future__ import annotations

import random

from longwrite.engines.placeholder import load_lists

_SHORTEST, _LONGEST = 9, 19
_PARAGRAPH = (5, 7)
"""Sentences of a paragraph: about 85 words."""


def compose(words: int, rng: random.Random, *, paragraphs: bool = True) -> str:
    """Return whole sentences that together have exactly so many words.

    Args:
        words: At least 1.
        rng: Decides all else.
        paragraphs: Whether to break the text into paragraphs.
    """
    done: list[list[str]] = [[]]
    size = rng.randint(*_PARAGRAPH)
    left = max(1, words)
    while left:
        if paragraphs and len(done[-1]) >= size and left >= 3 * _SHORTEST:
            done.append([])
            size = rng.randint(*_PARAGRAPH)
        most = min(left, rng.randint(_SHORTEST, _LONGEST))
        if left - most < _SHORTEST:
            most = left  # no stub at the end
        done[-1].append(compose_sentence(most, rng))
        left -= most
    return "\n\n".join(" ".join(sentences) for sentences in done)


def compose_sentence(words: int, rng: random.Random) -> str:
    """Return a sentence of exactly so many words."""
    lists = load_lists()
    nouns, adjectives = lists["en.nouns"], lists["en.adjectives"]
    verbs, people = lists["en.verbs"], lists["en.people"]
    row: list[str] = []
    while len(row) < words:
        row += ["the", f"{rng.choice(adjectives)},", rng.choice(adjectives), rng.choice(people)]
        row += [rng.choice(verbs), rng.choice(("a", "the", "that", "this"))]
        row += [f"{rng.choice(nouns)},", rng.choice(("and", "with", "for", "as"))]
    row = row[:words]
    if words > 1:
        row[-1] = rng.choice(nouns)
    text = " ".join(row).rstrip(",")
    return f"{text[0].upper()}{text[1:]}."
