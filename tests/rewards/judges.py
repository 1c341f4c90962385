"""Judges without a model: engines that answer by a function, made where they are needed."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from longwrite.engines.engine import Watch
from longwrite.rewards.judge import Judge
from longwrite.rewards.quality import DIMENSIONS
from longwrite.types import Abilities, CallError, Reply, Request

ASKED: defaultdict[str, list[Request]] = defaultdict(list)
"""What each engine of this process was asked, by its name."""
OPENED: Counter[str] = Counter()
CLOSED: Counter[str] = Counter()

NEVER = "never"
"""An answer that doesn't come."""
BROKEN = "broken"
"""A call that fails."""


class FakeEngine:
    """Answers with what a function makes of the request."""

    def __init__(self, made_by: Fake) -> None:
        self._made_by = made_by
        self.identity = f"fake:{made_by.name}"
        self.abilities = Abilities(made_by.window, True, made_by.checks, True)
        OPENED[made_by.name] += 1

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        ASKED[self._made_by.name].append(request)
        await asyncio.sleep(0)
        text = self._made_by.answer(request)
        if text == NEVER:
            await asyncio.Event().wait()
        if text == BROKEN:
            return Reply(error=CallError("server", "The fake broke."))
        return Reply(text, "stop")

    async def close(self) -> None:
        CLOSED[self._made_by.name] += 1


@dataclass(frozen=True)
class Fake:
    """Makes an engine; travels to other processes by the name of its function."""

    name: str
    answer: Callable[[Request], str]
    window: int = 32_000
    checks: bool = True

    def __call__(self) -> FakeEngine:
        return FakeEngine(self)


def make_judge(
    name: str,
    answer: Callable[[Request], str],
    *,
    window: int = 32_000,
    deadline: float = 60.0,
    cache: Path | None = None,
    checks: bool = True,
) -> Judge:
    return Judge(Fake(name, answer, window, checks), deadline=deadline, cache=cache)


def material(request: Request) -> str:
    """Return the text that a request shows, between its marks."""
    found = re.search(r"<text (\w+)>\n(.*)\n</text \1>", request.messages[-1].content, re.DOTALL)
    assert found is not None
    return found[2]


def mark_all(mark: int) -> str:
    return json.dumps({"reasons": "So.", **dict.fromkeys(DIMENSIONS, mark)})


def answer_four(request: Request) -> str:
    return mark_all(4)


def answer_nothing(request: Request) -> str:
    return "I would give it a solid 4 out of 5."


def answer_never(request: Request) -> str:
    return NEVER


def answer_broken(request: Request) -> str:
    return BROKEN


def raise_error(request: Request) -> str:
    raise ValueError("boom")


def asked_items(request: Request) -> list[tuple[int, str]]:
    """Return number and question of each item that a request asks about."""
    body = request.messages[-1].content.rpartition("<questions ")[2]
    return [(int(n), q) for n, q in re.findall(r"^(\d+)\. (?:\(\w+\) )?(.*)$", body, re.MULTILINE)]


def answer_items(request: Request, level: Callable[[int, str, str], object]) -> str:
    shown = material(request)
    items = [
        {"item": n, "reason": "So.", "level": level(n, question, shown)}
        for n, question in asked_items(request)
    ]
    return json.dumps({"items": items})
