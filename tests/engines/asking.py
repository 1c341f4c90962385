"""One engine on one faulty server, asked once: what most tests of the engine do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from longwrite.engines.openai import OpenAIEngine
from longwrite.types import Message, Reply, Request, Sampling
from tests.engines.faulty_server import FaultyServer, Script

KEY = "sk-canary-0123456789abcdef"
REQUEST = Request((Message("user", "Write about rain."),), Sampling(max_tokens=64, seed=7))


async def no_sleep(seconds: float) -> None:
    """Wait for nothing."""


@asynccontextmanager
async def opened(
    *script: Script, **options: Any
) -> AsyncIterator[tuple[OpenAIEngine, FaultyServer]]:
    """Open an engine on a server that follows a script."""
    defaults: dict[str, Any] = {"api_key": KEY, "sleep": no_sleep, "first_token": 5.0}
    async with FaultyServer(*script) as server:
        engine = await OpenAIEngine.open("tiny", server.url, **{**defaults, **options})
        try:
            yield engine, server
        finally:
            await engine.close()


def ask(
    *script: Script,
    request: Request = REQUEST,
    watch: Callable[[str], bool] | None = None,
    **options: Any,
) -> tuple[Reply, FaultyServer]:
    """Ask one request of a server that follows a script."""

    async def main() -> tuple[Reply, FaultyServer]:
        async with opened(*script, **options) as (engine, server):
            return await engine.generate(request, watch), server

    return asyncio.run(main())


def kind(reply: Reply) -> str:
    """Return the kind of a failed reply, which must hold no text."""
    assert reply.text == "" and reply.finish is None and reply.error is not None
    return reply.error.kind
