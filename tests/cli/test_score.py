"""`longwrite score` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.scoring.texts import make_text

TEXT = "# Boats\n\n" + make_text(8)


def test_one_text_gives_a_verdict_in_words(longwrite: Command) -> None:
    Path("boats.md").write_text(TEXT)
    result = longwrite("score", "boats.md", "--brief", "Write 600 words about boats in English.")
    assert result.code == 0, result.err
    assert "boats.md: 641 words (words) of 600 asked for" in result.out
    assert "No loop." in result.out
    assert "language" in result.out


def test_rows_give_a_table_and_json_all_figures(longwrite: Command) -> None:
    rows = [{"prompt": "Write 300 words.", "response": make_text(4)}, {"text": "The sea. " * 90}]
    Path("rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    table = longwrite("score", "rows.jsonl")
    assert table.code == 0
    assert [line.split()[0] for line in table.out.splitlines()] == [
        "words", "rows.jsonl:1", "rows.jsonl:2",
    ]  # fmt: skip
    told = json.loads(longwrite("score", "rows.jsonl", "--json").out)
    assert [one["asked"] for one in told["texts"]] == [300, None]
    assert told["texts"][1]["scores"]["loop"]["value"] == 0


def test_what_is_not_sound_fails_where_that_is_asked_for(longwrite: Command) -> None:
    Path("loop.md").write_text("The sea was calm. " * 100)
    assert longwrite("score", "loop.md").code == 0
    assert longwrite("score", "loop.md", "--fail-under", "0.5").code == 6


def test_bad_files_are_told_and_the_others_scored(longwrite: Command) -> None:
    Path("good.md").write_text(TEXT)
    Path("empty.md").write_text("")
    result = longwrite("score", "empty.md", "good.md", "none.md")
    assert result.code == 2
    assert "good.md: 641 words" in result.out
    assert "empty.md can't be scored: it is empty." in result.err
    assert "none.md can't be read: there is no such file." in result.err
    assert "Traceback" not in result.err


def test_an_older_version_is_compared_with(longwrite: Command) -> None:
    Path("old.md").write_text(TEXT + "\n\n" + make_text(4))
    Path("new.md").write_text(TEXT)
    result = longwrite("score", "new.md", "--against", "old.md", "--json")
    changes = json.loads(result.out)["changes"]
    assert changes["words"] == [960, 640]
    assert changes["repeats"][0] < changes["repeats"][1] == 1
    Path("old.json").write_text(longwrite("score", "old.md", "--json").out)
    again = longwrite("score", "new.md", "--against", "old.json", "--json")
    assert json.loads(again.out)["changes"] == changes


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("boats.md", "--counter", "tokens"), "there is no such counter"),
        (("boats.md", "--html", "report.pdf"), "Name it .html"),
        (("boats.md", "--against", "boats.json"), "it isn't what longwrite score --json prints"),
        (("boats.md", "--brief", ""), ""),
    ],
)
def test_mistakes_are_sentences(longwrite: Command, arguments: tuple[str, ...], told: str) -> None:
    Path("boats.md").write_text(TEXT)
    result = longwrite("score", *arguments)
    assert result.code == (2 if told else 0)
    assert told in result.err
    assert "Traceback" not in result.err


def test_the_page_holds_what_was_found_and_runs_nothing(longwrite: Command) -> None:
    evil = '<script>alert("x")</script> <img src=x onerror=alert(1)>'
    Path("evil.md").write_text(f"## {evil}\n\n{TEXT}\n\n## Again\n\n{make_text(8)} {evil}")
    result = longwrite("score", "evil.md", "--html", "report.html", "--words", "900")
    assert result.code == 0, result.err
    page = Path("report.html").read_text()
    assert "<script" not in page and "<img" not in page
    assert "default-src 'none'" in page
    assert "What the measures mean" in page
    assert "&lt;script&gt;" in page


def test_completions_in_groups_are_paid_again(longwrite: Command) -> None:
    prompt = "Write 300 words."
    rows = [{"prompt": prompt, "response": make_text(n)} for n in (2, 4, 6)]
    Path("rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    told = longwrite("score", "rows.jsonl", "--rewards", "length, repetition=0.5")
    assert told.code == 0, told.err
    assert "Rewards of 3 texts, 1 groups" in told.out
    found = json.loads(longwrite("score", "rows.jsonl", "--rewards", "length", "--json").out)
    assert found["rewards"]["components"]["length"]["silent"] == 0


def test_an_unknown_reward_is_told_before_anything_is_scored(longwrite: Command) -> None:
    Path("boats.md").write_text(TEXT)
    result = longwrite("score", "boats.md", "--rewards", "lenght")
    assert result.code == 2
    assert "There is no reward 'lenght': did you mean 'length'?" in result.err
    assert not result.out


def test_a_model_folder_measures_meaning(longwrite: Command, tiny_model: Path) -> None:
    Path("boats.md").write_text(TEXT)
    result = longwrite("score", "boats.md", "--embedding", str(tiny_model), "--json")
    assert result.code == 0, result.err
    assert "meaning" in json.loads(result.out)["texts"][0]["scores"]
