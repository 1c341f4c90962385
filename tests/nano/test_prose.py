"""Sections of the corpus: their length, their variety, and that they speak of their subject."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.nano.corpus import write_document, write_page
from longwrite.nano.lexicon import load_lexicon
from longwrite.nano.outlines import Outliner
from longwrite.nano.prose import GENRES, Author, Genre
from longwrite.nano.speaker import Frame, Subject, draw_cast
from longwrite.nano.subjects import Wish
from longwrite.scoring.endings import is_truncated
from longwrite.scoring.repetition import duplicated_coverage
from longwrite.text import count_words, sentences


def make_frame(name: str, genre: Genre = "essay", seed: int = 0) -> Frame:
    lexicon, rng = load_lexicon(), random.Random(seed)
    wish = Wish(Subject(name), name, ())
    return Outliner(genre, wish, draw_cast(lexicon.names, rng), lexicon, rng).frame(0)


@given(st.sampled_from(GENRES), st.integers(60, 700), st.integers(0, 10**6))
def test_a_section_has_nearly_the_length_asked_for_and_ends(
    genre: Genre, words: int, seed: int
) -> None:
    author = Author(genre, make_frame("tin mines", genre, seed), random.Random(seed))
    text = author.section(words)
    assert abs(count_words(text) - words) <= 30
    assert not is_truncated(text)
    assert not re.search(r"[{}\[\]]|  |\b(\w+) \1\b", text)


@pytest.mark.parametrize("genre", GENRES)
def test_a_section_speaks_of_a_subject_that_the_corpus_never_met(genre: Genre) -> None:
    spoken = 0
    for seed in range(20):
        author = Author(genre, make_frame("zorblatt membranes", genre, seed), random.Random(seed))
        text = author.section(300)
        spoken += "zorblatt membranes" in text
        assert not any(piece.startswith("Zorblatt") for piece in sentences(text))
    assert spoken >= 18


@pytest.mark.parametrize("genre", GENRES)
def test_ten_thousand_words_on_one_topic_hardly_repeat_themselves(genre: Genre) -> None:
    text = write_document(1, genre, 1, 10_000)
    assert count_words(text) > 9_500
    assert duplicated_coverage(text).parts["covered"] <= 0.02


def test_a_page_is_its_seed() -> None:
    assert write_page(3, 5) == write_page(3, 5)
    assert write_page(3, 5) != write_page(3, 6)


def test_what_must_stand_in_a_section_does() -> None:
    author = Author("report", make_frame("tin mines"), random.Random(2))
    assert "the green ledger" in author.section(120, must=("the green ledger",))
