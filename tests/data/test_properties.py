"""What is proposed of a text is true of it, says an oracle of plain regexes."""

from __future__ import annotations

import random
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwrite.data.labels import verify
from longwrite.data.phrasing import state
from longwrite.data.properties import propose, propose_length
from longwrite.data.rows import Drop, Row
from longwrite.types import Message
from tests.data.recipe_stub import compose, is_true

_SEEDS = st.integers(0, 10**6)
_EXTRAS = ("", "", "table", "list", "numbers", "code", "table list code")
_REQUESTS = {"en": "Explain how the old mill was lost and found.", "zh": "请讲述老磨坊的得与失。"}


@pytest.mark.parametrize("language", ["en", "zh"])
@given(
    text_seed=_SEEDS,
    words=st.integers(110, 2_500),
    sections=st.sampled_from((0, 0, 1, 2, 3, 7)),
    extras=st.sampled_from(_EXTRAS),
    seed=_SEEDS,
)
@settings(max_examples=60, deadline=None)
def test_every_stated_constraint_is_true(
    language: str, text_seed: int, words: int, sections: int, extras: str, seed: int
) -> None:
    text = compose(language, text_seed, words=words, sections=sections, extras=extras)
    length = propose_length(text, language, seed)
    wishes = [*([length] if length else []), *propose(text, language, seed)]
    statement = state(_REQUESTS[language], wishes, language, seed)
    assert statement is not None
    assert statement.brief.constraints
    for constraint in statement.brief.constraints:
        assert is_true(constraint, text, language), (constraint, statement.prompt)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_most_kinds_are_found_where_they_are(language: str) -> None:
    text = compose(language, 5, words=1_500, sections=5, extras="table list code")
    kinds = {one.kind for seed in range(20) for one in propose(text, language, seed)}
    assert {"sections", "title", "headings", "table", "list", "code", "language"} <= kinds
    assert {"mention", "avoid"} <= kinds


@pytest.mark.parametrize("language", ["en", "zh"])
def test_all_ways_to_state_a_length_are_drawn(language: str) -> None:
    text = compose(language, 1, words=900)
    drawn = [propose_length(text, language, seed) for seed in range(60)]
    stated = {str(one.params["stated"]) for one in drawn if one}
    assert stated == {"about", "at_least", "at_most", "between"}


def test_at_most_one_absence_is_named() -> None:
    text = compose("en", 2, words=400)
    for seed in range(20):
        lacking = [one for one in propose(text, "en", seed) if one.params.get("wanted") is False]
        assert len(lacking) <= 1


def test_a_very_short_text_and_an_uncounted_language_have_no_length() -> None:
    assert propose_length("Salt is white.", "en", 0) is None
    assert propose_length("塩は白い。" * 100, "ja", 0) is None


def count_truth(language: str, texts: int) -> Counter[str]:
    """Return how many labels of made texts the oracle says are true, by language and kind."""
    found: Counter[str] = Counter()
    rng = random.Random(f"truth:{language}")
    for seed in range(texts):
        extras = rng.choice(_EXTRAS)
        sections = rng.choice((0, 0, 1, 2, 3, 7))
        words = rng.randint(110, 2_500)
        text = compose(language, seed, words=words, sections=sections, extras=extras)
        length = propose_length(text, language, seed)
        wishes = [*([length] if length else []), *propose(text, language, seed)]
        statement = state(_REQUESTS[language], wishes, language, seed)
        row = Row(
            f"{seed}",
            "completion",
            (Message("user", statement.prompt if statement else ""),),
            completion=text,
            constraints=statement.brief.constraints if statement else (),
            language=language,
        )
        judged = verify(row)
        if isinstance(judged, Drop):
            found["rows dropped"] += 1
            continue
        for label in judged.labels:
            true = label.holds is True and is_true(label.constraint, text, language)
            found["true" if true else f"false: {label.constraint.kind}"] += 1
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_label_of_a_row_is_false(language: str) -> None:
    found = count_truth(language, 40)
    assert set(found) <= {"true", "rows dropped"} and found["true"] > 100, found


if __name__ == "__main__":
    for code in ("en", "zh"):
        sys.stdout.write(f"{code}: {dict(count_truth(code, 1_000))}\n")
