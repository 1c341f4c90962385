"""The first of rows alike stays; what is remembered of a row is small."""

from __future__ import annotations

import random
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwrite.data.duplicates import (
    NEAR_SECTION,
    NEAR_TEXT,
    SAME_PROMPT,
    SAME_ROW,
    Duplicates,
)
from longwrite.data.filters import detail_of
from longwrite.data.packed import Columns, Index, Names
from longwrite.data.rows import Row, Shape
from longwrite.data.shingles import hash_ngrams, hash_words, sketch
from longwrite.errors import UsageError
from longwrite.types import Message
from tests.data.prose import make_paragraph, make_text, make_words

FIRST_HASH = 17_357_140_401_427_252_685
"""Of "the": an index of hashes is worth nothing where this changes."""


def row(number: int, text: str = "", prompt: str = "", shape: Shape = "completion") -> Row:
    asked = (Message("user", prompt or f"Write about number {number}."),)
    return Row(f"row-{number}", shape, asked, text or make_text(5, seed=number))


def refusals(rows: list[Row]) -> list[tuple[str, str, str]]:
    """Return id, reason and earlier id of each row that is refused."""
    duplicates = Duplicates()
    found = ((each.id, duplicates(each)) for each in rows)
    return [(id_, said[1], detail_of(said)) for id_, said in found if said is not True]


def change(text: str, share: float, seed: int = 0) -> str:
    """Replace one in so many words by another."""
    rng = random.Random(seed)
    return " ".join(f"new{seed}" if rng.random() < share else word for word in text.split(" "))


def test_different_rows_all_stay() -> None:
    assert refusals([row(number) for number in range(60)]) == []


def test_a_prompt_is_asked_once() -> None:
    rows = [row(0, prompt="Write about tides."), row(1, prompt=" Write  about tides.\n")]
    assert refusals(rows) == [("row-1", SAME_PROMPT, "row-0")]
    assert refusals([rows[0], row(1, prompt="write about tides.")]) == []
    prompts = [Row(f"row-{n}", "prompt", (Message("user", "Write."),)) for n in range(3)]
    assert [found[2] for found in refusals(prompts)] == ["row-0", "row-0"]


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_a_copy_with_a_word_in_twenty_changed_is_found(seed: int) -> None:
    text = make_text(12, seed=seed)
    rows = [row(0, text), row(1, change(text, 0.05, seed))]
    assert refusals(rows) == [("row-1", NEAR_TEXT, "row-0")]


def test_half_a_text_is_no_copy() -> None:
    shared = make_paragraph(400, 1)
    rows = [row(n, f"{shared} {make_paragraph(500, seed=7 + n)}") for n in range(2)]
    assert refusals(rows) == []


def test_chinese_is_compared_by_character() -> None:
    rng = random.Random(1)
    text = "".join(
        rng.choices("港口早晨渔船归来老人坐石阶补网孩子数桅杆雾散灯塔白墙风里盐味", k=900)
    )
    other = "".join("海" if rng.random() < 0.04 else char for char in text)
    assert refusals([row(0, text), row(1, other)]) == [("row-1", NEAR_TEXT, "row-0")]


def with_sections(*sections: str) -> str:
    return "\n\n".join(f"## Part {n}\n\n{section}" for n, section in enumerate(sections))


def test_a_section_stands_in_one_row_only() -> None:
    shared = make_paragraph(150, 99)
    first = with_sections(make_paragraph(300, 1), shared)
    second = with_sections(make_paragraph(300, 2), make_paragraph(300, 3), change(shared, 0.005))
    assert refusals([row(0, first), row(1, second)]) == [("row-1", NEAR_SECTION, "row-0")]


def test_boilerplate_is_no_section() -> None:
    notice = make_paragraph(60, 99)
    rows = [row(n, with_sections(make_paragraph(300, n), notice)) for n in range(4)]
    assert refusals(rows) == []


def test_a_section_twice_in_one_row_is_for_other_filters() -> None:
    same = make_paragraph(150, 5)
    assert refusals([row(0, with_sections(same, same, make_paragraph(500, 6)))]) == []


def test_a_refused_row_is_not_remembered() -> None:
    prompt = "Write about tides."
    rows = [row(0, prompt=prompt), row(1, prompt=prompt), row(2, text=make_text(5, seed=1))]
    assert [found[0] for found in refusals(rows)] == ["row-1"]


def test_each_shape_is_a_set_of_its_own() -> None:
    rows = [row(0), replace(row(0), id="again", shape="prompt", completion="")]
    assert refusals(rows) == []


