"""From a brief to a plan, one file a planner.

`PLANNERS` is the one table: a name to ``module:Class``. A planner has
``async plan(brief, engine, sampling) -> Plan``; ``module:Class`` itself works as a name too.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol

from longwrite.engines.engine import Engine
from longwrite.errors import UsageError
from longwrite.types import Brief, Plan, Sampling

PLANNERS = {
    "outline": "longwrite.planners.outline:OutlinePlanner",
    "agentwrite": "longwrite.planners.agentwrite:AgentWritePlanner",
}


class Planner(Protocol):
    """What makes a plan."""

    async def plan(self, brief: Brief, engine: Engine, sampling: Sampling) -> Plan: ...


def load_planner(name: str) -> Planner:
    """Return the planner of that name.

    Raises:
        UsageError: There is none.
    """
    module, _, attribute = PLANNERS.get(name, name).partition(":")
    try:
        planner: Planner = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise UsageError(
            f"There is no planner '{name}'", mend=f"Choose one of: {', '.join(PLANNERS)}."
        ) from error
    return planner
