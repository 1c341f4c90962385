"""Continuous batching: requests join and leave a running batch at every step.

A step computes the next token of every running request and up to a chunk of the prompts that wait,
first come first served. While nobody comes or goes the steps are taken in one leap, so that a run
of a million steps costs no more than its requests.
"""

from __future__ import annotations

import asyncio
import heapq
from array import array
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field

from benchmarks.engine.cache import Cache, Lease
from benchmarks.engine.machine import Machine, steps_time


@dataclass(slots=True)
class _Job:
    """A request on its way.

    Attributes:
        prompt: Its tokens.
        answer: The tokens that will be written.
        done: Set when it has ended, to the prompt tokens that were cached.
        lease: What it holds of the cache.
        left: Prompt tokens still to be computed.
    """

    prompt: array[int]
    answer: array[int]
    done: asyncio.Future[int]
    lease: Lease | None = None
    left: int = 0


@dataclass(slots=True)
class Scheduler:
    """Runs requests on a machine, on whatever clock the event loop has.

    Attributes:
        machine: How long steps take.
        cache: Its memory.
        busy: Seconds in which any request ran.
    """

    machine: Machine
    cache: Cache
    busy: float = 0.0
    _waiting: deque[_Job] = field(default_factory=deque)
    _filling: deque[_Job] = field(default_factory=deque)
    _running: list[tuple[int, int, _Job]] = field(default_factory=list)
    _step: int = 0
    _context: int = 0
    _order: int = 0
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _driver: asyncio.Task[None] | None = None

    async def complete(self, prompt: array[int], answer: array[int]) -> int:
        """Run one request to its end; returns the prompt tokens that were in the cache.

        Raises:
            ValueError: It is larger than the machine's memory.
        """
        if len(prompt) + len(answer) > self.machine.capacity:
            raise ValueError("the request is larger than the machine")
        job = _Job(prompt, answer, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._arrived.set()
        if self._driver is None:
            self._driver = asyncio.create_task(self._drive())
        return await job.done

    async def _drive(self) -> None:
        clock = asyncio.get_running_loop().time
        begun = clock()
        while self._waiting or self._filling or self._running:
            self._admit()
            if self._filling:
                await self._mixed_step()
            else:
                await self._leap()
        self.busy += clock() - begun
        self._driver = None

    def _admit(self) -> None:
        while self._waiting and len(self._filling) + len(self._running) < self.machine.most:
            job = self._waiting[0]
            lease = self.cache.take(job.prompt, len(job.prompt) + len(job.answer))
            if lease is None:
                return
            self._waiting.popleft()
            job.lease, job.left = lease, len(job.prompt) - lease.cached
            self._filling.append(job)
        self._arrived.clear()

    async def _mixed_step(self) -> None:
        room = self.machine.chunk
        ready: list[_Job] = []
        while self._filling and room:
            job = self._filling[0]
            taken = min(room, job.left)
            job.left -= taken
            room -= taken
            if not job.left:
                ready.append(self._filling.popleft())
        computed = self.machine.chunk - room
        alone = steps_time(self.machine, 1, len(self._running), self._context)
        await asyncio.sleep(alone + computed * self.machine.per_token)
        self._pass(1)
        for job in ready:
            # The step that ends a prompt gives the first token of its answer.
            self._order += 1
            self._context += len(job.prompt) + 1
            entry = (self._step + len(job.answer) - 1, self._order, job)
            heapq.heappush(self._running, entry)
        self._finish()

    async def _leap(self) -> None:
        """Take the steps to the next end, or to the first step after somebody comes."""
        machine, running, context = self.machine, len(self._running), self._context
        steps = self._running[0][0] - self._step
        loop = asyncio.get_running_loop()
        begun = loop.time()
        blocked = bool(self._waiting)  # who waits for room needs an end, not an arrival
        self._arrived.clear()
        try:
            async with asyncio.timeout(steps_time(machine, steps, running, context)):
                await self._arrived.wait()
            if blocked:
                whole = steps_time(machine, steps, running, context)
                await asyncio.sleep(max(0.0, begun + whole - loop.time()))
            else:
                passed = loop.time() - begun
                steps = bisect_left(
                    range(steps), passed, key=lambda n: steps_time(machine, n, running, context)
                )
                end = steps_time(machine, steps, running, context)
                await asyncio.sleep(max(0.0, begun + end - loop.time()))
        except TimeoutError:
            pass
        self._pass(steps)
        self._finish()

    def _pass(self, steps: int) -> None:
        self._step += steps
        self._context += steps * len(self._running)

    def _finish(self) -> None:
        while self._running and self._running[0][0] <= self._step:
            _, _, job = heapq.heappop(self._running)
            assert job.lease is not None
            self._context -= len(job.prompt) + len(job.answer)
            self.cache.give(job.lease, job.prompt + job.answer)
            if not job.done.cancelled():
                job.done.set_result(job.lease.cached)
