"""Diversity, coherence, names and shape: each measure sees what it is for."""

from __future__ import annotations

import random
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.errors import UsageError
from longwrite.scoring.analysis import Analysis
from longwrite.scoring.coherence import find_boundaries, mean_cosine, topic_cosines, weigh
from longwrite.scoring.diversity import measure_mtld, type_ratios
from longwrite.scoring.entities import find_names
from longwrite.scoring.measures import MEASURES, Wish, measure
from longwrite.types import Plan, Score, Section
from tests.scoring.texts import make_paragraph, make_text, make_words


def value(name: str, text: str, wish: Wish | None = None) -> float:
    return cast("float", score(name, text, wish).value)


def score(name: str, text: str, wish: Wish | None = None) -> Score:
    return measure(Analysis(text), wish or Wish(), [name])[name]


@given(row=st.lists(st.integers(0, 5), min_size=1, max_size=40), window=st.integers(1, 12))
def test_type_ratios_are_those_of_each_window(row: list[int], window: int) -> None:
    width = min(window, len(row))
    wanted = [len(set(row[start : start + width])) / width for start in range(len(row) - width + 1)]
    assert type_ratios(np.array(row, np.int64), window).tolist() == pytest.approx(wanted)


def test_mtld_is_the_length_of_stretches_that_stay_diverse() -> None:
    assert measure_mtld(np.arange(50)) == 50
    assert measure_mtld(np.zeros(60, np.int64)) == pytest.approx(2)


def count_factors(row: list[int]) -> float:
    stretch: list[int] = []
    factors = 0.0
    for word in row:
        stretch.append(word)
        if len(set(stretch)) < 0.72 * len(stretch):
            factors += 1
            stretch = []
    return factors + (1 - len(set(stretch)) / len(stretch)) / 0.28 if stretch else factors


@given(row=st.lists(st.integers(0, 9), min_size=1, max_size=80))
def test_mtld_is_that_of_counting_stretch_by_stretch(row: list[int]) -> None:
    counts = [count_factors(row), count_factors(row[::-1])]
    wanted = sum(len(row) / count if count else len(row) for count in counts) / 2
    assert measure_mtld(np.array(row, np.int64)) == pytest.approx(wanted)


def test_a_window_that_says_one_thing_compresses_too_well() -> None:
    assert value("compression", " ".join(make_words(3_000, vocabulary=2_000))) > 0.9
    assert value("compression", "the keeper lit the lamp and slept. " * 300) < 0.2


def test_stale_phrases_are_found_in_their_place() -> None:
    text = "The market stands as a testament to trade. It was raining."
    found = score("slop", text)
    assert [text[one.start : one.end] for one in found.evidence] == ["stands as a testament"]


def topical(topics: int = 8, each: int = 4) -> list[str]:
    """Paragraphs, each four of one topic with words of its own."""
    found = []
    for topic in range(topics):
        rng = random.Random(topic)
        own = make_words(60, seed=topic + 500, vocabulary=60)
        for _ in range(each):
            words = [rng.choice(own) for _ in range(60)] + make_words(30, rng.randint(0, 9_999))
            rng.shuffle(words)
            found.append(" ".join(words).capitalize() + ".")
    return found


def test_shuffled_paragraphs_are_less_coherent() -> None:
    paragraphs = topical()
    ordered = value("cohesion", "\n\n".join(paragraphs))
    random.Random(1).shuffle(paragraphs)
    assert value("cohesion", "\n\n".join(paragraphs)) < ordered / 2


def test_repetition_is_no_coherence() -> None:
    again = "\n\n".join([make_paragraph(80)] * 12)
    assert value("cohesion", again) == 0


def test_the_mean_cosine_is_that_of_all_pairs() -> None:
    symbols = np.array(make_numbers(300))
    bounds = np.array([(start, start + 50) for start in range(0, 300, 50)])
    weights = weigh(symbols, bounds)
    matrix = np.zeros((6, weights.size))
    matrix[weights.rows, weights.columns] = weights.values
    pairs = (matrix @ matrix.T)[~np.eye(6, dtype=bool)]
    assert mean_cosine(weights) == pytest.approx(pairs.mean())


def make_numbers(count: int) -> list[int]:
    known: dict[str, int] = {}
    return [known.setdefault(word, len(known)) for word in make_words(count)]


def test_topic_boundaries_stand_where_topics_change() -> None:
    rng = random.Random(0)
    row = [rng.randrange(40) + 40 * topic for topic in range(9) for _ in range(1_000)]
    found = find_boundaries(*topic_cosines(np.array(row)))
    assert found.tolist() == list(range(1_000, 9_000, 1_000))


def test_names_appear_vanish_and_return() -> None:
    def scene(name: str) -> str:
        return f"In the morning {name} rose. Nobody saw {name} leave, and {name} was glad. " * 2

    text = "\n\n".join(
        f"## Part {n}\n\n{scene(name)}" for n, name in enumerate(["Ada", "Bo", "Ada"])
    )
    lives = {life.name: life for life in find_names(Analysis(text))}
    assert lives["Ada"].sections == (0, 2)
    assert lives["Ada"].gaps == 1
    assert lives["Bo"].sections == (1,)
    assert "Nobody" not in lives and "In" not in lives


def test_a_plan_s_order_is_held_against_the_headings() -> None:
    titles = ["Hull", "Mast", "Sail", "Rope"]
    plan = Plan("Boats", tuple(Section(str(n), title) for n, title in enumerate(titles)))

    def write(order: list[str]) -> str:
        return "\n\n".join(f"## {title}\n\nText." for title in order)

    assert value("plan", write(titles), Wish(plan=plan)) == 1
    assert value("plan", write(["Hull", "Sail", "Mast", "Rope"]), Wish(plan=plan)) == 0.75
    assert value("plan", write(["Hull", "Mast"]), Wish(plan=plan)) == 0.5
    assert score("plan", write(titles)).value is None


def test_the_prompt_handed_back_is_copying() -> None:
    prompt = make_paragraph(40, seed=3)
    text = f"{prompt}\n\n{make_paragraph(160, seed=4)}"
    assert value("copying", text, Wish(prompt)) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("ending", "It was over. They went home.", "It was over. They went to the"),
        (
            "headings",
            "# T\n\n" + make_text(2),
            "".join(f"## H{n}\n\nA b c d.\n\n" for n in range(9)),
        ),
        ("leaks", "The sea was calm.", "As an AI language model, I cannot write this story."),
        ("loop", make_text(3), "The keeper lit the lamp. " * 30),
    ],
)
def test_the_shape_of_a_text(name: str, good: str, bad: str) -> None:
    assert value(name, good) == 1
    assert value(name, bad) == 0


def test_the_language_asked_for() -> None:
    assert value("language", "The sea was calm that day.", Wish(language="en")) == 1
    assert value("language", "那天海很平静。", Wish(language="en")) == 0
    assert value("language", "那天海很平静。", Wish(language="zh")) == 1


def test_an_unknown_measure_is_told() -> None:
    with pytest.raises(UsageError, match="Did you mean cohesion"):
        score("cohesive", "Text.")


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_every_measure_takes_any_text(text: str) -> None:
    found = measure(Analysis(text), Wish(prompt=text[:40], language="en"))
    assert set(found) == set(MEASURES)
    for one in found.values():
        assert one.value is None or 0 <= one.value <= 1
        assert all(0 <= span.start <= span.end <= len(text) for span in one.evidence)
