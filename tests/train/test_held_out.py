"""Briefs from files: what is asked is what the model reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from longwrite.errors import UsageError
from longwrite.train.held_out import read_held_out
from longwrite.train.measuring import find_asked


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_length_in_a_column_is_said_in_the_prompt(tmp_path: Path) -> None:
    path = write(
        tmp_path / "rows.jsonl",
        {"prompt": "Tell of salt.", "length": 800},
        {"prompt": "Tell of salt in 300 words.", "words": 800},
        {"instruction": "谈谈盐。", "words": 500},
        {"prompt": "Tell of tides."},
    )
    first, second, third, fourth = read_held_out(path)
    assert first.messages[-1].content == "Tell of salt.\n\nLength: about 800 words."
    assert first.brief.prompt == first.messages[-1].content and find_asked(first.brief) == 800
    assert find_asked(second.brief) == 300 and "800" not in second.brief.prompt
    assert third.messages[-1].content.endswith("约500字。")
    assert find_asked(fourth.brief) is None
    assert [one.id for one in (first, second)] == ["brief 1", "brief 2"]


def test_a_conversation_is_read_up_to_its_last_user(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Write 90 words on tides."},
    ]
    answer = {"role": "assistant", "content": "Tides."}
    path = write(
        tmp_path / "rows.jsonl",
        {"id": "a", "prompt": turns},
        {"id": "a", "messages": [turns[1], answer]},
    )
    whole, bare = read_held_out(path)
    assert [one.role for one in whole.messages] == ["system", "user"]
    assert (whole.id, bare.id) == ("a", "a #2") and len(bare.messages) == 1


def test_a_brief_counts_once_and_keeps_its_seed_wherever_it_stands(tmp_path: Path) -> None:
    rows = [{"prompt": f"Write {n} words."} for n in (50, 60, 50)]
    first = read_held_out(write(tmp_path / "a.jsonl", *rows))
    turned = read_held_out(write(tmp_path / "b.jsonl", *rows[::-1]))
    assert [find_asked(one.brief) for one in first] == [50, 60]
    assert {one.key for one in first} == {one.key for one in turned}
    assert len(read_held_out(tmp_path / "a.jsonl", limit=1)) == 1


def test_text_files_have_a_prompt_a_line(tmp_path: Path) -> None:
    path = tmp_path / "briefs.txt"
    path.write_text("\nWrite 50 words.\n\n  Write 60 words.  \n")
    assert [one.brief.prompt for one in read_held_out(path)] == [
        "Write 50 words.",
        "Write 60 words.",
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "no prompt"}, "it has no prompt of a user"),
        ({"prompt": [{"role": "tool", "content": "Write"}]}, "a turn is nobody's"),
        ({"prompt": "Write at least 90 words and at most 20 words."}, "contradicts itself"),
        ({"prompt": "\u0000" * 9}, "not text"),
    ],
)
def test_a_row_that_is_no_brief_stops_all(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    path = write(tmp_path / "rows.jsonl", {"prompt": "Write 50 words."}, row)
    with pytest.raises(UsageError, match=said) as error:
        read_held_out(path)
    assert "rows.jsonl:2" in str(error.value)
