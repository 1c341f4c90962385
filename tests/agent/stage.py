"""Writes runs with the scripted engine, whole and in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from longwrite.agent.budget import Budget
from longwrite.agent.caller import Caller
from longwrite.agent.continuation import Past
from longwrite.agent.job import Job
from longwrite.agent.manuscript import Manuscript
from longwrite.agent.places import Places
from longwrite.agent.settings import Event, Notify, Settings
from longwrite.agent.targets import set_targets
from longwrite.api import Outcome, open_press, write_run
from longwrite.assembly import walk
from longwrite.engines.choice import Choice
from longwrite.engines.engine import Engine
from longwrite.engines.scripted import ScriptedEngine, parse_rule
from longwrite.runs.folder import RunFolder
from longwrite.types import Brief, Plan, Role, Section

BRIEF = Brief("A history of salt", 3_000, language="en")

PLAN = Plan(
    "Salt",
    (
        Section("1", "Mines", "Tell of mines.", 300),
        Section("2", "Ships", "Tell of ships.", 300),
        Section("3", "Taxes", "Tell of taxes.", 300),
    ),
    planner="by hand",
)
PLAN_BRIEF = Brief("A history of salt", 900, language="en")


def silent(event: Event) -> None:
    """Tell nobody."""


def write(
    path: Path,
    brief: Brief | None = None,
    model: str = "scripted",
    settings: Settings | None = None,
    *,
    plan: Plan | None = None,
    past: Past | None = None,
    edit: Callable[[RunFolder, Plan], Plan] | None = None,
    notify: Notify = silent,
) -> Outcome:
    """Write a run as far as it will go."""

    async def run() -> Outcome:
        press = await open_press({"write": Choice(model)})
        try:
            return await write_run(
                path, press, brief, settings, plan=plan, past=past, edit=edit, notify=notify
            )
        finally:
            await press.close()

    return asyncio.run(run())


def calls_made(outcome: Outcome) -> int:
    """Return how many calls a command made."""
    made: int = outcome.report["calls"]["made"]
    return made


def kinds(outcome: Outcome) -> set[str]:
    """Return the kinds of a document's defects."""
    return {defect.kind for defect in outcome.document.defects}


def make_job(
    folder: RunFolder, plan: Plan = PLAN, brief: Brief = PLAN_BRIEF, rule: str = ""
) -> Job:
    """Return a job that nothing has been written of."""
    engine = ScriptedEngine(parse_rule(rule))
    engines: dict[Role, Engine] = {"write": engine, "plan": engine, "check": engine}
    caller = Caller(engines, folder.store, Budget(), Places(8), engine.abilities)
    return Job(
        brief,
        plan,
        Settings(),
        "thread",
        caller,
        Manuscript(folder, plan),
        set_targets(brief, plan),
        silent,
        titles=frozenset(node.title.casefold() for node, _ in walk(plan.sections)),
    )
