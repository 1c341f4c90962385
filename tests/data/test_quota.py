"""Cells fill in the order of the rows, and a full one takes no more."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.data.filters import detail_of
from longwrite.data.quota import FULL, Quota, cut_lengths
from longwrite.data.rows import Row
from longwrite.errors import UsageError
from longwrite.types import Constraint, Message

ASKED = (Message("user", "Write."),)


def ask(target: int, *kinds: str, language: str = "en", genre: str = "essay") -> Row:
    constraints = tuple(Constraint(kind) for kind in kinds)
    return Row(
        "row", "prompt", ASKED, constraints=constraints, target=target, language=language,
        genre=genre,
    )  # fmt: skip


def test_a_cell_fills_and_others_stay_open() -> None:
    quota = Quota(2)
    rows = [ask(1_500), ask(1_999), ask(1_000), ask(2_000), ask(1_500, language="zh")]
    verdicts = [quota(row) for row in rows]
    assert verdicts == [True, True, (False, FULL), True, True]
    assert detail_of(verdicts[2]) == "1,000–2,000 words, en, essay, none"


def test_lengths_beyond_the_grid_have_cells_too() -> None:
    quota = Quota(1)
    told = [str(quota.cells(ask(words))[0]).partition(" words")[0] for words in (0, 999, 32_000)]
    assert told == ["0–1,000", "0–1,000", "32,000 and more"]


def test_a_row_counts_for_the_kind_with_most_room() -> None:
    quota = Quota(2)
    rows = [ask(1_500, "length"), ask(1_500, "length", "keyword"), ask(1_500, "length", "keyword")]
    assert [quota(row) for row in rows] == [True, True, True]
    told = {(cell["kind"], cell["rows"]) for cell in quota.describe()}
    assert told == {("keyword", 2), ("length", 1)}
    assert [quota(ask(1_500, "length")) for _ in range(2)] == [True, (False, FULL)]


def test_a_finished_text_is_measured() -> None:
    row = Row("row", "completion", ASKED, "word " * 1_200, target=9_000)
    assert (Quota(1).cells(row)[0].low, Quota(1).cells(row)[0].language) == (1_000, "unknown")


def test_cells_are_described() -> None:
    quota = Quota(1)
    for row in (ask(5_000, "length"), ask(5_000, "length"), ask(1_500)):
        quota(row)
    assert quota.describe()[1] == {
        "low": 4_000, "high": 8_000, "language": "en", "genre": "essay", "kind": "length",
        "rows": 1, "wanted": 1, "refused": 1,
    }  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 50_000), st.sampled_from(["a", "b", "ab", ""]))))
def test_no_cell_takes_more_than_its_share(rows: list[tuple[int, str]]) -> None:
    first, again = Quota(2), Quota(2)
    verdicts = [first(ask(words, *kinds)) for words, kinds in rows]
    assert verdicts == [again(ask(words, *kinds)) for words, kinds in rows]
    counts = [cell["rows"] for cell in first.describe()]
    assert all(count in (1, 2) for count in counts)
    assert sum(verdict is True for verdict in verdicts) == sum(int(str(one)) for one in counts)


@given(st.integers(1, 12))
def test_buckets_have_one_ratio(buckets: int) -> None:
    bounds = cut_lengths(buckets)
    assert (bounds[0], bounds[-1], len(bounds)) == (1_000, 32_000, buckets + 1)
    ratios = [high / low for low, high in pairwise(bounds)]
    assert max(ratios) / min(ratios) < 1.01


def test_a_quota_is_positive() -> None:
    with pytest.raises(UsageError, match="positive"):
        Quota(0)
