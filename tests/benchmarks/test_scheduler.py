"""Continuous batching: the times of one, two and too many requests, by hand."""

from __future__ import annotations

import asyncio
from array import array

import pytest

from benchmarks.engine.cache import Cache
from benchmarks.engine.clock import run_virtual
from benchmarks.engine.machine import Machine, steps_time
from benchmarks.engine.scheduler import Scheduler

MACHINE = Machine(base=1.0, per_context=0.0, per_token=0.0, chunk=100, capacity=1_000, most=8)


def run(machine: Machine, *requests: tuple[float, int, int]) -> list[float]:
    """Return when each request ended, given as (begin, prompt, answer)."""

    async def work() -> list[float]:
        scheduler = Scheduler(machine, Cache(machine.capacity // 16))
        clock = asyncio.get_running_loop().time

        async def ask(number: int, begin: float, prompt: int, answer: int) -> float:
            await asyncio.sleep(begin)
            tokens = array("i", [number]) * prompt
            await scheduler.complete(tokens, array("i", [99]) * answer)
            return clock()

        return await asyncio.gather(*(ask(n, *request) for n, request in enumerate(requests)))

    return run_virtual(work())[0]


def test_a_request_takes_a_step_for_each_token_it_writes() -> None:
    assert run(MACHINE, (0, 50, 10)) == [10.0]


def test_a_long_prompt_is_computed_in_chunks_before_the_first_token() -> None:
    assert run(MACHINE, (0, 250, 10)) == [12.0]


def test_requests_side_by_side_share_their_steps() -> None:
    assert run(MACHINE, (0, 50, 10), (0, 50, 20)) == [10.0, 20.0]


def test_who_comes_in_the_middle_of_a_step_joins_at_the_next() -> None:
    assert run(MACHINE, (0, 50, 10), (3.5, 50, 2)) == [10.0, 6.0]


def test_who_finds_no_room_waits_for_an_end() -> None:
    # 1,000 tokens of room: the second one's 600 do not fit beside the first one's.
    assert run(MACHINE, (0, 500, 100), (1, 500, 100)) == [104.0, 208.0]


def test_a_request_larger_than_the_machine_is_refused() -> None:
    with pytest.raises(ValueError, match="larger than the machine"):
        run(MACHINE, (0, 990, 20))


def test_steps_in_one_leap_take_as_long_as_one_by_one() -> None:
    machine = Machine(1.0, 0.01, 0.1, 100, 1_000, 8)
    one_by_one = sum(steps_time(machine, 1, 3, 40 + 3 * step) for step in range(7))
    assert steps_time(machine, 7, 3, 40) == pytest.approx(one_by_one)
