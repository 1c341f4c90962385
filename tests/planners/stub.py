"""An engine for planners: replies word for word, and a count of the calls in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from longwrite.engines.engine import Watch
from longwrite.engines.scripted import Rule, ScriptedEngine
from longwrite.planners.outline import OutlinePlanner
from longwrite.types import Abilities, Brief, CallError, Plan, Reply, Request, Sampling, Section

SAMPLING = Sampling(0, seed=3)


class StubEngine:
    """Answers with what a function of the request returns; the scripted engine's reply without one.

    Args:
        answer: Returns the text of a reply, or its error.
        window: Tokens.
        json: Whether it claims to force a schema.
    """

    identity = "stub"

    def __init__(
        self,
        answer: Callable[[Request], str | CallError] | None = None,
        window: int = 32_768,
        json: bool = True,
    ) -> None:
        self.abilities = Abilities(window, json=json)
        self.requests: list[Request] = []
        self.most_in_flight = 0
        self._answer = answer
        self._in_flight = 0
        self._scripted = ScriptedEngine(Rule(window=window, json=json))

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        self.requests.append(request)
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        await asyncio.sleep(0)
        self._in_flight -= 1
        if self._answer is None:
            return await self._scripted.generate(request)
        said = self._answer(request)
        return Reply(error=said) if isinstance(said, CallError) else Reply(said, "stop")

    async def close(self) -> None:
        """Nothing is held."""


def plan(brief: Brief, engine: StubEngine | ScriptedEngine) -> Plan:
    """Plan with the default planner."""
    return asyncio.run(OutlinePlanner().plan(brief, engine, SAMPLING))


def total(sections: tuple[Section, ...]) -> int:
    """Return the words of the leaves."""
    return sum(
        total(section.sections) if section.sections else section.words for section in sections
    )
