"""A plan for a unit, made by the build's planner through the build's own log."""

from __future__ import annotations

from dataclasses import replace

from longwrite.agent.caller import Caller
from longwrite.assembly import walk
from longwrite.data.rows import Drop, Unit
from longwrite.data.workbench import Workbench
from longwrite.engines.engine import Watch
from longwrite.errors import EngineError, LongwriteError, UsageError
from longwrite.planners import load_planner
from longwrite.prompts import derive_seed
from longwrite.runs.planfile import check_plan
from longwrite.scoring.leaks import find_leaks
from longwrite.types import Abilities, Brief, Plan, Reply, Request


async def make_plan(unit: Unit, workbench: Workbench, brief: Brief) -> Plan | Drop:
    """Return a plan of what a unit asks for, or why there is none.

    Raises:
        LongwriteError: No call can succeed, or the budget is spent.
    """
    settings = workbench.settings
    seed = derive_seed(settings.seed, "plan", unit.id)
    engine = _Engine(workbench.caller)
    try:
        planner = load_planner(settings.planner)
        plan = await planner.plan(brief, engine, replace(settings.sampling, seed=seed))
    except EngineError as error:
        if engine.stopped is not None:
            raise
        return Drop(unit.id, "recipe", "engine failed", str(error)[:200])
    try:
        check_plan(plan)
    except UsageError as error:
        return Drop(unit.id, "recipe", "the plan can't be used", str(error)[:200])
    if leak := find_leak(plan):
        return Drop(unit.id, "recipe", "the plan can't be used", leak)
    return plan


def find_leak(plan: Plan) -> str:
    """Return what stands in a plan and is no part of one; empty for a clean plan.

    All of a plan is told to who writes, and so becomes part of every prompt of its rows.
    """
    nodes = [node for node, _ in walk(plan.sections)]
    told = [plan.title, plan.bible]
    for node in nodes:
        told += [node.title, node.goal, node.entry, node.exit, *node.establishes]
    leaks = ((text, leak) for text in told for leak in find_leaks(text))
    return next((text[leak.start : leak.end][:120] for text, leak in leaks), "")


class _Engine:
    """The build's caller, which tells a call that failed from an engine that can't go on."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.stopped: LongwriteError | None = None

    @property
    def identity(self) -> str:
        return self._caller.identity

    @property
    def abilities(self) -> Abilities:
        return self._caller.abilities

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        try:
            return await self._caller.generate(request, watch)
        except LongwriteError as error:
            self.stopped = error
            raise

    async def close(self) -> None:
        """The caller belongs to the build."""
