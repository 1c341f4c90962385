"""Prompts and finished runs as rows, also from an engine that does everything wrong."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from longwrite.agent.settings import Settings
from longwrite.data.agentwrite import AgentWrite
from longwrite.data.build import Builder, Order
from longwrite.data.filters import ROW_FILTERS
from longwrite.data.rows import Drop, Row
from longwrite.data.selection import Selection
from longwrite.engines.scripted import FAULTS, Rule, ScriptedEngine
from longwrite.errors import UsageError
from tests.data.stage import make_press

TOPICS = ("salt", "glass", "lighthouses", "moths", "bells", "ferries", "maps", "clocks")


def write_prompts(path: Path, count: int) -> Path:
    """Write a file of prompts of about 900 words each, with one thing to mention."""
    lines = [
        json.dumps({"prompt": f"An essay of 900 words about {TOPICS[n % 8]}, number {n}."})
        for n in range(count)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def build(folder: Path, recipe: AgentWrite, rule: Rule) -> tuple[list[Row], list[Drop]]:
    """Build a set with the scripted engine; return its rows and drops."""
    filters = {name: make() for name, make in ROW_FILTERS.items()}
    order = Order(recipe, folder, Settings(concurrency=8), filters, lambda: Selection({}))

    async def work() -> tuple[list[Row], list[Drop]]:
        with Builder(order, make_press(ScriptedEngine(rule), places=8)) as builder:
            await builder.make()
            made = list(builder.ledger.list_made())
        rows = [row for one in made for row in one.rows]
        return rows, [drop for one in made for drop in one.drops]

    return asyncio.run(work())


def test_each_prompt_is_a_document_with_its_labels(tmp_path: Path) -> None:
    recipe = AgentWrite((str(write_prompts(tmp_path / "p.jsonl", 3)),), samples=2, licence="mit")
    rows, drops = build(tmp_path / "set", recipe, Rule())
    assert len(rows) == 6 and drops == []
    assert len({row.completion for row in rows}) == 6
    for row in rows:
        assert row.target is not None and 810 <= row.target <= 990
        (length,) = [label for label in row.labels if label.constraint.kind == "length"]
        assert length.holds is True
        assert row.provenance["licence"] == "mit"
        assert row.provenance["source"] in {"p.jsonl:1", "p.jsonl:2", "p.jsonl:3"}


def test_finished_runs_are_rows_without_a_call(tmp_path: Path) -> None:
    recipe = AgentWrite((str(write_prompts(tmp_path / "p.jsonl", 2)),))
    written, _ = build(tmp_path / "set", recipe, Rule())
    runs = AgentWrite(from_runs=(str(tmp_path / "set" / ".work" / "runs"),))
    rows, drops = build(tmp_path / "again", runs, Rule(faults={"server": 1.0}))
    assert drops == []
    assert {row.completion for row in rows} == {row.completion for row in written}


@pytest.mark.parametrize("count", [40, pytest.param(1_000, marks=pytest.mark.slow)])
def test_a_poisoned_engine_gives_no_bad_row(tmp_path: Path, count: int) -> None:
    recipe = AgentWrite((str(write_prompts(tmp_path / "p.jsonl", count)),))
    rule = replace(Rule(spread=0.2), faults={**dict.fromkeys(FAULTS, 0.05), "server": 0.25})
    rows, drops = build(tmp_path / "set", recipe, rule)
    assert len(rows) + len(drops) == count
    assert rows and drops and all(drop.reason for drop in drops)
    for row in rows:
        bad = find_poison(row.completion)
        assert not bad, (row.id, bad)
        assert row.target == len(re.findall(r"[A-Za-z0-9'’-]+", plain(row.completion)))


def plain(text: str) -> str:
    """Return a text without the marks of its headings."""
    return re.sub(r"(?m)^#+ ", "", text)


def find_poison(text: str) -> str:
    """Return what a person would call wrong with a text, found without the project's own checks."""
    for pattern in (
        r"<think|</|<html|<\|", r"\b(?:I'm sorry|I cannot|As an AI|can't help)\b",
        r"\b(?:500|Internal Server Error|Traceback)\b", r"[\u4e00-\u9fff]", r"(?i)word count",
    ):  # fmt: skip
        if match := re.search(pattern, text):
            return match.group()
    if not re.search(r"[.!?][\"')\]*_”’]*\s*$", text):
        return "no end"
    words = text.split()
    for period in range(1, 60):
        tail = words[-4 * period :]
        if len(tail) >= 40 and all(tail[i] == tail[i + period] for i in range(len(tail) - period)):
            return "loop"
    return ""


def test_a_recipe_needs_a_source(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no source"):
        AgentWrite()
    with pytest.raises(UsageError, match="holds no run"):
        list(AgentWrite(from_runs=(str(tmp_path),)).units())
