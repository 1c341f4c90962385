"""What readers type: the same wish worded in hundreds of ways, with and without a stated length."""

from __future__ import annotations

import random
from dataclasses import dataclass

from longwrite.nano.grammar import Expander, load_grammar
from longwrite.nano.lexicon import Lexicon
from longwrite.nano.morphology import article
from longwrite.nano.prose import Genre
from longwrite.nano.speaker import Frame, Speaker
from longwrite.nano.subjects import Wish

_AS_IT_IS = "\x00"
"""Keeps a subject from its capital, so that what is copied is what stands in the brief."""

_ARTICLES = frozenset({"a", "an", "the"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A wish in words, and the length it states."""

    text: str
    words: int


def word_brief(
    genre: Genre, wish: Wish, words: int, lexicon: Lexicon, frame: Frame, rng: random.Random
) -> Asked:
    """Return a brief for a document of a genre.

    Args:
        genre: Of the document.
        wish: What it is about.
        words: How long it has to be; round numbers read best.
        lexicon: All words.
        frame: Whose words fill what stands beside the subject.
        rng: Draws.
    """
    speaker = Speaker(frame, rng)
    grammar = load_grammar("briefs")
    number = f"{words:,}" if rng.random() < 0.5 else str(words)

    def fill(slot: str) -> str:
        if slot == "full":
            return _AS_IT_IS + wish.full
        if slot == "a full":
            first, _, rest = wish.full.partition(" ")
            return _AS_IT_IS + (wish.full if rest and first in _ARTICLES else article(wish.full))
        if slot == "bare-full":
            first, _, rest = wish.full.partition(" ")
            kept = wish.subject.name in rest and first in _ARTICLES
            return _AS_IT_IS + (rest if kept else wish.full)
        if slot == "length":
            return f"{number} words"
        if slot in {"length-adjective", "a length-adjective"}:
            words_of = f"{number}-word" if rng.random() < 0.7 else f"{number} word"
            sounds_an = number[0] == "8" or number.replace(",", "")[:2] in {"11", "18"}
            return f"{'an' if sounds_an else 'a'} {words_of}" if slot[0] == "a" else words_of
        if slot.startswith("article:"):
            return article(expander.expand(slot.removeprefix("article:")))
        return speaker(slot)

    expander = Expander(grammar, fill, rng)
    text = " ".join(expander.expand(genre).split()).replace(" ,", ",").replace(" .", ".")
    if rng.random() < 0.8:
        text = ". ".join(piece[:1].upper() + piece[1:] for piece in text.split(". "))
    text = text.replace(_AS_IT_IS, "")
    if rng.random() < 0.1:
        text = text.replace(". ", ".\n")
    return Asked(text, words)
