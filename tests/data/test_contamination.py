"""A row that holds a passage of a benchmark is found, and the index tells no text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.data.contamination import (
    CONTAMINATED,
    BenchmarkIndex,
    Contamination,
    build_index,
    hash_passages,
    join_indexes,
    load_index,
    save_index,
)
from longwrite.data.filters import detail_of
from longwrite.data.rows import Row
from longwrite.errors import UsageError
from longwrite.types import Message
from tests.data.prose import make_paragraph

QUESTION = "Describe how a small harbour on a cold coast lives through its longest winter storm."
CHINESE = "请详细描述一个北方小港口怎样度过漫长的冬天，以及渔民们如何修补他们的船。"


@pytest.fixture
def index(tmp_path: Path) -> BenchmarkIndex:
    bench = tmp_path / "bench.jsonl"
    rows = [{"prompt": QUESTION, "response": "not read"}, {"query": "Write a haiku now please"}]
    bench.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    other = tmp_path / "other.jsonl"
    row = {"messages": [{"role": "user", "content": CHINESE}], "gold": make_paragraph(60, 4)}
    other.write_text(json.dumps(row, ensure_ascii=False) + "\n\n", "utf-8")
    return build_index([bench, other])


def ask(prompt: str, text: str = "") -> Row:
    return Row("row", "completion", (Message("user", prompt),), text)


@pytest.mark.parametrize(
    ("row", "names"),
    [
        (ask(f"Please: {QUESTION.upper()} In 2,000 words."), "bench"),
        (ask("Write.", f"As was asked: {QUESTION} It was so."), "bench"),
        (ask("write a HAIKU, now, please!"), "bench"),
        (ask("Write.", make_paragraph(60, 4)), "other"),
        (ask(CHINESE[4:30]), "other"),
        (ask(QUESTION, CHINESE), "bench, other"),
    ],
)
def test_a_passage_is_found(index: BenchmarkIndex, row: Row, names: str) -> None:
    verdict = Contamination(index)(row)
    assert verdict == (False, CONTAMINATED) and detail_of(verdict) == names


@pytest.mark.parametrize(
    "row",
    [
        ask("Describe how a small harbour on a cold coast lives."),  # eleven words of it
        ask("Write a haiku now please, and then a sonnet about the very same old harbour."),
        ask(CHINESE[4:19], make_paragraph(300, 8)),
        ask("", ""),
        ask("not read not read not read not read not read not read"),
    ],
)
def test_less_than_a_passage_is_clean(index: BenchmarkIndex, row: Row) -> None:
    assert Contamination(index)(row) is True


def test_rows_are_counted_for_each_benchmark(index: BenchmarkIndex) -> None:
    judge = Contamination(index)
    for row in (ask(QUESTION), ask(QUESTION, CHINESE), ask("Write.")):
        judge(row)
    assert (judge.counts, judge.judged) == ({"bench": 2, "other": 1}, 3)


def test_earlier_turns_are_looked_at(index: BenchmarkIndex) -> None:
    thread = (Message("user", QUESTION), Message("assistant", "No."), Message("user", "Go on."))
    assert Contamination(index)(Row("row", "prompt", thread)) is not True


def test_an_index_is_kept_without_texts(index: BenchmarkIndex, tmp_path: Path) -> None:
    for name in ("one.npz", "two.npz"):
        save_index(index, tmp_path / name)
    content = (tmp_path / "one.npz").read_bytes()
    assert content == (tmp_path / "two.npz").read_bytes()
    assert b"harbour" not in content
    loaded = load_index(tmp_path / "one.npz")
    assert loaded.names == index.names
    assert loaded.hashes.tolist() == index.hashes.tolist()
    assert detail_of(Contamination(loaded)(ask(QUESTION, CHINESE))) == "bench, other"


def test_indexes_are_joined(index: BenchmarkIndex, tmp_path: Path) -> None:
    text = tmp_path / "third.txt"
    text.write_text(make_paragraph(40, 77) + "\n" + QUESTION, "utf-8")
    joined = join_indexes([build_index([text]), index, index])
    assert joined.names == ("third", "bench", "other")
    assert joined.find(QUESTION) == {"third": 4, "bench": 4}
    assert joined.find(make_paragraph(40, 77))["third"] == 29


def test_fields_may_be_named(tmp_path: Path) -> None:
    file = tmp_path / "odd.jsonl"
    file.write_text(json.dumps({"task": QUESTION}), "utf-8")
    assert build_index([file], ["task"]).find(QUESTION) == {"odd": 4}
    with pytest.raises(UsageError, match="none of its rows has a text"):
        build_index([file])


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"{no json", "line 1 is no JSON"), (b"\xff\xfe\x00", "no UTF-8"), (b"", "none of its rows")],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "bad.jsonl").write_bytes(content)
    with pytest.raises(UsageError, match=why):
        build_index([tmp_path / "bad.jsonl"])


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        build_index([tmp_path / "none.jsonl"])
    with pytest.raises(UsageError, match="No such file"):
        load_index(tmp_path / "none.npz")


def test_a_damaged_index_is_told(index: BenchmarkIndex, tmp_path: Path) -> None:
    path = tmp_path / "index.npz"
    save_index(index, path)
    content = path.read_bytes()
    for bad in (b"", b"text", content[: len(content) // 2], content[:200] + b"x" + content[201:]):
        path.write_bytes(bad)
        with pytest.raises(UsageError, match=r"index\.npz can't be"):
            load_index(path)


@given(st.text(st.characters(), max_size=200))
def test_any_text_is_found_in_its_own_index(text: str) -> None:
    hashes = sorted(set(hash_passages(text).tolist()))
    assert bool(hashes) or len(text.split()) < 200
