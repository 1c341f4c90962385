"""Every call of a run: answered from the log, or made once, paid for and logged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from longwrite.agent.budget import Budget
from longwrite.agent.caller import Caller, estimate_prompt
from longwrite.agent.places import Places
from longwrite.engines.engine import Watch
from longwrite.errors import BudgetError, EngineError, Interrupted, RunError
from longwrite.runs.store import Store
from longwrite.types import (
    Abilities,
    Ask,
    CallError,
    Message,
    Reply,
    Request,
    Role,
    Sampling,
    Usage,
)


class Held:
    """An engine whose calls end when they are let go."""

    def __init__(
        self, answer: Callable[[Request], Reply] | None = None, name: str = "held"
    ) -> None:
        self.identity = name
        self.abilities = Abilities(10_000)
        self.begun: list[Request] = []
        self.most_in_flight = 0
        self.let_go = asyncio.Event()
        self._in_flight = 0
        self._answer = answer or (lambda request: Reply("text", "stop", Usage(10, 5)))

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        self.begun.append(request)
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        await self.let_go.wait()
        self._in_flight -= 1
        return self._answer(request)

    async def close(self) -> None:
        """Nothing is held."""


def request(number: int = 0, max_tokens: int = 100, role: Role = "write") -> Request:
    """Return a request unlike the others."""
    messages = (Message("user", f"Write {number}."),)
    return Request(messages, Sampling(max_tokens, seed=number), role, Ask("section", str(number)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a new call log."""
    with closing(Store(tmp_path / "calls.sqlite")) as opened:
        yield opened


def make_caller(
    engine: Held, store: Store, budget: Budget | None = None, places: int = 99, window: int = 10_000
) -> Caller:
    """Return a caller with one engine for all roles."""
    engines: dict[Role, Held] = {"write": engine, "plan": engine, "check": engine}
    limit = Places(places)
    return Caller(engines, store, budget or Budget(), limit, Abilities(window))


def test_a_call_is_made_once_and_then_answered_from_the_log(store: Store) -> None:
    engine = Held()
    engine.let_go.set()
    first = make_caller(engine, store)
    reply = asyncio.run(first.generate(request()))
    again = make_caller(engine, store)
    assert asyncio.run(again.generate(request())) == reply
    assert len(engine.begun) == 1
    assert (first.tally.made, first.tally.answered) == (1, 0)
    assert (again.tally.made, again.tally.answered) == (0, 1)


def test_roles_have_engines_of_their_own(store: Store) -> None:
    engines: dict[Role, Held] = {role: Held(name=role) for role in ("write", "plan", "check")}
    for engine in engines.values():
        engine.let_go.set()
    caller = Caller(engines, store, Budget(), Places(9), Abilities(10_000))
    for role in engines:
        asyncio.run(caller.generate(request(role=role)))
    assert [len(engine.begun) for engine in engines.values()] == [1, 1, 1]
    assert caller.identity == "write"


def test_no_more_calls_are_in_flight_than_there_are_places(store: Store) -> None:
    async def run() -> int:
        engine = Held()
        caller = make_caller(engine, store, places=3)
        calls = [asyncio.create_task(caller.generate(request(n))) for n in range(9)]
        await asyncio.sleep(0.01)
        assert len(engine.begun) == 3
        engine.let_go.set()
        await asyncio.gather(*calls)
        return engine.most_in_flight

    assert asyncio.run(run()) == 3


def test_nothing_begins_after_a_stop_and_what_is_in_flight_is_logged(store: Store) -> None:
    async def run() -> None:
        engine = Held()
        caller = make_caller(engine, store, places=2)
        calls = [asyncio.create_task(caller.generate(request(n))) for n in range(5)]
        await asyncio.sleep(0.01)
        caller.stop(Interrupted("Stopped"))
        caller.stop(EngineError("later"))
        engine.let_go.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Reply] * 2 + [Interrupted] * 3
        assert len(engine.begun) == 2
        with pytest.raises(Interrupted):
            await caller.generate(request(9))
        assert (await caller.generate(request(0))).text == "text"

    asyncio.run(run())
    assert len(list(store.list_calls())) == 2


