"""A builder on a stage: a recipe of two calls a unit, and engines that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from longwrite.agent.budget import Budget
from longwrite.agent.job import CallFailed
from longwrite.agent.places import Places
from longwrite.agent.settings import Settings
from longwrite.api import Press
from longwrite.data.build import Builder, Order
from longwrite.data.rows import Drop, Row, Shape, Unit
from longwrite.data.selection import Selection, SetFilter
from longwrite.data.workbench import Workbench, describe_failure
from longwrite.engines.engine import Engine, Watch
from longwrite.types import Abilities, CallError, Message, Reply, Request, Role, Usage

ROLES: tuple[Role, ...] = ("write", "plan", "check")


class StubEngine:
    """Answers with what a function of the request returns, and keeps what it was asked."""

    identity = "stub"
    abilities = Abilities(32_768, json=True)

    def __init__(self, answer: Callable[[Request], str | CallError]) -> None:
        self._answer = answer
        self.requests: list[Request] = []

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        self.requests.append(request)
        await asyncio.sleep(0)
        said = self._answer(request)
        if isinstance(said, CallError):
            return Reply(error=said)
        return Reply(said, "stop", Usage(10, 20))

    async def close(self) -> None:
        """Nothing is held."""


def make_press(engine: Engine, budget: Budget | None = None, places: int = 4) -> Press:
    """Return a press on which one engine plays every role."""
    return Press(
        {role: engine for role in ROLES}, {"write": "stub"}, budget or Budget(),
        Places(places), places,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Echo:
    """Asks for a topic and for a text about it; one row a unit."""

    name: ClassVar[str] = "echo"
    shapes: ClassVar[tuple[Shape, ...]] = ("completion",)
    version: ClassVar[int] = 1

    names: tuple[str, ...] = ()

    def units(self) -> Iterator[Unit | Drop]:
        for name in self.names:
            yield Unit(name, {"name": name})

    async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]:
        ask = Message("user", f"Name a topic for {unit.id}.")
        try:
            topic = await workbench.ask(unit, "topic", (ask,), words=10)
            wish = Message("user", f"Write about {topic}.")
            text = await workbench.ask(unit, "text", (wish,), words=100)
        except CallFailed as error:
            reason, detail = describe_failure(error)
            return [Drop(unit.id, "recipe", reason, detail)]
        return [Row(unit.id, "completion", (wish,), completion=text, language="en")]


def tell(request: Request) -> str:
    """Answer the recipe's two questions."""
    asked = request.messages[-1].content
    if asked.startswith("Name"):
        return f"salt number {asked.rstrip('.').split()[-1]}"
    return f"All that is known: {asked}"


def make_order(folder: Path, *names: str, rows: int | None = None, **filters: SetFilter) -> Order:
    """Return a build of the recipe without row filters."""
    return Order(Echo(names), folder, Settings(), {}, lambda: Selection(filters, rows), rows=rows)


async def make(order: Order, press: Press) -> list[Row]:
    """Make all units and return the rows that are selected, in their order."""
    with Builder(order, press) as builder:
        await builder.make()
        selection = order.select()
        return [row for made in builder.ledger.list_made() for row in selection.take(made)[0]]
