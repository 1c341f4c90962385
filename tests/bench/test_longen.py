"""LonGen: four types of length, a score of 1 inside and a line down on both sides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.bench.benchmark import Item, Response
from longwrite.bench.longen import TYPES, LonGen, Wanted, range_of
from longwrite.errors import UsageError

BENCH = LonGen()


def score(kind: str, stated: list[int], words: int) -> float | None:
    low, high = range_of(kind, stated)
    item = Item("1", "Write.", Wanted(kind, low, high, "en"))
    return BENCH.score(item, Response("sea " * words)).values["length"]


@pytest.mark.parametrize(
    ("kind", "stated", "words", "expected"),
    [
        ("about", [1_000], 800, 1),
        ("about", [1_000], 1_200, 1),
        ("about", [1_000], 600, 0.5),
        ("about", [1_000], 1_500, 0.5),
        ("about", [1_000], 400, 0),
        ("about", [1_000], 1_800, 0),
        ("range", [1_000, 2_000], 1_500, 1),
        ("range", [1_000, 2_000], 750, 0.5),
        ("range", [1_000, 2_000], 2_500, 0.5),
        ("above", [1_000], 1_500, 1),
        ("above", [1_000], 999, 0.998),
        ("above", [1_000], 2_250, 0),
        ("below", [1_000], 500, 1),
        ("below", [1_000], 1_001, 0.998),
        ("below", [1_000], 250, 0),
        ("below", [1_000], 0, 0),
    ],
)
def test_the_formula_by_examples(kind: str, stated: list[int], words: int, expected: float) -> None:
    assert score(kind, stated, words) == pytest.approx(expected)


@given(st.sampled_from(TYPES), st.integers(10, 3_000), st.integers(0, 12_000))
def test_a_score_is_between_nothing_and_one(kind: str, stated: int, words: int) -> None:
    value = score(kind, [stated, 2 * stated], words)
    assert value is not None and 0 <= value <= 1
    low, high = range_of(kind, [stated, 2 * stated])
    assert (value == 1) == (low <= words <= high)


def test_items_are_read_in_both_languages(tmp_path: Path) -> None:
    rows = [
        {"language": "zh", "type": "range", "constraint": "4000字至5000字", "query": "写一篇"},
        {"language": "en", "type": "about", "constraint": "around 4,000 words", "query": "Write."},
    ]
    path = tmp_path / "LonGen.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    items = BENCH.load(path)
    assert [(item.asked.low, item.asked.high) for item in items] == [(4000, 5000), (3200, 4800)]
    assert [item.id for item in items] == ["row 1", "row 2"]
    results = [BENCH.score(items[0], Response("你好，" * 1_500)), BENCH.score(items[1], Response())]
    table = BENCH.summarise(results, how="given", judge="none")
    means = {one.group: one.mean for one in table.figures if one.measure == "length"}
    assert means == {
        "all": 0.5, "about": 0, "range": 1, "en": 0, "en about": 0, "zh": 1, "zh range": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "constraint"), [("about", "long"), ("nearly", "500 words"), ("range", "500 words")]
)
def test_a_row_without_a_length_is_told(tmp_path: Path, kind: str, constraint: str) -> None:
    path = tmp_path / "LonGen.jsonl"
    path.write_text(json.dumps({"type": kind, "constraint": constraint, "query": "Write."}))
    with pytest.raises(UsageError, match=r"row 1 has no 'type' and 'constraint'.*LonGen\.jsonl"):
        BENCH.load(path)
