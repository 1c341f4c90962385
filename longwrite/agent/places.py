"""The calls in flight: so many at a time, and who began first goes first.

Documents that are written side by side share an engine. Served in turn they would all be half
written for a long time, and an engine's cache would have to hold the threads of all of them; served
in the order in which they began, the first are finished while the last only take what is left over.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Places:
    """Lets so many in at a time.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        """All places are free."""
        self._free = count
        self._asked = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def hold(self, rank: int = 0) -> AsyncIterator[None]:
        """Wait for a place and hold it; a lower rank goes first, then who asked first."""
        await self._take(rank)
        try:
            yield
        finally:
            self._give()

    async def _take(self, rank: int) -> None:
        if self._free:
            self._free -= 1
            return
        future = asyncio.get_running_loop().create_future()
        self._asked += 1
        heapq.heappush(self._waiting, (rank, self._asked, future))
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._give()
            raise

    def _give(self) -> None:
        while self._waiting:
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_result(None)
                return
        self._free += 1
