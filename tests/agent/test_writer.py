"""What is asked in which conversation, and what waits for what."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.run import DAG, measure
from longwrite.agent.budget import Budget
from longwrite.agent.places import Places
from longwrite.agent.settings import Settings
from longwrite.api import Press, write_run
from longwrite.engines.engine import Watch
from longwrite.engines.scripted import Rule, ScriptedEngine
from longwrite.types import Brief, Reply, Request, Role

ROLES: tuple[Role, ...] = ("write", "plan", "check")


class Spy(ScriptedEngine):
    """Keeps every request."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.requests: list[Request] = []

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        self.requests.append(request)
        return await super().generate(request, watch)

    def asked(self, step: str) -> list[Request]:
        return [request for request in self.requests if request.ask.step == step]


def write(path: Path, words: int, mode: str, *, checks: bool = True, window: int = 32_768) -> Spy:
    """Write a document and return the engine that was asked."""
    engine = Spy(Rule(checks=checks, window=window))

    async def run() -> None:
        press = Press({role: engine for role in ROLES}, {"write": "spy"}, Budget(), Places(8), 8)
        brief = Brief("A history of salt", words, language="en")
        await write_run(path, press, brief, Settings(mode=mode))

    asyncio.run(run())
    return engine


def test_a_seam_is_smoothed_in_the_conversation_of_the_chapter_before(tmp_path: Path) -> None:
    engine = write(tmp_path, 6_000, "dag")
    seams = engine.asked("seam")
    assert seams
    for seam in seams:
        last = [
            request for request in engine.asked("section")
            if request.messages == seam.messages[: len(request.messages)]
        ]  # fmt: skip
        assert last, "it begins with what was asked for the section before"
        assert seam.messages[-2].role == "assistant"
        assert seam.messages[-1].content.startswith("The next section")


def test_a_small_engine_is_told_the_last_words_only(tmp_path: Path) -> None:
    seams = write(tmp_path, 6_000, "dag", checks=False).asked("seam")
    assert seams and all(len(seam.messages) == 2 for seam in seams)
    assert all("<before>" in seam.messages[-1].content for seam in seams)


@pytest.mark.parametrize("checks", [True, False])
def test_a_goal_is_told_once_to_an_engine_that_can_look_it_up(tmp_path: Path, checks: bool) -> None:
    for request in write(tmp_path, 6_000, "dag", checks=checks).asked("section"):
        step = request.messages[-1].content.rpartition("Now write the next section")[2]
        assert ("Its goal: " in step) is not checks
        assert f"{request.ask.section}. {request.ask.title}" in request.messages[1].content


def test_nobody_takes_notes_of_a_short_text_that_was_seen_whole(tmp_path: Path) -> None:
    assert not write(tmp_path / "short", 3_000, "thread").asked("facts")
    assert write(tmp_path / "rolling", 3_000, "thread", window=3_000).asked("facts")
    assert write(tmp_path / "long", 6_000, "thread").asked("facts")
    assert write(tmp_path / "parallel", 3_000, "dag").asked("facts")


def test_seams_do_not_wait_for_notes() -> None:
    calls = measure(DAG, 13_000, 64).calls
    first_seam = min(call.begun for call in calls if call.step == "seam")
    first_notes = min(call.ended for call in calls if call.step == "facts")
    assert first_seam < first_notes
