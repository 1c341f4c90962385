"""So many calls at a time, and who began first goes first."""

from __future__ import annotations

import asyncio

import pytest

from longwrite.agent.places import Places


async def settle() -> None:
    """Let every task come as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_the_first_document_goes_first_and_then_who_asked_first() -> None:
    async def run() -> list[str]:
        places, order = Places(1), []

        async def call(name: str, rank: int) -> None:
            async with places.hold(rank):
                order.append(name)
                await asyncio.sleep(0)

        calls = [("a", 3), ("b", 2), ("c", 1), ("d", 2), ("e", 1)]
        await asyncio.gather(*(call(*each) for each in calls))
        return order

    assert asyncio.run(run()) == ["a", "c", "e", "b", "d"]


def test_a_call_that_is_cancelled_gives_its_place_on() -> None:
    async def run() -> None:
        places, gate = Places(1), asyncio.Event()

        async def call() -> None:
            async with places.hold():
                await gate.wait()

        first, second, third = (asyncio.create_task(call()) for _ in range(3))
        await settle()
        second.cancel()
        first.cancel()
        await settle()
        gate.set()
        await asyncio.wait_for(third, 1)
        async with asyncio.timeout(1), places.hold():
            pass
        assert first.cancelled() and second.cancelled()

    asyncio.run(run())


def test_a_place_that_was_just_given_to_a_cancelled_call_is_not_lost() -> None:
    async def run() -> None:
        places = Places(1)

        async def call() -> None:
            async with places.hold():
                pass

        async with places.hold():
            waiting = asyncio.create_task(call())
            await settle()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with asyncio.timeout(1), places.hold():
            pass

    asyncio.run(run())
