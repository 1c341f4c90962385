"""`--judge` as a person uses it: a server that gives marks, or doesn't."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.rewards.judge_server import Server, serve_judge
from tests.rewards.judges import mark_all
from tests.scoring.texts import make_text

TEXT = "# Boats\n\n" + make_text(8)
PROMPT = "Write a 150-word note about boats."


@contextmanager
def serving(answer: Callable[[str], str]) -> Iterator[tuple[Server, tuple[str, ...]]]:
    with serve_judge(answer) as (server, url):
        yield server, ("--judge", "stern", "--judge-base-url", url)


def mark_boats(content: str) -> str:
    return mark_all(4) if "# Boats" in content else "<b>No boats</b>, no marks."


def test_six_marks_are_told_with_who_gave_them_and_what_was_shown(longwrite: Command) -> None:
    Path("boats.md").write_text(TEXT)
    with serving(mark_boats) as (server, judge):
        result = longwrite("score", "boats.md", "--brief", PROMPT, *judge, "--html", "r.html")
    assert result.code == 0, result.err
    assert "quality      0.75  The judge was shown all 641 words." in result.out
    assert "reading_experience 4.0 of 5  Whether it is a pleasure to read" in result.out
    parameters = "openai:stern, temperature 0, top_p 1, seed 0, at most 2,048 tokens"
    assert f"judged by {parameters}; 1 call\n" in result.out
    page = Path("r.html").read_text()
    assert "What the judge says" in page and parameters in page
    assert "Whether it is a pleasure to read" in page
    (body,) = server.asked
    assert PROMPT in body["messages"][-1]["content"]
    assert body["response_format"]["type"] == "json_schema"


def test_a_verdict_that_is_missing_is_told_with_its_first_reason(longwrite: Command) -> None:
    Path("boats.md").write_text(TEXT)
    Path("tea.md").write_text(make_text(8, seed=3))
    with serving(mark_boats) as (_, judge):
        table = longwrite("score", "boats.md", "tea.md", *judge, "--html", "r.html")
        told = json.loads(longwrite("score", "boats.md", "tea.md", *judge, "--json").out)
    assert table.code == 0, table.err
    assert [line.split()[-1] for line in table.out.splitlines()[:3]] == ["quality", "0.75", "–"]
    assert "2 verdicts asked for, 0 cached, 1 unparsable" in table.out
    assert "First without: unparsable '<b>No boats</b>, no marks.'" in table.out
    assert "<b>No boats" not in Path("r.html").read_text()
    boats, tea = (one["judged"] for one in told["texts"])
    assert (boats["value"], boats["model"], boats["missing"]) == (0.75, "openai:stern", 0)
    assert boats["sampling"]["temperature"] == 0 and boats["parts"]["relevance"] == 4
    assert boats["shown"] == "The judge was shown all 641 words."
    assert boats["verdicts"][0]["text"] == mark_all(4), "raw words are kept"
    assert (tea["value"], tea["missing"]) == (None, 1)
    assert tea["verdicts"][0]["why"] == "unparsable"


def test_what_a_judge_said_is_not_asked_for_again(longwrite: Command) -> None:
    Path("boats.md").write_text(TEXT)
    with serving(mark_boats) as (server, judge):
        command = ("score", "boats.md", *judge, "--judge-cache", "verdicts", "--json")
        first, second = (json.loads(longwrite(*command).out) for _ in range(2))
    assert len(server.asked) == 1
    judged = [one["texts"][0]["judged"] for one in (first, second)]
    assert [one["value"] for one in judged] == [0.75, 0.75]
    assert [one["verdicts"][0]["cached"] for one in judged] == [False, True]
    assert len(list(Path("verdicts").glob("*.jsonl"))) == 1


@pytest.mark.parametrize(
    ("judge", "code", "told"),
    [
        (("--judge", "scripted:checks=0"), 2, "can't judge: it only writes"),
        (("--judge", "m"), 5, "Model 'm' can't be reached"),
        (("--judge", "scripted", "--deadline", "0"), 2, "can't answer within 0"),
        (("--judge", "scripted", "--judge-cache", "boats.md"), 2, "cache of verdicts"),
    ],
)
def test_a_judge_that_can_not_judge_is_a_sentence(
    longwrite: Command, judge: tuple[str, ...], code: int, told: str
) -> None:
    Path("boats.md").write_text(TEXT)
    result = longwrite("score", "boats.md", *judge)
    assert result.code == code
    assert told in result.err and "Traceback" not in result.err


def write_rows(name: str, *rows: dict[str, Any]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_benchmark_is_judged_live_and_gone_on_with(longwrite: Command) -> None:
    write_rows(
        "given.jsonl",
        {"prompt": PROMPT, "length": 150, "response": TEXT, "scores": {"Relevance": 1}},
        {"prompt": "Write of tea.", "length": 150, "response": make_text(2, seed=3)},
    )
    command = ("bench", "longbench_write", "--responses", "given.jsonl")
    with serving(mark_boats) as (server, judge):
        first = longwrite(*command, *judge)
        again = longwrite(*command, *judge, "--json")
    assert first.code == 0, first.err
    assert "judge      openai:stern, temperature 0" in first.out
    assert "2 verdicts asked for, 0 cached, 1 unparsable" in first.out
    quality = next(line.split() for line in first.out.splitlines() if line.startswith("S_q"))
    assert quality == ["S_q", "all", "75.00", "[75.00,", "75.00]", "2", "1"]
    assert len(server.asked) == 3, "only what gave no verdict is asked again"
    (path,) = Path("given.jsonl.verdicts").glob("verdicts-*.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted((row["model"], row["why"]) for row in rows) == [
        ("openai:stern", ""),
        ("openai:stern", "unparsable"),
        ("openai:stern", "unparsable"),
    ]
    texts = {row["why"]: row["text"] for row in rows}
    assert texts[""] == mark_all(4) and "No boats" in texts["unparsable"]
    notes = [one["note"] for one in json.loads(again.out)["results"]]
    assert notes[0] == "" and "No boats" in notes[1]


def test_responses_are_not_made_for_a_judge_that_can_not_judge(longwrite: Command) -> None:
    write_rows("items.jsonl", {"prompt": PROMPT, "length": 150})
    command = ("bench", "longbench_write", "--items", "items.jsonl", "--model", "scripted")
    result = longwrite(*command, "--judge", "scripted:checks=0")
    assert result.code == 2 and "can't judge" in result.err
    assert not Path("bench-longbench_write.jsonl").exists()


def answer_checks(content: str) -> str:
    items = [{"item": 1, "reason": "So.", "level": 1}]
    return json.dumps({"items": items})


def test_checks_of_the_golden_thread_are_judged(longwrite: Command) -> None:
    write_rows(
        "gold.jsonl",
        {
            "prompt": "Write a diary.", "type": "Week", "number": 2,
            "checks_once": {"1": "my wife birthday", "2": "a kite"},
            "response": "#*# Week 1: We danced. #*# Week 2: It rained.",
        },
    )  # fmt: skip
    with serving(answer_checks) as (_, judge):
        result = longwrite("bench", "sgt", "--responses", "gold.jsonl", *judge, "--json")
    means = {one["measure"]: one["mean"] for one in json.loads(result.out)["figures"]}
    assert (means["STIC-1"], means["checks without verdict"]) == (100, 0)
