"""What texts are worth, and how far two of them differ."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.data.preference import (
    SOUND,
    find_composition,
    score_text,
    share_changed,
    tell_criterion,
)
from longwrite.errors import UsageError
from longwrite.types import Brief
from tests.data.pairing import prose

words = st.lists(st.sampled_from(["salt", "sea", "ship.", "桥", "\n", "mine"]), max_size=40)


@given(words, words)
def test_a_share_is_a_share_and_none_is_none(one: list[str], other: list[str]) -> None:
    before, after = " ".join(one), " ".join(other)
    assert 0 <= share_changed(before, after) <= 1
    assert share_changed(before, before) == 0


def test_one_sentence_of_ten_paragraphs_is_a_small_share() -> None:
    parts = [prose(seed, 50) for seed in range(10)]
    before = "\n\n".join(parts)
    after = before.replace(parts[4], f"{parts[4]} One more thing.")
    assert 0 < share_changed(before, after) < 0.02


def test_a_change_inside_a_line_of_ten_thousand_words_is_found() -> None:
    line = " ".join(prose(seed, 100).replace("\n", " ") for seed in range(100))
    middle = line.index(" ", len(line) // 2)
    assert share_changed(line, f"{line[:middle]} inserted{line[middle:]}") < 0.001


def test_a_word_changed_everywhere_in_one_long_line_is_counted_where_it_stands() -> None:
    line = " ".join(prose(seed, 100).replace("\n", " ") for seed in range(100))
    expected = line.count(" the ") / len(re.findall(r"\w+|[^\w\s]", line))
    assert share_changed(line, line.replace(" the ", " a ")) == pytest.approx(expected, rel=0.05)


def test_a_looping_text_is_worth_less_than_a_sound_one() -> None:
    brief = Brief("Tell of salt.", 200, language="en")
    sound, broken = prose(1, 200), prose(1, 20) * 10
    better, worse = score_text(SOUND, brief, sound), score_text(SOUND, brief, broken)
    assert better is not None and worse is not None and better > worse + 0.2


def test_a_judge_outside_the_log_is_refused() -> None:
    assert find_composition("length=1, repetition=0.5").name == "rewards"
    with pytest.raises(UsageError, match="judge: true"):
        find_composition("length, quality")


def test_pairs_that_length_alone_decides_say_so() -> None:
    assert tell_criterion(find_composition("length=1")) == {"criterion": "length"}
    assert tell_criterion(find_composition("length=1, s_l=0.5")) == {"criterion": "length"}
    assert tell_criterion(find_composition("length=1"), judged=True) == {}
    assert tell_criterion(find_composition("sound")) == {}
