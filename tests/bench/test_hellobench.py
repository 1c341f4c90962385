"""HelloEval by hand: weights, levels, and what a judge may get wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from longwrite.bench.benchmark import Item, Response
from longwrite.bench.hellobench import Checklist, HelloBench, read_weights
from longwrite.errors import UsageError
from longwrite.types import Json

ITEM = Item("story_writing_001", "Write a story.", Checklist("story_writing", 4))


def value(scores: Json, bench: HelloBench | None = None) -> tuple[float | None, str]:
    given = Response("It began.", columns={"judge_checklist_scores": scores})
    result = (bench or HelloBench()).score(ITEM, given)
    return result.values["HelloEval"], result.note


def test_all_items_weigh_the_same_where_no_weights_are_given() -> None:
    assert value([1, 1, 1, 1])[0] == 100
    assert value([0, 0, 0, 0])[0] == -300
    assert value([1, 0.5, 0.75, 0.75])[0] == 0
    results = [HelloBench().score(ITEM, Response("It began."))]
    table = HelloBench().summarise(results, how="given", judge="none")
    assert table.notes == ("All items of a checklist weigh the same in: story_writing.",)


def test_weights_of_a_file_are_used(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    path.write_text('{"story_writing": [70, 10, 10, 10]}')
    bench = HelloBench(read_weights(path))
    assert value([1, 0, 0, 0], bench)[0] == pytest.approx((70 - 75) * 4)
    assert bench.summarise([], how="given", judge="none").notes == ()


@pytest.mark.parametrize(
    ("scores", "why"),
    [
        ([1, 1, 1], "gave 3 scores for 4 items"),
        ([1, 1, 1, 0.9], "none of 0, 0.25, 0.5, 0.75, 1"),
        ([1, 1, 1, "high"], "none of 0"),
        ([1, 1, 1, None], "none of 0"),
        ("1111", "no list"),
        ([], "no list"),
    ],
)
def test_scores_that_can_not_be_used_leave_the_item_unjudged(scores: Json, why: str) -> None:
    found, note = value(scores)
    assert found is None and why in note


def test_the_judge_s_own_form_is_read() -> None:
    listed: Json = [{"checklist_id": n, "evaluation_score": "0.75"} for n in range(4)]
    given = Response("It began.", columns={"checklist_wise_evaluation": listed})
    assert HelloBench().score(ITEM, given).values["HelloEval"] == 0


def test_length_is_in_nltk_s_tokens_and_nothing_for_no_response() -> None:
    assert HelloBench().score(ITEM, Response("It began, didn't it?")).values["words"] == 7
    assert HelloBench().score(ITEM, Response()).values == {"HelloEval": None, "words": 0}


def test_the_subcategory_is_the_file_s_or_that_of_the_id(tmp_path: Path) -> None:
    rows = [
        {"id": "chat_001", "instruction": "Talk.", "category": "curriculum", "checklists": ["a"]},
        {"id": "heuristic_text_generation_002", "instruction": "Write.", "target_words": 2000},
        {"id": "heuristic_text_generation_002", "instruction": "Write.", "target_words": 4000},
    ]
    path = tmp_path / "items.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    items = HelloBench().load(path)
    kind = "heuristic_text_generation"
    assert [item.asked.category for item in items] == ["curriculum", kind, kind]
    assert items[2].id == "heuristic_text_generation_002 #2"
    assert [item.words for item in items] == [0, 2000, 4000]


@pytest.mark.parametrize(
    "body", ['{"a": [50, 40]}', '{"a": [50, "x"]}', '{"a": []}', "[]", "{", '{"a": [150, -50]}']
)
def test_weights_that_do_not_add_up_are_told(tmp_path: Path, body: str) -> None:
    path = tmp_path / "weights.json"
    path.write_text(body)
    with pytest.raises(UsageError, match="can't be used as weights"):
        read_weights(path)
