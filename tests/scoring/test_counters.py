"""Counters count what the benchmarks count."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.errors import UsageError
from longwrite.scoring.counters import COUNTERS, find_counter
from longwrite.scoring.length import score_length

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures"


def texts() -> Iterator[str]:
    for name, field in (
        ("longbench_write.jsonl", "prompt"),
        ("longen.jsonl", "query"),
        ("hellobench_outputs.jsonl", "response"),
    ):
        for line in (FIXTURES / name).read_text("utf-8").splitlines():
            yield json.loads(line)[field]


def published(name: str, text: str) -> int:
    """The definitions of the field, told as they were published."""
    if name == "longbench_write":
        return len(re.findall("[\u4e00-\u9fff]", text)) + len(re.findall(r"\b[a-zA-Z]+\b", text))
    if name == "self_lengthen":
        wide = r"[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]"
        return len(re.findall(wide, text)) + len(re.sub(wide, " ", text).split())
    return len(text.split())


@pytest.mark.skipif(not FIXTURES.is_dir(), reason=f"the fixtures aren't at {FIXTURES}")
@pytest.mark.parametrize("name", ["longbench_write", "self_lengthen", "split"])
def test_counters_equal_the_published_definitions_on_real_texts(name: str) -> None:
    found = list(texts())
    assert len(found) == 120 + 240 + 48
    assert [COUNTERS[name](text) for text in found] == [published(name, text) for text in found]


@given(text=st.text())
def test_any_text_can_be_counted(text: str) -> None:
    for name in ("longbench_write", "self_lengthen", "split"):
        assert COUNTERS[name](text) == published(name, text)
    assert COUNTERS["words"](text) >= 0
    assert COUNTERS["nltk"](text) >= 0


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("In 2024, don't visit the café.", {"words": 6, "longbench_write": 5, "split": 6}),
        ("人工智能，你好。", {"words": 6, "longbench_write": 6, "split": 1, "self_lengthen": 8}),
        ("", dict.fromkeys(COUNTERS, 0)),
    ],
)
def test_they_disagree_as_the_field_does(text: str, counts: dict[str, int]) -> None:
    assert {name: COUNTERS[name](text) for name in counts} == counts


def test_nltk_counts_marks_as_tokens() -> None:
    assert find_counter("nltk")("It isn't so. We don't.") == 9


def test_an_unknown_counter_is_told_with_what_comes_near() -> None:
    with pytest.raises(UsageError, match="Did you mean longbench_write"):
        find_counter("longbench-write")


@pytest.mark.parametrize(
    ("delivered", "score"), [(500, 50.0), (1500, 83.3), (2000, 66.7), (3000, 33.3), (0, 0.0)]
)
def test_the_published_table_of_length_scores(delivered: int, score: float) -> None:
    assert round(100 * score_length(delivered, 1000), 1) == score
