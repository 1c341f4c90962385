"""Virtual time: hours at once, in order, and a deadlock is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from benchmarks.engine.clock import run_virtual


def test_waiting_takes_no_time_and_all_of_it() -> None:
    async def work() -> list[str]:
        found: list[str] = []

        async def wait(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            found.append(name)

        await asyncio.gather(wait(7200, "late"), wait(3600, "early"), wait(3600, "next"))
        return found

    assert run_virtual(work()) == (["early", "next", "late"], 7200.0)


def test_a_timeout_is_kept() -> None:
    async def work() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.sleep(31)
        return asyncio.get_running_loop().time()

    assert run_virtual(work()) == (30.0, 30.0)


def test_a_program_that_waits_for_ever_is_told_so() -> None:
    async def work() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="waits for ever"):
        run_virtual(work())


def test_many_timers_end_in_the_same_order_every_time() -> None:
    def once(step: Callable[[int], float]) -> list[int]:
        async def work() -> list[int]:
            found: list[int] = []

            async def wait(number: int) -> None:
                for _ in range(5):
                    await asyncio.sleep(step(number))
                    found.append(number)

            await asyncio.gather(*map(wait, range(20)))
            return found

        return run_virtual(work())[0]

    assert once(lambda n: 0.1 + n % 3 / 7) == once(lambda n: 0.1 + n % 3 / 7)
