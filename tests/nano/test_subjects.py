"""Wishes: what is asked about, and how it is worded."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.nano.briefs import word_brief
from longwrite.nano.coinage import coin_acronym, coin_name, coin_word
from longwrite.nano.lexicon import load_lexicon
from longwrite.nano.outlines import Outliner
from longwrite.nano.prose import GENRES, Genre
from longwrite.nano.speaker import draw_cast
from longwrite.nano.subjects import draw_wish
from longwrite.planners.entries import read_entries
from longwrite.rewards.briefs import compile_brief

SEEDS = st.integers(0, 10**9)


@given(SEEDS, st.booleans())
def test_what_texts_call_a_subject_is_what_the_reader_wrote(seed: int, story: bool) -> None:
    wish = draw_wish(load_lexicon(), random.Random(seed), story=story)
    assert wish.subject.name in wish.full
    assert wish.subject.short.removeprefix("the ") in wish.full


@given(SEEDS, st.sampled_from(GENRES), st.sampled_from((300, 1200, 10_000)))
def test_a_brief_holds_its_subject_and_nothing_unfilled(
    seed: int, genre: Genre, words: int
) -> None:
    lexicon, rng = load_lexicon(), random.Random(seed)
    wish = draw_wish(lexicon, rng, story=genre == "story")
    outliner = Outliner(genre, wish, draw_cast(lexicon.names, rng), lexicon, rng)
    asked = word_brief(genre, wish, words, lexicon, outliner.frame(0), rng)
    shown = " ".join(asked.text.split())
    assert wish.subject.name in shown
    assert wish.full.removeprefix("the ") in shown  # as in "a short history of glass handbook"
    assert not {"{", "}", "[", "]", "\x00"} & set(asked.text)
    # What states a length states this one; the compiler of briefs reads it.
    stated = [c for c in compile_brief(asked.text).constraints if c.kind == "length"]
    assert not stated or str(words) in asked.text.replace(",", "")


@given(SEEDS, st.sampled_from(GENRES), st.integers(2, 12))
def test_entries_are_distinct_and_name_their_three_things(
    seed: int, genre: Genre, count: int
) -> None:
    lexicon, rng = load_lexicon(), random.Random(seed)
    wish = draw_wish(lexicon, rng, story=genre == "story")
    outliner = Outliner(genre, wish, draw_cast(lexicon.names, rng), lexicon, rng)
    entries = outliner.entries(count, 500 * count)
    assert len({entry.title.casefold() for entry in entries}) == count
    for entry in entries:
        assert "|" not in entry.title + entry.goal
        assert all(thing.removeprefix("~") in entry.goal for thing in entry.frame.focus)
    lines = "\n".join(f"{n}. {e.title} | {e.goal} | {e.words}" for n, e in enumerate(entries, 1))
    read = read_entries(lines).entries
    assert [entry.words for entry in read] == [entry.words for entry in entries]


@pytest.mark.parametrize("coin", [coin_word, coin_name, coin_acronym])
def test_coined_words_are_many_and_plain(coin: object) -> None:
    assert callable(coin)
    words = {coin(random.Random(seed)) for seed in range(500)}
    assert len(words) > 300
    assert all(word.replace("-", "").isalnum() and word.isascii() for word in words)
