"""The file of responses keeps what is finished, whatever happens to its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.bench.responses import ResponseFile
from longwrite.errors import UsageError

HOW = "reply by scripted"


def open_file(path: Path) -> ResponseFile:
    return ResponseFile(path, "longen", HOW)


def fill(path: Path, count: int = 2) -> None:
    with open_file(path) as file:
        for number in range(1, count + 1):
            file.append(str(number), "写。", {"response": f"text {number}\n\u2028"})


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out.jsonl"
    fill(path)
    with open_file(path) as file:
        assert [row["response"] for row in file.rows] == ["text 1\n\u2028", "text 2\n\u2028"]
    assert json.loads(path.read_text().split("\n")[0])["how"] == HOW


@given(st.integers(1, 400))
def test_a_torn_last_line_is_taken_away_and_the_rest_kept(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("torn") / "out.jsonl"
    fill(path)
    data = path.read_bytes()
    path.write_bytes(data[: max(1, len(data) - cut)])
    left = path.read_bytes()
    with open_file(path) as file:
        ids = [row["id"] for row in file.rows]
        assert ids == ["1", "2"][: left.count(b'"}\n') + (left.endswith(b'"}'))]
        file.append("3", "Write.", {"response": "new"})
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [row["id"] for row in rows] == [*ids, "3"]


def test_two_commands_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with open_file(path), pytest.raises(UsageError, match="is in use"):
        open_file(path)
    with open_file(path) as file:
        assert file.rows == []


@pytest.mark.parametrize(
    "body",
    [
        "my notes",
        "my notes\n",
        '{"prompt": "a"}\n',
        '{"id": "1", "benchmark": "sgt", "how": "reply by scripted"}\n',
        '{"id": "1", "benchmark": "longen", "how": "reply by another"}\n',
    ],
)
def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path, body: str) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(body)
    with pytest.raises(UsageError, match="Name another file with --out"):
        open_file(path)
    assert path.read_text() == body


def test_a_place_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't be written"):
        open_file(tmp_path / "file" / "out.jsonl")
