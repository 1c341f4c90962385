"""Replies behind a call log: a stop loses none, and each sample is drawn by itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from longwrite.agent.budget import Budget
from longwrite.agent.places import Places
from longwrite.agent.settings import Settings
from longwrite.api import Press
from longwrite.engines.engine import Engine
from longwrite.engines.scripted import Rule, ScriptedEngine, ScriptLine
from longwrite.errors import Interrupted
from longwrite.train.held_out import HeldOut, read_held_out
from longwrite.train.replies import Answer, Way, write_answers
from longwrite.types import Role

WAY = Way("reply", 2, Settings(temperature=1.0, top_p=1.0, concurrency=1))


@pytest.fixture
def briefs(tmp_path: Path) -> tuple[HeldOut, ...]:
    path = tmp_path / "briefs.txt"
    path.write_text("Write 60 words on salt.\nWrite 90 words on tides.\n")
    return read_held_out(path)


def make_press(engine: ScriptedEngine) -> Press:
    engines: dict[Role, Engine] = {"write": engine, "plan": engine, "check": engine}
    return Press(engines, {"write": "scripted"}, Budget(), Places(1), 1)


def write(
    briefs: tuple[HeldOut, ...], folder: Path, rule: Rule, way: Way = WAY, stop_after: int = 99
) -> tuple[list[Answer], int]:
    """Return the answers and how many calls they took; stop after some of them."""
    engine = ScriptedEngine(rule)

    async def run() -> list[Answer]:
        press = make_press(engine)

        def tell(done: int, total: int) -> None:
            if done == stop_after:
                press.stop(Interrupted("Stopped"))

        return await write_answers(briefs, press, way, folder, tell)

    folder.mkdir(exist_ok=True)
    return asyncio.run(run()), engine.calls


def test_samples_are_drawn_apart_and_always_the_same(
    briefs: tuple[HeldOut, ...], tmp_path: Path
) -> None:
    first, calls = write(briefs, tmp_path / "a", Rule(spread=0.5))
    assert [(one.brief, one.sample) for one in first] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert calls == 4 and len({one.text for one in first}) == 4
    assert first == write(briefs, tmp_path / "b", Rule(spread=0.5))[0]
    turned, _ = write(briefs[::-1], tmp_path / "c", Rule(spread=0.5))
    assert {one.text for one in turned} == {one.text for one in first}
    other = replace(WAY, settings=replace(WAY.settings, seed=7))
    assert write(briefs, tmp_path / "d", Rule(spread=0.5), other)[0] != first


def test_a_stop_keeps_what_came_in(briefs: tuple[HeldOut, ...], tmp_path: Path) -> None:
    whole, _ = write(briefs, tmp_path / "whole", Rule())
    with pytest.raises(Interrupted):
        write(briefs, tmp_path / "log", Rule(), stop_after=3)
    again, calls = write(briefs, tmp_path / "log", Rule())
    assert calls == 1 and again == whole


def test_a_cut_reply_and_an_empty_one_are_replies(
    briefs: tuple[HeldOut, ...], tmp_path: Path
) -> None:
    script = (
        ScriptLine("Cut here", finish="length"),
        ScriptLine(error="empty"),
        ScriptLine(error="timeout"),
        ScriptLine("Whole."),
    )
    answers, _ = write(briefs, tmp_path / "log", Rule(script=script))
    assert [one.ended for one in answers] == [False, True, False, True]
    assert answers[1].text == "" and not answers[1].failed
    assert answers[2].failed == "timeout: The script says so."


def test_the_cap_leaves_room_for_the_prompt(briefs: tuple[HeldOut, ...], tmp_path: Path) -> None:
    answers, _ = write(briefs, tmp_path / "log", Rule(window=300))
    assert not any(one.failed for one in answers)
    answers, calls = write(briefs, tmp_path / "tight", Rule(window=80))
    assert calls == 0
    assert {one.failed for one in answers} == {"the prompt fills the window of 80 tokens"}
    short = replace(WAY, max_new_tokens=20)
    answers, _ = write(briefs, tmp_path / "short", Rule(), short)
    assert not any(one.ended for one in answers)