def test_pairs_may_share_a_prompt_and_a_chosen_text() -> None:
    text = with_sections(make_paragraph(300, 1), make_paragraph(300, 2))

    def pair(number: int, rejected: int, prompt: str = "Write.") -> Row:
        asked = (Message("user", prompt),)
        worse = make_text(4, seed=rejected)
        return Row(f"row-{number}", "pair", asked, chosen=text, rejected=worse)

    assert refusals([pair(0, 10), pair(1, 11), pair(2, 12)]) == []
    assert refusals([pair(0, 10), pair(1, 10)]) == [("row-1", SAME_ROW, "row-0")]
    assert refusals([pair(0, 10), pair(1, 11, "Tell.")]) == [("row-1", NEAR_TEXT, "row-0")]


@settings(max_examples=15)
@given(st.permutations(range(8)))
def test_the_order_of_other_rows_changes_no_pair(order: list[int]) -> None:
    copies = {1: 0, 4: 3}
    rows = {number: row(number) for number in range(8)}
    for copy, original in copies.items():
        rows[copy] = row(copy, change(rows[original].completion, 0.02))
    found = refusals([rows[number] for number in order])
    pairs = {frozenset((id_, earlier)) for id_, _, earlier in found}
    assert pairs == {frozenset((f"row-{a}", f"row-{b}")) for a, b in copies.items()}


@settings(max_examples=50)
@given(st.text(st.characters(), max_size=400), st.text(st.characters()))
def test_any_unicode_is_taken_once(text: str, prompt: str) -> None:
    rows = [Row(id_, "completion", (Message("user", prompt),), text) for id_ in ("a\udc00", "b")]
    assert refusals(rows) == [("b", SAME_PROMPT, "a\udc00")]


@pytest.mark.parametrize("value", [0.0, 1.5, float("nan")])
def test_a_threshold_is_a_similarity(value: float) -> None:
    with pytest.raises(UsageError, match="Jaccard"):
        Duplicates(completions=value)


def test_a_row_takes_less_than_a_thousand_bytes() -> None:
    """Measured between two sizes, so that what is made once doesn't count."""
    rng = np.random.default_rng(0)
    words = np.array(make_words(2_000), dtype=object)

    def judge(numbers: range) -> None:
        for number in numbers:
            parts = [" ".join(rng.choice(words, 110)) for _ in range(5)]
            duplicates(row(number, with_sections(*parts)))

    duplicates = Duplicates()
    judge(range(200))
    tracemalloc.start()
    try:
        judge(range(200, 3_200))
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert grown < 3_000 * 1_000 + 3_000_000  # blocks and dictionaries of a fixed size


# --- what it is made of --------------------------------------------------------------------------


def test_words_are_runs_of_letters_and_single_cjk_characters() -> None:
    words = hash_words("The harbour, THE harbour: 港口 2024")
    assert len(words) == 7
    assert words.hashes[0] == words.hashes[2] and words.hashes[1] == words.hashes[3]
    assert len(set(words.hashes.tolist())) == 5
    assert words.starts.tolist() == [0, 4, 13, 17, 26, 27, 29]
    assert words.wide.tolist() == [False] * 4 + [True, True, False]


@given(st.text(st.characters(), max_size=80), st.text(st.characters(), max_size=80))
def test_a_word_has_one_hash_wherever_it_stands(one: str, other: str) -> None:
    alone, after = hash_words(other), hash_words(f"{one} {other}")
    assert after.hashes[len(after) - len(alone) :].tolist() == alone.hashes.tolist()


def test_hashes_are_the_same_in_every_run() -> None:
    assert hash_words("The tide came in.").hashes[0] == FIRST_HASH
    assert hash_ngrams(hash_words("The tide came in.").hashes, 3).shape == (2,)


@settings(max_examples=30)
@given(st.integers(0, 1_000), st.integers(100, 400), st.floats(0, 1))
def test_sketches_estimate_jaccard_similarity(seed: int, size: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    members = rng.integers(0, 1 << 64, 2 * size, np.uint64)
    common = int(share * size)
    sets = members[:size], np.concatenate((members[:common], members[size : 2 * size - common]))
    rows = sketch(np.concatenate(sets), np.repeat([0, 1], size), 2, 256)
    assert abs((rows[0] == rows[1]).mean() - common / (2 * size - common)) < 0.2


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 10_000)), max_size=300))
def test_an_index_finds_what_was_entered(entries: list[tuple[int, int]]) -> None:
    index = Index()
    index.PENDING = 16
    for key, number in entries:
        index.add(np.array([key], np.uint32), np.array([number]))
    places, numbers = index.find(np.arange(100, dtype=np.uint32))
    assert sorted(set(zip(places.tolist(), numbers.tolist(), strict=True))) == sorted(set(entries))


def test_columns_and_names_give_back_what_they_got() -> None:
    columns, names = Columns(2, np.uint8), Names()
    columns.add(np.arange(20_000).reshape(-1, 2) % 251)
    assert columns.take(np.array([9_999, 0, 4_096])).tolist() == [[169, 170], [0, 1], [160, 161]]
    for name in ("a", "", "港口", "b" * 300):
        names.add(name)
    assert [names[number] for number in range(4)] == ["a", "", "港口", "b" * 300]
