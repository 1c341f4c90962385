"""The one seam of the engines: a request in, a reply out.

An engine never raises for a call that failed: the failure is in the reply. It raises `EngineError`
only while it is opened. `asyncio.CancelledError` passes through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from typing import Protocol, TypeVar

from longwrite.types import Abilities, Reply, Request, Usage

_T = TypeVar("_T")

Watch = Callable[[str], bool]
"""Sees the answer so far while it streams; True stops it with ``finish="watch"``."""

ON_LOSS: ContextVar[Callable[[Usage], None]] = ContextVar("ON_LOSS", default=lambda usage: None)
"""Told, within a call, what a try has cost that brought no reply, before the engine tries again.

Tries are the engine's and the budget is its caller's, who may raise to let no other begin.
"""


class Engine(Protocol):
    """What writes.

    Attributes:
        identity: What the call log calls the model: a digest of config, tokenizer and weights for
            a folder, name and revision for a server; never a host, a port or a key.
        abilities: What it can do.
    """

    @property
    def identity(self) -> str: ...

    @property
    def abilities(self) -> Abilities: ...

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        """Answer one request; several may be asked at the same time."""
        ...

    async def close(self) -> None:
        """Let go of connections, processes and memory."""
        ...


async def gather_calls(calls: Iterable[Awaitable[_T]]) -> list[_T]:
    """Await calls side by side; an error is raised when all have ended.

    A reply that is still on its way when another call fails is paid for, and has to be logged
    before the run's database closes.
    """
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    results = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results
