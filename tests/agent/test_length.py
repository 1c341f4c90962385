"""Length as a closed loop: what trimming keeps, and how a continuation is joined."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwrite.agent.length import Bounds, between_sections, closing, join, less, trim
from longwrite.text import Block, blocks, count_words, sentences

WORDS = st.sampled_from(["Salt", "sea", "old", "人工", "1984", "isn’t", "half-way", "A"])
SENTENCES = st.lists(WORDS, min_size=1, max_size=10).map(lambda chosen: f"Then {' '.join(chosen)}.")
PARAGRAPHS = st.lists(SENTENCES, min_size=1, max_size=7).map(" ".join)
OTHERS = st.sampled_from(
    ["## A heading", "```\ncode 1. x\n```", "- one item\n- two items\n- three items\n- four items",
     "| a | b |\n|---|---|\n| c | d |\n| e | f |", "***", "1. first\n2. second\n3. third",
     "Rise, old sea,\nand carry me,\nwhere none will be."]
)  # fmt: skip
TEXTS = st.tuples(
    PARAGRAPHS, st.lists(PARAGRAPHS | PARAGRAPHS | OTHERS, max_size=9), PARAGRAPHS
).map(lambda parts: "\n\n".join([parts[0], *parts[1], parts[2]]))
WIDEST = 24
"""Words of the longest sentence drawn, and some."""


@settings(deadline=None)
@given(TEXTS, st.floats(0.2, 1.0))
def test_a_trimmed_text_is_inside_its_bounds_or_has_nothing_left_to_drop(
    text: str, share: float
) -> None:
    aim = max(1, round(share * count_words(text)))
    bounds = Bounds(max(1, aim - WIDEST), aim, aim + WIDEST)
    words = count_words(trim(text, bounds))
    assert words >= min(bounds.low, count_words(text))
    if words > bounds.high:
        for part in blocks(trim(text, bounds)):
            if part.kind == "paragraph" and "\n" not in part.text:
                assert len(sentences(part.text)) <= 2


def first_sentence(part: Block) -> str:
    """Return what a block opens with."""
    return sentences(part.text.split("\n")[0])[0].strip()


@settings(deadline=None)
@given(TEXTS, st.floats(0.05, 1.0))
def test_what_is_kept_is_kept_whole_and_in_order(text: str, share: float) -> None:
    aim = max(1, round(share * count_words(text)))
    short = trim(text, Bounds(max(1, aim - 20), aim, aim + 20))
    place = 0
    for line in short.split("\n"):
        for piece in sentences(line):
            place = text.index(piece.strip(), place) + len(piece.strip())
    before, after = blocks(text), blocks(short)
    assert [part.text for part in after if part.kind in {"heading", "code", "rule"}] == [
        part.text for part in before if part.kind in {"heading", "code", "rule"}
    ]
    assert {first_sentence(part) for part in after} <= {first_sentence(part) for part in before}
    assert sentences(after[-1].text)[-1] == sentences(before[-1].text)[-1]


@settings(deadline=None)
@given(TEXTS)
def test_a_text_within_its_bound_comes_back_as_it_is(text: str) -> None:
    words = count_words(text)
    assert trim(text, Bounds(1, 1, words)) == text


@given(st.text(), st.integers(1, 40))
def test_any_text_is_trimmed(text: str, aim: int) -> None:
    short = trim(text, Bounds(1, aim, aim))
    assert count_words(short) <= count_words(text)


def test_the_only_sentence_that_can_go_goes() -> None:
    text = "The first one stays. The second one can go. The last one stays."
    assert trim(text, Bounds(5, 8, 9)) == "The first one stays. The last one stays."


def test_all_that_can_go_goes_where_it_must() -> None:
    text = "One stays. Two can go. Three can go. Four can go. Five stays."
    assert trim(text, Bounds(1, 1, 4)) == "One stays. Five stays."


def test_sentences_are_chosen_to_meet_the_aim() -> None:
    lengths = [5, 9, 3, 7, 11, 4, 5]
    text = " ".join(f"Word{' word' * (count - 1)}." for count in lengths)
    for aim in (14, 17, 21, 25, 31, 37, 40):
        assert count_words(trim(text, Bounds(aim - 1, aim, aim))) == aim


def test_what_a_constraint_needs_is_kept() -> None:
    text = "The first. A line with gulls in it. Another line of words here. The last."
    short = trim(text, Bounds(1, 4, 5), lambda piece: "gulls" in piece)
    assert short == "The first. A line with gulls in it. The last."


def test_a_table_keeps_its_head_and_a_poem_loses_lines() -> None:
    table = "Before it.\n\n| a | b |\n|---|---|\n| c | d |\n| e | f |\n\nAfter it."
    assert "| a | b |\n|---|---|" in trim(table, Bounds(1, 4, 6))
    poem = "\n".join(f"a line of verse {n}" for n in range(9))
    lines = trim(poem, Bounds(20, 25, 27)).split("\n")
    assert len(lines) == 5 and set(lines) <= set(poem.split("\n"))


def test_a_huge_reply_is_trimmed() -> None:
    text = "\n\n".join(" ".join(f"Word {n} of {m} here." for n in range(12)) for m in range(200))
    assert 600 <= count_words(trim(text, Bounds(600, 650, 700))) <= 700


# --- bounds --------------------------------------------------------------------------------------


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_bounds_are_in_order(aim: int, owed: int, done: int) -> None:
    for bounds in (between_sections(aim), closing(aim, owed), less(closing(aim, owed), done)):
        assert 0 <= bounds.low <= bounds.aim <= bounds.high
        assert bounds.aim >= 1


# --- joining -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "addition", "joined"),
    [
        ("It ended.", "It began.", "It ended.\n\nIt began."),
        ("They walked to the", "old harbour.", "They walked to the old harbour."),
        ("They walked to the harbour", ", and on.", "They walked to the harbour, and on."),
        ("See the harbour wall", "the harbour wall fall.", "See the harbour wall fall."),
        ("We met the man of", "met the man of Rome.", "We met the man of Rome."),
        ("It was a sentence.", "It was a sentence. Next.", "It was a sentence.\n\nNext."),
        ("A whole sentence here.", "A whole sentence here.", "A whole sentence here."),
        ("他走到门口，", "看见了海。", "他走到门口，看见了海。"),
        ("他看见了海。", "海很大。", "他看见了海。\n\n海很大。"),
        ("清晨他慢慢走到了桥边", "慢慢走到了桥边上。", "清晨他慢慢走到了桥边上。"),
        ("- one\n- two.", "Then prose.", "- one\n- two.\n\nThen prose."),
        ("", " text ", "text"),
        ("text ", "", "text"),
    ],
)  # fmt: skip
def test_a_continuation_is_joined_without_gap_or_overlap(
    text: str, addition: str, joined: str
) -> None:
    assert join(text, addition) == joined


@settings(deadline=None)
@given(TEXTS, st.integers(0, 300), TEXTS)
def test_what_a_continuation_repeats_is_left_out(text: str, size: int, more: str) -> None:
    text = text.rstrip()
    repeated = text[max(0, len(text) - size) :].lstrip()
    whole = join(text, f"{repeated} {more}")
    assert whole.startswith(text)
    if 12 <= len(repeated) <= 400:
        assert whole.removeprefix(text).strip() in (more, f"{repeated} {more}".strip())
        assert count_words(whole) <= count_words(text) + count_words(more) + 1


@given(st.text(), st.text())
def test_any_two_texts_are_joined(text: str, addition: str) -> None:
    joined = join(text, addition)
    assert joined.startswith(text.rstrip()) or joined == addition.strip()
