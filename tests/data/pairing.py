"""What the tests of pairs share: a workbench over a stub, texts of a known worth, hostile ones."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from longwrite.agent.budget import Budget
from longwrite.agent.caller import Caller
from longwrite.agent.places import Places
from longwrite.agent.settings import Settings
from longwrite.api import Press
from longwrite.data.rows import Drop, Row, Unit
from longwrite.data.workbench import Workbench
from longwrite.engines.scripted import ScriptedEngine, compose_plan, compose_text
from longwrite.rewards.composition import Component, Composition
from longwrite.runs.store import Store
from longwrite.types import Brief, CallError, Document, Request, Role, Score
from tests.planners.stub import StubEngine

_T = TypeVar("_T")
Engine = StubEngine | ScriptedEngine
Said = str | CallError

REFUSAL = "I'm sorry, but I can't help with that request."

HOSTILE: dict[str, Said] = {
    "engine failed": CallError("server", "500"),
    "empty reply": CallError("empty", "nothing"),
    "refusal": REFUSAL,
    "leaked tags": "<think>Let me see.</think>\n\nThe mine was old. It had no road.",
    "HTML": "<div>The mine was old.</div>\n\n<p>It had no road.</p>",
    "truncated": "The mine was old. It had no road and the men who went down into it were",
    "loop": "The mine was old. " + "It had no road at all. " * 60,
    "wrong language": "矿山很古老。" * 3 + "那里没有路，人们都不记得为什么要在山里修建它。",
    "error message": "Error: 503 service unavailable",
}
"""Reason of the drop to a reply that must never become text."""


@dataclass(frozen=True)
class _Worth:
    """Pays what a text says that it is worth, in hundredths."""

    resolution: float = 0.01
    name: str = "worth"

    def __call__(self, brief: Brief, document: Document) -> Score:
        """Return the number that stands in the text."""
        text = "\n".join(document.texts.values())
        found = re.search(r"worth (\d+) coins", text)
        return Score(self.name, int(found.group(1)) / 100 if found else None)


WORTH = Composition((Component(_Worth()),), name="worth")
REWARDS = "tests.data.pairing:WORTH"


def prose(seed: int, words: int = 60, worth: int | None = None) -> str:
    """Return sound sentences, the last of which tells their worth."""
    text = compose_text(words, "en", random.Random(seed))
    return text if worth is None else f"{text} All of it is worth {worth} coins."


def write_rows(folder: Path, *rows: object) -> str:
    """Write rows as JSONL, texts as the lines that they are, and return the file's name."""
    path = folder / "rows.jsonl"
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return str(path)


def plan_reply(request: Request) -> str:
    """Return a plan of as many entries as asked for."""
    return compose_plan(request.ask, random.Random(0), as_json=True)


def is_plan(request: Request) -> bool:
    """Tell whether a request is the planner's."""
    return request.ask.step.startswith("plan")


class _Recipe(Protocol):
    def units(self) -> Iterator[Unit | Drop]: ...
    async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]: ...


def make_workbench(folder: Path, engine: Engine, store: Store) -> Workbench:
    """Return a workbench with one engine for all roles."""
    roles: tuple[Role, ...] = ("write", "plan", "check")
    engines: dict[Role, Any] = dict.fromkeys(roles, engine)
    budget, places = Budget(), Places(8)
    press = Press(engines, {"write": "stub"}, budget, places, 8)
    caller = Caller(engines, store, budget, places, engine.abilities)
    return Workbench(press, caller, folder / "runs", Settings())


def work(folder: Path, engine: Engine, job: Callable[[Workbench], Coroutine[Any, Any, _T]]) -> _T:
    """Do something with a workbench whose log is in a folder."""

    async def run() -> _T:
        with closing(Store(folder / "calls.sqlite")) as store:
            return await job(make_workbench(folder, engine, store))

    return asyncio.run(run())


def make(
    folder: Path, recipe: _Recipe, unit: Unit, answer: Callable[[Request], Said] | Engine
) -> list[Row | Drop]:
    """Make the rows of a unit with what a function answers."""
    engine = StubEngine(answer) if callable(answer) else answer
    return work(folder, engine, lambda workbench: recipe.make(unit, workbench))


def make_only(
    folder: Path, recipe: _Recipe, answer: Callable[[Request], Said] | Engine
) -> list[Row | Drop]:
    """Make the rows of a recipe whose source is one unit."""
    return make(folder, recipe, only_unit(recipe.units()), answer)


def rows_of(found: list[Row | Drop]) -> list[Row]:
    """Return the rows."""
    return [one for one in found if isinstance(one, Row)]


def reasons_of(found: Sequence[object]) -> list[str]:
    """Return why the others were dropped."""
    return [one.reason for one in found if isinstance(one, Drop)]


def only_unit(units: Any) -> Unit:
    """Return the one unit of a source."""
    (unit,) = units
    assert isinstance(unit, Unit)
    return unit
