"""The modelled engine over HTTP in a thread beside the test, with faults on demand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.engine.server import Server


@contextmanager
def serve(server: Server) -> Iterator[str]:
    """Serve until the end of the block; gives the address up to ``/v1``.

    The server's `rules` may be set and its `calls` read at any time from the test.
    """
    told: list[str] = []
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def run() -> None:
        async with server.listen() as address:
            told.append(address)
            ready.set()
            await over.wait()

    def work() -> None:
        try:
            loop.run_until_complete(run())
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=work, name="modelled-engine")
    thread.start()
    ready.wait()
    try:
        yield told[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
