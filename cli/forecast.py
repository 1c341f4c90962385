"""`--dry-run`: the calls, tokens and money of a run, found by doing it with the scripted engine.

The whole agent runs, in a folder that is thrown away, on an engine that keeps to the lengths it is
asked for within 15 %; so the forecast follows every prompt the run would send, and knows nothing of
how often a real model has to be asked again.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from longwrite.agent.settings import Settings
from longwrite.api import Press, write_run
from longwrite.cli.ordering import Order
from longwrite.cli.output import print_json, print_line
from longwrite.engines.scripted import Rule, ScriptedEngine
from longwrite.types import Brief, Plan, Role, Usage

_SPREAD = 0.15
_NANO_WINDOW = 4_096
_DEFAULT_WINDOW = 32_768


def tell_forecast(order: Order) -> int:
    """Print what an order would take; returns the exit code."""
    assert order.brief is not None and order.settings is not None
    nano = order.choices["write"].model == "nano"
    found = forecast(order.brief, order.settings, order.plan, nano=nano)
    prices = order.budget.prices
    usage = Usage(found["prompt_tokens"], found["completion_tokens"], found["cached_tokens"])
    cost = prices.cost(usage) if prices.known else None
    if order.as_json:
        print_json({"dry_run": True} | found | {"cost": cost})
        return 0
    print_line(f"{found['words']:,} words in {found['sections']} sections, mode {found['mode']}")
    print_line(f"about {found['calls']} calls, largest request {found['largest_request']:,} tokens")
    print_line(
        f"about {found['prompt_tokens']:,} prompt tokens ({found['cached_tokens']:,} of them in "
        f"the engine's cache, where it has one) and {found['completion_tokens']:,} written"
    )
    print_line("give --price to see the cost" if cost is None else f"about {cost:.4f} in money")
    return 0


def forecast(
    brief: Brief, settings: Settings, plan: Plan | None = None, *, nano: bool = False
) -> dict[str, Any]:
    """Return calls and tokens of a run; the embedded model has a small window and no checks."""
    window = settings.window or (_NANO_WINDOW if nano else _DEFAULT_WINDOW)
    rule = Rule(spread=_SPREAD, window=window, json=not nano, checks=not nano)
    return asyncio.run(_forecast(brief, settings, plan, rule))


async def _forecast(
    brief: Brief, settings: Settings, plan: Plan | None, rule: Rule
) -> dict[str, Any]:
    from longwrite.agent.budget import Budget
    from longwrite.agent.places import Places

    engine = ScriptedEngine(rule)
    roles: tuple[Role, ...] = ("plan", "write", "check")
    places = Places(settings.concurrency)
    press = Press(
        {role: engine for role in roles}, {"write": "scripted"}, Budget(), places,
        settings.concurrency,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        outcome = await write_run(Path(folder) / "run", press, brief, settings, plan=plan)
    report = outcome.report
    return {
        "words": brief.words,
        "sections": len(report["sections"]),
        "mode": report["mode"],
        "calls": report["calls"]["made"],
        "largest_request": report["calls"]["largest_request_tokens"],
        "prompt_tokens": report["tokens"]["prompt"],
        "cached_tokens": report["tokens"]["cached"],
        "completion_tokens": report["tokens"]["completion"],
    }