def test_a_fatal_error_raises_and_stops_the_others(store: Store) -> None:
    async def run() -> None:
        engine = Held(lambda asked: Reply(error=CallError("refused", "the key is wrong", True)))
        caller = make_caller(engine, store, places=2)
        calls = [asyncio.create_task(caller.generate(request(n))) for n in range(6)]
        await asyncio.sleep(0.01)
        engine.let_go.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(outcome, EngineError) for outcome in outcomes)
        assert "the key is wrong" in str(outcomes[-1])
        assert len(engine.begun) == 2

    asyncio.run(run())
    assert store.count_errors() == {"refused": 2}


def test_another_error_is_returned_and_asked_again(store: Store) -> None:
    replies = [Reply(error=CallError("server", "it burns")), Reply("text", "stop")]
    engine = Held(lambda asked: replies.pop(0))
    engine.let_go.set()
    caller = make_caller(engine, store)
    failed = asyncio.run(caller.generate(request()))
    assert failed.error is not None and failed.text == ""
    assert asyncio.run(caller.generate(request())).text == "text"
    assert store.count_errors() == {"server": 1}


def test_calls_in_flight_never_pass_the_budget(store: Store) -> None:
    async def run() -> Budget:
        worst = estimate_prompt(request()) + 100
        budget = Budget(max_tokens=5 * worst + 20)
        engine = Held(lambda asked: Reply("text", "stop", Usage(estimate_prompt(asked), 100)))
        caller = make_caller(engine, store, budget)
        calls = [asyncio.create_task(caller.generate(request(n))) for n in range(20)]
        await asyncio.sleep(0.01)
        assert len(engine.begun) == 5
        engine.let_go.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(outcome, BudgetError) for outcome in outcomes) == 15
        assert len(engine.begun) == 5
        return budget

    budget = asyncio.run(run())
    assert budget.max_tokens is not None and budget.tokens <= budget.max_tokens
    assert len(list(store.list_calls())) == 5


def test_a_request_larger_than_the_window_is_never_sent(store: Store) -> None:
    engine = Held()
    engine.let_go.set()
    caller = make_caller(engine, store, window=500)
    room = 500 - estimate_prompt(request())
    assert asyncio.run(caller.generate(request(1, room))).text == "text"
    reply = asyncio.run(caller.generate(request(2, room + 1)))
    assert reply.error is not None and reply.error.kind == "window"
    assert len(engine.begun) == 1
    assert caller.tally.largest <= 500
    assert store.count_errors() == {"window": 1}


def test_usage_that_nobody_tells_is_estimated(store: Store) -> None:
    engine = Held(lambda asked: Reply("word " * 100, "stop"))
    engine.let_go.set()
    budget = Budget()
    caller = make_caller(engine, store, budget)
    told = asyncio.run(caller.generate(request())).usage
    assert told.prompt == estimate_prompt(request()) and (told.completion or 0) > 90
    assert budget.tokens == (told.prompt or 0) + (told.completion or 0)
    assert caller.tally.estimated == 1
    assert [call.reply.usage for call in store.list_calls()] == [told], "a resume counts it too"


def test_a_log_that_cannot_be_written_stops_the_run(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RunError("calls.sqlite can't be written", "disk full")

    monkeypatch.setattr(store, "put_reply", fail)
    engine = Held()
    engine.let_go.set()
    caller = make_caller(engine, store)
    for number in range(2):
        with pytest.raises(RunError, match="disk full"):
            asyncio.run(caller.generate(request(number)))
    assert len(engine.begun) == 1


@pytest.mark.parametrize("steps", range(8))
def test_a_reply_that_came_is_logged_whenever_its_task_is_cancelled(
    store: Store, steps: int
) -> None:
    came: list[Request] = []

    def answer(asked: Request) -> Reply:
        came.append(asked)
        return Reply("text", "stop")

    async def run() -> None:
        engine = Held(answer)
        engine.let_go.set()
        call = asyncio.create_task(make_caller(engine, store).generate(request()))
        for _ in range(steps):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    asyncio.run(run())
    assert len(list(store.list_calls())) == len(came)
