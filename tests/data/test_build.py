"""The builder: what it keeps, what it asks again, and in which order the rows stand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwrite.agent.budget import Budget
from longwrite.data.build import Builder, fingerprint
from longwrite.data.rows import Drop, Row, Unit, Verdict
from longwrite.data.workbench import Workbench
from longwrite.errors import BudgetError, LongwriteError, RunError
from longwrite.types import CallError, Constraint, Request
from tests.data.stage import Echo, StubEngine, make, make_order, make_press, tell

NAMES = tuple(f"u{number}" for number in range(12))


def run(folder: Path, engine: StubEngine, *names: str, rows: int | None = None) -> list[Row]:
    """Build a set and return its rows."""
    return asyncio.run(make(make_order(folder, *names, rows=rows), make_press(engine)))


def test_rows_stand_in_the_order_of_the_source(tmp_path: Path) -> None:
    rows = run(tmp_path, StubEngine(tell), *NAMES)
    assert [row.id for row in rows] == list(NAMES)
    assert rows[3].request == "Write about salt number u3."
    assert rows[3].target == 9  # measured


def test_a_rerun_makes_no_call_and_more_units_make_only_theirs(tmp_path: Path) -> None:
    run(tmp_path, StubEngine(tell), *NAMES[:6])
    again = StubEngine(tell)
    rows = run(tmp_path, again, *NAMES)
    assert len(rows) == 12
    assert len(again.requests) == 12
    assert run(tmp_path, StubEngine(tell), *NAMES) == rows


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 9), max_size=6), st.integers(1, 6))
def test_a_build_killed_again_and_again_is_the_one_that_was_not(
    tmp_path_factory: pytest.TempPathFactory, kills: list[int], places: int
) -> None:
    folder = tmp_path_factory.mktemp("set")
    asked: list[str] = []

    def answer(request: Request) -> str:
        asked.append(request.messages[-1].content)
        return tell(request)

    async def kill_after(calls: int) -> None:
        task = asyncio.ensure_future(
            make(make_order(folder, *NAMES), make_press(StubEngine(answer), places=places))
        )
        begun = len(asked)
        while len(asked) - begun < calls and not task.done():
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for calls in kills:
        asyncio.run(kill_after(calls))
    order = make_order(folder, *NAMES)
    rows = asyncio.run(make(order, make_press(StubEngine(answer), places=places)))
    whole = run(tmp_path_factory.mktemp("whole"), StubEngine(tell), *NAMES)
    assert rows == whole
    # Lost are at most the calls in flight at each kill.
    assert len(asked) <= 24 + places * len(kills)


def test_a_failed_call_is_a_drop_now_and_another_try_later(tmp_path: Path) -> None:
    def fail(request: Request) -> str | CallError:
        broken = "u2" in request.messages[-1].content
        return CallError("server", "500") if broken else tell(request)

    rows = run(tmp_path, StubEngine(fail), *NAMES[:4])
    assert [row.id for row in rows] == ["u0", "u1", "u3"]
    later = StubEngine(tell)
    assert [row.id for row in run(tmp_path, later, *NAMES[:4])] == ["u0", "u1", "u2", "u3"]
    assert len(later.requests) == 2


def test_another_model_template_or_filter_reuses_nothing_stale(tmp_path: Path) -> None:
    order = make_order(tmp_path, *NAMES)
    mark = fingerprint(order, {"write": "a"})
    assert mark == fingerprint(order, {"write": "a"})
    assert mark != fingerprint(order, {"write": "b"})
    assert mark != fingerprint(replace(order, options={"filters": {}}), {"write": "a"})
    run(tmp_path, StubEngine(tell), *NAMES)
    other = StubEngine(tell)
    other.identity = "another"
    run(tmp_path, other, *NAMES)
    assert len(other.requests) == 24


def test_the_rows_wanted_are_the_first_ones_whatever_came_in_first(tmp_path: Path) -> None:
    def refuse_odd(row: Row) -> Verdict:
        return True if int(row.id[1:]) % 2 == 0 else (False, "odd")

    names = tuple(f"u{number}" for number in range(200))
    engine = StubEngine(tell)
    order = make_order(tmp_path, *names, rows=5, odd=refuse_odd)
    rows = asyncio.run(make(order, make_press(engine)))
    assert [row.id for row in rows] == ["u0", "u2", "u4", "u6", "u8"]
    assert len(engine.requests) < 60


def test_a_budget_stops_cleanly_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    engine = StubEngine(tell)

    async def work(budget: Budget) -> list[Row]:
        return await make(make_order(tmp_path, *NAMES), make_press(engine, budget, places=1))

    with pytest.raises(BudgetError):
        asyncio.run(work(Budget(max_tokens=700)))
    made = len(engine.requests)
    assert 0 < made < 24
    assert len(asyncio.run(work(Budget(max_tokens=100_000)))) == 12
    assert len(engine.requests) == 24


def test_an_engine_that_can_not_go_on_stops_the_build(tmp_path: Path) -> None:
    engine = StubEngine(lambda request: CallError("refused", "no such key", fatal=True))
    with pytest.raises(LongwriteError, match="no such key"):
        run(tmp_path, engine, *NAMES)


def test_a_unit_given_twice_is_made_once(tmp_path: Path) -> None:
    engine = StubEngine(tell)
    assert [row.id for row in run(tmp_path, engine, "a", "b", "a")] == ["a", "b"]
    assert len(engine.requests) == 4


def test_a_false_claim_is_no_row(tmp_path: Path) -> None:
    class Liar(Echo):
        async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]:
            (row,) = await Echo.make(self, unit, workbench)
            assert isinstance(row, Row)
            return [replace(row, constraints=(Constraint("mention", {"text": "pepper"}),))]

    order = replace(make_order(tmp_path, "a"), recipe=Liar(("a",)))

    async def work() -> None:
        with Builder(order, make_press(StubEngine(tell))) as builder:
            await builder.make()
            (made,) = builder.ledger.list_made()
            assert made.rows == ()
            assert made.drops[0].stage == "label" and "mention" in made.drops[0].detail

    asyncio.run(work())


def test_two_builds_can_not_share_a_folder(tmp_path: Path) -> None:
    async def work() -> None:
        first = Builder(make_order(tmp_path, "a"), make_press(StubEngine(tell)))
        try:
            with pytest.raises(RunError, match="in use"):
                Builder(make_order(tmp_path, "a"), make_press(StubEngine(tell)))
        finally:
            first.close()

    asyncio.run(work())
