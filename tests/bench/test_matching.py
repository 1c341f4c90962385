"""Responses find their items, and those that don't are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from longwrite.bench.benchmark import Item, Response
from longwrite.bench.matching import match_responses, read_responses, tell_matching
from longwrite.errors import UsageError

ITEMS = [Item("a", "Write on salt.", 1), Item("b", "Write on tea.", 1), Item("c", "On ink.", 1)]


def texts(*responses: Response) -> list[str]:
    return [one.text for _, one in match_responses(ITEMS, responses).pairs]


def test_ids_come_first_then_prompts() -> None:
    given = [Response("ink", prompt=" On  ink.\n"), Response("tea", id="b"), Response("salt", "a")]
    assert texts(*given) == ["salt", "tea", "ink"]
    assert match_responses(ITEMS, given).by == {"id": 2, "prompt": 1}


def test_an_id_with_another_prompt_is_no_match() -> None:
    given = [Response("tea", id="a", prompt="Write on tea.")]
    assert texts(*given) == ["", "tea", ""]


def test_the_last_row_of_an_id_counts() -> None:
    given = [Response("", id="a", failed="server"), Response("salt", id="a")]
    assert texts(*given) == ["salt", "", ""]
    assert match_responses(ITEMS, given).replaced == 1


def test_order_counts_only_where_nothing_else_does() -> None:
    three = [Response("one"), Response("two"), Response("three")]
    assert texts(*three) == ["one", "two", "three"]
    assert match_responses(ITEMS, three).by == {"order": 3}
    assert texts(*three[:2]) == ["", "", ""]
    assert texts(Response("tea", id="b"), *three[:2]) == ["", "tea", ""]


def test_what_finds_no_partner_is_told() -> None:
    matching = match_responses(ITEMS, [Response("tea", id="b"), Response("wine", id="z")])
    assert (matching.unanswered, matching.unmatched) == (2, 1)
    assert tell_matching(matching) == [
        "Items without a response, which score 0 for their length: 2.",
        "Rows of no item, which are not in the table: 1.",
    ]


def test_items_with_one_prompt_take_its_rows_in_turn() -> None:
    items = [Item("1", "Go on.", 1), Item("2", "Go on.", 1)]
    given = [Response("one", prompt="Go on."), Response("two", prompt="Go on.")]
    assert [r.text for _, r in match_responses(items, given).pairs] == ["one", "two"]


def test_rows_are_read_whatever_their_columns_are_called(tmp_path: Path) -> None:
    rows = [
        {"query": "Q", "output": "A", "id": 7},
        {"prompt": "P", "response": ""},
        {"prompt": "P", "response": "half \ud83d a pair"},
    ]
    path = tmp_path / "given.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    first, empty, torn = read_responses(path)
    assert (first.id, first.prompt, first.text) == ("7", "Q", "A")
    assert empty.text == ""
    assert torn.text == "half ? a pair"


@pytest.mark.parametrize("body", ["", "[1]", "{", "[" * 100_000, '{"a": NaN}', "7"])
def test_files_that_hold_no_rows_are_told(tmp_path: Path, body: str) -> None:
    path = tmp_path / "given.jsonl"
    path.write_text(body)
    with pytest.raises(UsageError, match="can't be read"):
        read_responses(path)
