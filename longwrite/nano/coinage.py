"""Words that don't exist, put together from syllables or from the ends of two words.

What a model can copy out of a brief though it never met it has to be taught with words that nobody
has met. Those made of two words have the pieces of real ones in orders that nothing foretells.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

from longwrite.nano.lexicon import read_records

_BLENDED = 0.5
"""Share of the words that are made of two real ones."""
_LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXZ"


@dataclass(frozen=True, slots=True)
class Syllables:
    """Pieces of words; a syllable may lack its coda."""

    onsets: tuple[str, ...]
    nuclei: tuple[str, ...]
    codas: tuple[str, ...]
    endings: tuple[str, ...]


@cache
def _load_syllables() -> Syllables:
    record = next(read_records("syllables.txt"))
    codas = ("", *record["codas"])
    return Syllables(record["onsets"], record["nuclei"], codas, record["endings"])


@cache
def _load_words() -> tuple[str, ...]:
    texts = (record["subjects"] for record in read_records("subjects.txt"))
    words = {word for names in texts for name in names for word in name.split()}
    return tuple(
        sorted(word for word in words if len(word) > 4 and word.isalpha() and word.isascii())
    )


def coin_word(rng: random.Random) -> str:
    """Return a word of one to three syllables, or the head of one word with the tail of another."""
    if rng.random() < _BLENDED:
        head, tail = rng.choice(_load_words()), rng.choice(_load_words())
        return (head[: rng.randint(2, 5)] + tail[-rng.randint(2, 6) :]).lower()
    syllables = _load_syllables()
    count = rng.choice((1, 1, 2, 2, 2))
    word = "".join(
        rng.choice(syllables.onsets)
        + rng.choice(syllables.nuclei)
        + (rng.choice(syllables.codas) if rng.random() < 0.5 else "")
        for _ in range(count)
    )
    return word + rng.choice(syllables.endings) if rng.random() < 0.3 else word


def coin_name(rng: random.Random) -> str:
    """Return a proper name."""
    return coin_word(rng).capitalize()


def coin_acronym(rng: random.Random) -> str:
    """Return two to four capitals, now and then with a number."""
    letters = "".join(rng.choice(_LETTERS) for _ in range(rng.choice((2, 3, 3, 4))))
    return f"{letters}-{rng.randint(2, 99)}" if rng.random() < 0.15 else letters
