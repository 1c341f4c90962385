"""What the recipes train on and are measured on, written by the embedded model's own corpus.

Held-out briefs come from another stream of random numbers, and seven subjects in ten are made up on
the spot, so that hardly one was seen.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from longwrite.nano.bound import write_pair
from longwrite.text import count_words

Row = dict[str, Any]

LENGTH = " Length: "
"""Before the words asked for, at the end of a prompt."""


def write_texts(seed: str, words: int, least: int, most: int) -> list[Row]:
    """Return rows of so many words in all, each asked for the words that its answer has.

    Args:
        seed: Of the random numbers.
        words: Of all answers together.
        least: Words of the shortest answer asked for.
        most: Of the longest; all lengths are as frequent.
    """
    rng = random.Random(seed)
    rows: list[Row] = []
    total = 0
    while total < words:
        prompt, answer = write_pair(rng, rng.randint(least, most))
        rows.append({"prompt": prompt.content, "completion": answer.content})
        total += count_words(answer.content)
    return rows


def ask_for_words(seed: str, count: int, lengths: Sequence[int]) -> list[Row]:
    """Return prompts that ask for a length, one of those in turn, and have no answer."""
    rng = random.Random(seed)
    return [
        {"prompt": write_pair(rng, lengths[number % len(lengths)], answer=False)[0].content}
        for number in range(count)
    ]


def narrow(prompt: str) -> str:
    """Return a prompt that asks for a tenth more or less than a length, and not for twenty words.

    >>> narrow("Write a text about salt. Length: 30 words.")
    'Write a text about salt. Length: 27 to 33 words.'
    """
    about, mark, asked = prompt.partition(LENGTH)
    words = int(asked.split()[0].replace(",", ""))
    return f"{about}{mark}{round(0.9 * words)} to {round(1.1 * words)} words."


def write_heedless(
    seed: str, count: int, lengths: Sequence[int], written: Sequence[int]
) -> list[Row]:
    """Return rows whose answers keep to the subject, and not to the length that was asked.

    Args:
        seed: Of the random numbers.
        count: How many.
        lengths: In words, of those asked for.
        written: Of the answers.
    """
    rng = random.Random(seed)
    rows: list[Row] = []
    for _ in range(count):
        prompt, answer = write_pair(rng, rng.choice(written))
        about, mark, _ = prompt.content.partition(LENGTH)
        asked = f"{about}{mark}{rng.choice(lengths)} words."
        rows.append({"prompt": narrow(asked), "completion": answer.content})
    return rows
