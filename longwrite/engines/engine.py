"""The one seam of the engines: a request in, a reply out.

An engine never raises for a call that failed: the failure is in the reply. It raises `EngineError`
only while it is opened. `asyncio.CancelledError` passes through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from longwrite.types import Abilities, Reply, Request

Watch = Callable[[str], bool]
"""Sees the answer so far while it streams; True stops it with ``finish="watch"``."""


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
