"""`longwrite bench` as a person uses it: on responses that are given, and on ones it makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command

FIXTURES = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures"
needs_fixtures = pytest.mark.skipif(not FIXTURES.is_dir(), reason="no ../shared/fixtures here")

ITEMS: list[dict[str, Any]] = [
    {"prompt": "Write a 150-word note about boats.", "type": "Note", "length": 150},
    {"prompt": "Write a 200-word letter about tea.", "type": "Letter", "length": 200},
]


def write_rows(name: str, rows: list[dict[str, Any]]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def read_rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(name).read_text().split("\n") if line]


def means(out: str) -> dict[tuple[str, str], float | None]:
    return {(row["measure"], row["group"]): row["mean"] for row in json.loads(out)["figures"]}


def test_given_responses_are_scored_and_the_table_says_how(longwrite: Command) -> None:
    write_rows("items.jsonl", ITEMS)
    marks = dict.fromkeys(("Relevance", "Accuracy", "Coherence", "Clarity", "Breadth and Depth"), 3)
    scores = {**marks, "Reading Experience": 3}
    rows = [
        {"prompt": ITEMS[1]["prompt"], "response": "tea " * 100, "scores": scores, "judge": "m1"},
        {"prompt": "Another one.", "response": "no"},
    ]
    write_rows("given.jsonl", rows)
    command = ("bench", "longbench_write", "--items", "items.jsonl", "--responses", "given.jsonl")
    shown = longwrite(*command)
    assert shown.code == 0, shown.err
    for told in (
        "longbench_write: 2 items",
        "counter    longbench_write",
        "responses  given in given.jsonl",
        "judge      given with the responses (m1)",
        "Items without a response, which score 0 for their length: 1.",
        "Rows of no item, which are not in the table: 1.",
    ):
        assert told in shown.out
    found = means(longwrite(*command, "--json").out)
    assert found["S_l", "all"] == 25 and found["S_q", "all"] == 50
    quality = next(line.split() for line in shown.out.splitlines() if line.startswith("S_q"))
    assert quality == ["S_q", "all", "50.00", "[50.00,", "50.00]", "2", "1"]


def test_rows_that_are_items_themselves_need_no_other_file(longwrite: Command) -> None:
    write_rows("pred.jsonl", [{**ITEMS[0], "response": "sea " * 150}])
    result = longwrite("bench", "longbench_write", "--responses", "pred.jsonl", "--json")
    assert means(result.out)["S_l", "all"] == 100


@pytest.mark.parametrize("how", ["reply", "agent"])
def test_responses_are_made_kept_and_gone_on_with(longwrite: Command, how: str) -> None:
    write_rows("items.jsonl", ITEMS)
    command = (
        "bench", "longbench_write", "--items", "items.jsonl", "--model", "scripted", "--how", how,
    )  # fmt: skip
    first = longwrite(*command)
    assert first.code == 0, first.err
    assert f"responses  {how} by scripted, temperature 0.8" in first.out
    assert "judge      none" in first.out
    rows = read_rows("bench-longbench_write.jsonl")
    assert sorted(row["id"] for row in rows) == ["row 1", "row 2"]
    assert all(len(row["response"].split()) > 100 for row in rows)
    assert all(Path(row["run"]).is_dir() for row in rows if how == "agent")

    path = Path("bench-longbench_write.jsonl")
    path.write_bytes(path.read_bytes()[:-40])
    again = longwrite(*command, "--json")
    assert again.code == 0, again.err
    assert "holds 1 of 2 responses" in again.err
    assert {row["id"]: row["response"] for row in read_rows(path.name)} == {
        row["id"]: row["response"] for row in rows
    }
    asked = means(again.out)["S_l", "all"]
    assert asked is not None and asked > 80
    finished = longwrite(*command, "--json")
    assert finished.out == again.out
    assert "[1/" not in finished.err


def test_a_reply_that_fails_is_recorded_and_asked_for_again(longwrite: Command) -> None:
    write_rows("items.jsonl", ITEMS)
    Path("script.jsonl").write_text(json.dumps({"step": "reply", "error": "server"}))
    command = (
        "bench", "longbench_write", "--items", "items.jsonl", "--concurrency", "1",
        "--model", "scripted:script=script.jsonl",
    )  # fmt: skip
    first = longwrite(*command)
    assert first.code == 3
    assert "Items without a response, which score 0 for their length: 1." in first.out
    rows = read_rows("bench-longbench_write.jsonl")
    assert [row.get("failed", "") for row in rows] == ["server: The script says so.", ""]
    Path("script.jsonl").write_text("")
    second = longwrite(*command, "--json")
    assert second.code == 0, second.err
    assert json.loads(second.out)["figures"][0]["items"] == 2
    assert [row["id"] for row in read_rows("bench-longbench_write.jsonl")] == [
        "row 1", "row 2", "row 1",
    ]  # fmt: skip


def test_a_reply_that_ran_into_its_cap_is_told(longwrite: Command) -> None:
    write_rows("items.jsonl", [{"prompt": "Write 2000 words about the sea.", "length": 2000}])
    result = longwrite(
        "bench", "longbench_write", "--items", "items.jsonl", "--model", "scripted:window=1500"
    )
    assert result.code == 0, result.err
    assert "Responses that ran into their token cap: 1." in result.out


def test_only_the_first_items_are_asked_for(longwrite: Command) -> None:
    write_rows("items.jsonl", ITEMS)
    command = ("bench", "longbench_write", "--items", "items.jsonl", "--model", "scripted", "-q")
    result = longwrite(*command, "--limit", "1", "--json")
    assert json.loads(result.out)["items"] == 1
    assert len(read_rows("bench-longbench_write.jsonl")) == 1


def test_responses_of_another_model_are_not_mixed_in(longwrite: Command) -> None:
    write_rows("items.jsonl", ITEMS)
    command = ("bench", "longbench_write", "--items", "items.jsonl", "--model")
    assert longwrite(*command, "scripted").code == 0
    other = longwrite(*command, "scripted:seed=2")
    assert other.code == 2
    assert "its responses were made otherwise: reply by scripted, temperature 0.8" in other.err
    assert longwrite(*command, "scripted:seed=2", "--out", "other.jsonl").code == 0


def test_weights_are_used_and_told(longwrite: Command) -> None:
    row = {"id": "chat_1", "instruction": "Talk.", "response": "Yes.", "category": "chat"}
    write_rows("hello.jsonl", [{**row, "judge_checklist_scores": [1, 0]}])
    command = ("bench", "hellobench", "--responses", "hello.jsonl", "--json")
    assert means(longwrite(*command).out)["HelloEval", "all"] == -100
    Path("weights.json").write_text('{"chat": [75, 25]}')
    weighted = longwrite(*command, "--weights", "weights.json")
    assert means(weighted.out)["HelloEval", "all"] == 0
    assert json.loads(weighted.out)["judge"] == "given with the responses (not named)"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("longbenchwrite",), "Did you mean longbench_write?"),
        (("longen", "--model", "scripted"), "Name the items with --items: LonGen.jsonl"),
        (("longen", "--items", "none.jsonl", "--model", "scripted"), "No such file or directory"),
        (("longen", "--items", "items.jsonl", "--model", "scripted"), "row 1 has no 'type'"),
        (("longen", "--responses", "items.jsonl"), "Name the items with --items: LonGen.jsonl"),
        (
            ("longbench_write", "--items", "items.jsonl", "--model", "scripted", "--how", "magic"),
            "Use reply or agent.",
        ),
        (
            ("longbench_write", "--responses", "items.jsonl", "--model", "scripted"),
            "responses are given or made",
        ),
        (("longen", "--responses", "items.jsonl", "--judge", "m"), "longen has no live judge"),
        (("sgt", "--responses", "items.jsonl", "--weights", "w.json"), "sgt has no weights"),
    ],
)
def test_mistakes_are_sentences(longwrite: Command, arguments: tuple[str, ...], told: str) -> None:
    write_rows("items.jsonl", ITEMS)
    result = longwrite("bench", *arguments)
    assert result.code == 2
    assert told in result.err
    assert "Traceback" not in result.err


@needs_fixtures
def test_real_outputs_are_scored_from_end_to_end(longwrite: Command) -> None:
    path = FIXTURES / "hellobench_outputs.jsonl"
    rows = [json.loads(line) for line in path.read_text().split("\n") if line]
    result = longwrite("bench", "hellobench", "--responses", str(path), "--json")
    assert result.code == 0, result.err
    found = means(result.out)
    by_hand = [
        (100 * sum(row["judge_checklist_scores"]) / len(row["judge_checklist_scores"]) - 75) * 4
        for row in rows
    ]
    assert found["HelloEval", "all"] == pytest.approx(sum(by_hand) / len(by_hand))
    assert json.loads(result.out)["items"] == len(rows) == 48

    better = [row for row in rows if row["model"] == "claude35"]
    worse = [row for row in rows if row["model"] == "suri_7b"]
    scores = []
    for listed in (better, worse):
        write_rows("one.jsonl", listed)
        out = longwrite("bench", "hellobench", "--responses", "one.jsonl", "--json").out
        scores.append(means(out)["HelloEval", "all"])
    assert scores[0] is not None and scores[1] is not None and scores[0] > scores[1]


@needs_fixtures
def test_real_prompts_are_answered_and_scored_from_end_to_end(longwrite: Command) -> None:
    path = str(FIXTURES / "longen.jsonl")
    command = ("bench", "longen", "--items", path, "--model", "scripted", "--quiet", "--json")
    result = longwrite(*command, "--limit", "6")
    assert result.code == 0, result.err
    assert means(result.out)["length", "all"] == 1  # the scripted engine writes what is asked for
    rows = [{"prompt": row["prompt"], "response": "海。" * 1_000}
            for row in read_rows("bench-longen.jsonl")]  # fmt: skip
    write_rows("short.jsonl", rows)
    given = longwrite("bench", "longen", "--items", path, "--responses", "short.jsonl", "--json")
    told = json.loads(given.out)
    assert told["items"] == 240
    assert told["counter"] == "self_lengthen"
    assert {row["group"] for row in told["figures"]} >= {"all", "about", "en", "zh", "zh about"}
