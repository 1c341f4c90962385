"""S_l by the published table, S_q by six marks, and the buckets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from longwrite.bench.benchmark import Item, ItemResult, Response
from longwrite.bench.longbench_write import LongBenchWrite, bucket_of, find_quality
from longwrite.errors import UsageError
from longwrite.rewards.quality import DIMENSIONS
from longwrite.types import Json

BENCH = LongBenchWrite()
ITEM = Item("1", "Write 1000 words.", 1_000, 1_000)


def response(words: int, **columns: Json) -> Response:
    return Response("sea " * words, columns=columns)


def marks(**changed: Json) -> dict[str, Json]:
    return {**dict.fromkeys(DIMENSIONS, 4), **changed}


@pytest.mark.parametrize(
    ("words", "expected"),
    [(500, 50), (1_500, 83.3), (2_000, 66.7), (3_000, 33.3), (0, 0), (1_000, 100), (4_000, 0)],
)
def test_length_is_scored_as_published(words: int, expected: float) -> None:
    assert BENCH.score(ITEM, response(words)).values["S_l"] == pytest.approx(expected, abs=0.05)


def test_words_are_counted_as_the_benchmark_counts_them() -> None:
    score = BENCH.score(ITEM, Response("In 2024 I don't go 你好。"))
    assert score.values["words"] == 7


def test_quality_is_six_marks_spread_over_a_hundred() -> None:
    given = response(1_500, scores=marks(clarity=1, accuracy="5"))
    result = BENCH.score(ITEM, given)
    assert result.values["S_q"] == pytest.approx(((4 * 4 + 1 + 5) / 6 - 1) * 25)
    assert result.values["S_mean"] == pytest.approx((83.333 + 66.667) / 2, abs=0.01)


def test_names_of_the_published_files_are_known() -> None:
    published: dict[str, Json] = {
        "Relevance": 5, "Accuracy": 5, "Coherence": 5, "Clarity": 5, "Breadth and Depth": 5,
        "Reading Experience": 5, "Analysis": "Good.",
    }  # fmt: skip
    assert find_quality(response(9, scores=published)) == (100.0, "")


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({}, "No judge's scores"),
        ({"scores": "5/5"}, "no object"),
        ({"scores": {"Relevance": 4}}, "no mark from 1 to 5 for accuracy"),
        ({"scores": marks(clarity=6)}, "for clarity"),
        ({"scores": marks(clarity=True)}, "for clarity"),
        ({"s_q": "the judge refused"}, "no number from 0 to 100"),
    ],
)
def test_what_can_not_be_read_is_not_judged(columns: dict[str, Json], why: str) -> None:
    quality, note = find_quality(response(9, **columns))
    assert quality is None and why in note


def test_an_item_without_response_scores_nothing_for_length_and_stays() -> None:
    results = [
        BENCH.score(ITEM, Response()),
        BENCH.score(ITEM, response(1_000, scores=marks())),
    ]
    table = BENCH.summarise(results, how="given", judge="none")
    figures = {(one.measure, one.group): one for one in table.figures}
    length, quality = figures["S_l", "all"], figures["S_q", "all"]
    assert (length.mean, length.items, length.unjudged) == (50.0, 2, 0)
    assert (quality.mean, quality.items, quality.unjudged) == (75.0, 2, 1)
    assert figures["S_l", "[500, 2000)"].items == 2
    assert table.counter == "longbench_write"


def test_buckets_are_the_published_ones() -> None:
    asked = [100, 499, 500, 1_999, 2_000, 3_999, 4_000, 20_000, 30_000]
    assert [bucket_of(one) for one in asked] == [
        "[0, 500)", "[0, 500)", "[500, 2000)", "[500, 2000)", "[2000, 4000)", "[2000, 4000)",
        "[4000, 20000]", "[4000, 20000]", "over 20000",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"prompt": "Write."}, "row 1 has no whole number as 'length'"),
        ({"prompt": "Write.", "length": 0}, "row 1 has no whole number as 'length'"),
        ({"length": 100}, "row 1 has no prompt"),
    ],
)
def test_a_row_that_is_no_item_is_told(tmp_path: Path, line: Json, why: str) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps(line))
    with pytest.raises(UsageError, match=why) as caught:
        BENCH.load(path)
    assert "longbench_write.jsonl" in str(caught.value)


def test_results_hold_every_item() -> None:
    assert isinstance(BENCH.score(ITEM, Response()), ItemResult)
    assert BENCH.score(ITEM, Response()).values["S_l"] == 0
