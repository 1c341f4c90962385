"""What is said again is found at every length, wherever it stands."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.scoring.analysis import Analysis
from longwrite.scoring.repeats import (
    find_near,
    find_repeats,
    measure_blocks,
    measure_ngrams,
    measure_paragraphs,
    measure_passages,
    measure_sentences,
)
from tests.scoring.texts import make_paragraph, make_text, make_words

TEXT = make_text(20)
EXTRA = make_paragraph(60, seed=77_777)


def test_prose_that_repeats_nothing_scores_one() -> None:
    analysis = Analysis(TEXT)
    for measure in (measure_passages, measure_sentences, measure_paragraphs, measure_blocks):
        assert measure(analysis).value == 1.0
    assert (measure_ngrams(analysis).value or 0) > 0.95


def test_ngrams_are_counted_by_definition() -> None:
    score = measure_ngrams(Analysis("one two three four one two three four one two"))
    assert score.parts["distinct_1"] == pytest.approx(4 / 10)
    assert score.parts["distinct_4"] == pytest.approx(4 / 7)
    assert score.value == 1 - score.parts["rep_4"] == pytest.approx(4 / 7)


def test_a_repeated_passage_is_shown_in_both_places() -> None:
    text = f"{EXTRA}\n\n{TEXT}\n\n{EXTRA}"
    score = measure_passages(Analysis(text))
    assert score.parts["longest"] == 60
    assert score.parts["covered_10"] == pytest.approx(120 / (20 * 80 + 120))
    assert score.parts["covered_160"] == 0
    assert [text[one.start : one.end] for one in score.evidence] == [EXTRA[:-1]] * 2


def test_each_repeat_names_its_other_place() -> None:
    analysis = Analysis(f"{EXTRA}\n\n{TEXT}\n\n{EXTRA}")
    first, second = find_repeats(analysis.suffixes)
    assert (first.first, first.other, second.first, second.other) == (0, 1660, 1660, 0)
    assert first.size == second.size == 60


def test_a_paragraph_with_a_fifth_of_its_words_changed_is_a_near_duplicate() -> None:
    words = make_words(100, seed=5_555)
    rng = random.Random(0)
    changed = [rng.choice(make_words(50, seed=9)) if rng.random() < 0.2 else w for w in words]
    text = f"{' '.join(words)}.\n\n{TEXT}\n\n{' '.join(changed)}."
    analysis = Analysis(text)
    assert find_near(analysis.words.symbols, analysis.paragraph_bounds) == [(0, 21)]
    score = measure_paragraphs(analysis)
    assert score.parts["near"] == 1
    assert score.parts["repeated"] == 0
    assert (score.value or 0) == pytest.approx(1 - 100 / 1_800)


def test_a_sentence_said_again_is_told() -> None:
    line = "The keeper of the light had never learned to swim."
    text = f"{line} {TEXT} {line}"
    score = measure_sentences(Analysis(text))
    assert score.parts["repeated"] == 1
    assert [text[one.start : one.end] for one in score.evidence] == [line[:-1]]


LETTERS = st.lists(st.sampled_from("abc"), min_size=1, max_size=40).map(" ".join)


@given(
    blocks=st.lists(LETTERS, min_size=1, max_size=8),
    size=st.integers(30, 50),
    seed=st.integers(0, 99),
    where=st.integers(0, 8),
    vocabulary=st.sampled_from([2, 5, 200]),
)
def test_saying_a_paragraph_again_never_pays(
    blocks: list[str], size: int, seed: int, where: int, vocabulary: int
) -> None:
    paragraph = " ".join(make_words(size, seed, vocabulary))
    once = [*blocks, paragraph]
    twice = [*once[:where], paragraph, *once[where:]]
    before = measure_blocks(Analysis("\n\n".join(once))).value
    after = measure_blocks(Analysis("\n\n".join(twice))).value
    assert before is not None and after is not None
    assert after <= before


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_scores_are_shares_or_none(text: str) -> None:
    analysis = Analysis(text)
    for measure in (
        measure_ngrams, measure_passages, measure_sentences, measure_paragraphs, measure_blocks,
    ):  # fmt: skip
        value = measure(analysis).value
        assert value is None or 0 <= value <= 1
