"""An engine in this process, asked once or several times at the same time."""

from __future__ import annotations

import asyncio

from longwrite.engines.engine import Engine, Watch
from longwrite.types import Json, Message, Reply, Request, Sampling


def ask(content: str = "Write about rain.", seed: int = 1, cap: int = 40, **extra: Json) -> Request:
    """Return a request of one message."""
    return Request((Message("user", content),), Sampling(cap, seed=seed, extra=extra))


def answer(engine: Engine, *requests: Request, watch: Watch | None = None) -> list[Reply]:
    """Return the replies to requests made at the same time."""

    async def main() -> list[Reply]:
        return await asyncio.gather(*(engine.generate(request, watch) for request in requests))

    return asyncio.run(main())
