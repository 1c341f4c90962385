"""`data build --dry-run`: calls, tokens and money, from a few units and the scripted engine.

The recipe really runs on some units spread over the source, in a folder that is thrown away; what
they took is multiplied by the units that there are.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from longwrite.agent.budget import Budget, Prices
from longwrite.agent.places import Places
from longwrite.agent.settings import Settings
from longwrite.api import Press
from longwrite.cli.output import print_json, print_line
from longwrite.data.build import Builder
from longwrite.data.orders import Blueprint, place_order
from longwrite.data.rows import Drop, Row, Shape, Unit
from longwrite.data.workbench import Workbench
from longwrite.engines.engine import Watch
from longwrite.engines.scripted import Rule, ScriptedEngine
from longwrite.types import Reply, Request, Role, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longwrite.data.recipe import Recipe

_TRIED = 12
"""Units that are really made."""
_SPREAD = 0.15
_NANO_WINDOW, _DEFAULT_WINDOW = 4_096, 32_768


@dataclass(frozen=True)
class _Sample:
    """A recipe that has some units of another one's source."""

    recipe: Recipe
    chosen: tuple[Unit, ...]

    name: ClassVar[str] = "sample"
    shapes: ClassVar[tuple[Shape, ...]] = ()
    version: ClassVar[int] = 1

    def units(self) -> Iterator[Unit | Drop]:
        yield from self.chosen

    async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]:
        return await self.recipe.make(unit, workbench)


class _Counted:
    """The scripted engine, and what it was asked."""

    def __init__(self, rule: Rule) -> None:
        self._engine = ScriptedEngine(rule)
        self.identity, self.abilities = self._engine.identity, self._engine.abilities
        self.calls = self.prompt = self.completion = 0

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        reply = await self._engine.generate(request, watch)
        self.calls += 1
        self.prompt += reply.usage.prompt or 0
        self.completion += reply.usage.completion or 0
        return reply

    async def close(self) -> None:
        """Nothing is held."""


def tell_forecast(
    blueprint: Blueprint, settings: Settings, prices: Prices, nano: bool, as_json: bool
) -> int:
    """Print the forecast; returns the exit code."""
    found = asyncio.run(forecast_build(blueprint, settings, nano))
    usage = Usage(found["prompt_tokens"], found["completion_tokens"])
    found["cost"] = prices.cost(usage) if prices.known else None
    if as_json:
        print_json(found)
        return 0
    print_line(
        f"{found['units']:,} units, about {found['calls']:,} calls, "
        f"{found['prompt_tokens']:,} prompt and {found['completion_tokens']:,} completion tokens "
        f"(from {found['tried']} units made with the scripted engine)"
    )
    cost = found["cost"]
    print_line("give --price to see the cost" if cost is None else f"about {cost:.4f} in money")
    return 0


async def forecast_build(blueprint: Blueprint, settings: Settings, nano: bool) -> dict[str, Any]:
    """Return units, calls and tokens of a build, from some units made with the scripted engine."""
    window = settings.window or (_NANO_WINDOW if nano else _DEFAULT_WINDOW)
    engine = _Counted(Rule(spread=_SPREAD, window=window, json=not nano, checks=not nano))
    roles: tuple[Role, ...] = ("plan", "write", "check")
    with tempfile.TemporaryDirectory() as place:
        order = place_order(blueprint, Path(place), settings)
        units = [unit for unit in order.recipe.units() if isinstance(unit, Unit)]
        step = max(1, len(units) // _TRIED)
        chosen = tuple(units[::step][:_TRIED])
        order = replace(order, recipe=_Sample(order.recipe, chosen), rows=None)
        press = Press(
            {role: engine for role in roles}, {"write": "scripted"}, Budget(),
            Places(settings.concurrency), settings.concurrency,
        )  # fmt: skip
        with Builder(order, press) as builder:
            await builder.make()
        scale = len(units) / max(1, len(chosen))
        return {
            "units": len(units),
            "tried": len(chosen),
            "rows": round(builder.count.rows * scale),
            "calls": round(engine.calls * scale),
            "prompt_tokens": round(engine.prompt * scale),
            "completion_tokens": round(engine.completion * scale),
        }
