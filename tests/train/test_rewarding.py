"""Rewards side by side: one that hangs, raises or pays nonsense is None and is counted."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.errors import UsageError
from longwrite.rewards.composition import Component, Composition
from longwrite.rewards.measured import RepetitionReward
from longwrite.rewards.trl import RewardError
from longwrite.train.rewarding import RewardPool, Tally, is_async, list_functions, name_reward

SOON = 0.2
LONG = 60.0


def make_batch(size: int = 3, **columns: Any) -> dict[str, Any]:
    texts = [f"text {n}" for n in range(size)]
    return {
        "prompts": ["p"] * size,
        "completions": texts,
        "completion_ids": [[1]] * size,
        **columns,
    }


def pay(values: Sequence[Any], name: str = "fixed", **rest: Any) -> Callable[..., Any]:
    def function(**batch: Any) -> Any:
        return list(values)

    function.__name__ = name
    function.__dict__.update(rest)
    return function


@pytest.fixture
def hang() -> Iterator[Callable[..., Any]]:
    """Return a reward that doesn't return before the test ends."""
    over = threading.Event()

    def hanging(**batch: Any) -> list[float]:
        over.wait()
        return [1.0] * len(batch["completions"])

    yield hanging
    over.set()


def test_each_function_gets_the_columns_and_pays_every_completion() -> None:
    def words(**batch: Any) -> list[float]:
        return [n / 100 for n in batch["words"]]

    paid = RewardPool([words, pay([1, True, 0])]).pay(make_batch(words=[10, 20, 30]))
    assert paid.values == ((0.1, 0.2, 0.3), (1.0, 1.0, 0.0))
    assert paid.tallies == (Tally(3), Tally(3))


def test_rewards_wait_at_the_same_time() -> None:
    """Both return only because each sees that the other has begun."""
    begun = threading.Barrier(2)

    def one(**batch: Any) -> list[float]:
        begun.wait(LONG)
        return [1.0] * 3

    async def other(**batch: Any) -> list[float]:
        await asyncio.get_running_loop().run_in_executor(None, begun.wait, LONG)
        return [0.5] * 3

    paid = RewardPool([one, other], deadline=LONG).pay(make_batch())
    assert paid.values == ((1.0,) * 3, (0.5,) * 3)


def test_one_that_hangs_is_late_and_the_others_are_paid(hang: Callable[..., Any]) -> None:
    pool = RewardPool([hang, pay([1, 2, 3])], deadline=SOON)
    paid = pool.pay(make_batch())
    assert paid.values == ((None,) * 3, (1.0, 2.0, 3.0))
    assert paid.tallies[0] == Tally(3, late=3, why="not back within 0.2 seconds")
    again = pool.pay(make_batch())  # the first call still hangs
    assert again.tallies[0].late == 3 and again.values[1] == (1.0, 2.0, 3.0)


def test_an_async_one_that_hangs_is_cancelled() -> None:
    ends: list[str] = []
    told = threading.Event()

    async def hanging(**batch: Any) -> list[float]:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("cancelled")
            told.set()
        return []

    paid = RewardPool([hanging], deadline=SOON).pay(make_batch())
    assert paid.tallies[0].late == 3
    assert told.wait(LONG) and ends == ["cancelled"]


def test_what_a_late_reward_logs_is_dropped(hang: Callable[..., Any]) -> None:
    def logs(**batch: Any) -> list[float]:
        batch["log_metric"]("calls", 2.0)
        batch["log_extra"]("note", ["a", "b", "c"])
        return [1.0] * 3

    def logs_and_hangs(**batch: Any) -> Any:
        batch["log_metric"]("calls", 99.0)
        return hang(**batch)

    paid = RewardPool([logs, logs_and_hangs], deadline=SOON).pay(make_batch())
    assert paid.metrics == {"calls": [2.0]} and paid.extra == {"note": ["a", "b", "c"]}


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "1.0", object(), [1]])
def test_what_is_no_finite_number_is_none_and_counted(bad: Any) -> None:
    paid = RewardPool([pay([1.0, bad, None])]).pay(make_batch())
    assert paid.values == ((1.0, None, None),)
    assert (paid.tallies[0].failed, paid.tallies[0].late) == (1, 0)


@pytest.mark.parametrize(
    ("values", "why"),
    [([1.0], "it returned 1 rewards for 3 completions"), (7, "it returned int, and no list")],
)
def test_an_answer_of_another_shape_is_told(values: Any, why: str) -> None:
    paid = RewardPool([lambda **batch: values]).pay(make_batch())
    assert paid.values == ((None,) * 3,)
    assert paid.tallies[0].why.startswith(why)


def test_values_are_rounded_to_the_larger_step() -> None:
    coarse = pay([0.126, -0.66], resolution=0.1)
    paid = RewardPool([pay([0.126, 0.1249]), coarse]).pay(make_batch(2))
    assert paid.values == ((0.13, 0.12), (0.1, -0.7))
    assert RewardPool([pay([0.126])], resolution=0).pay(make_batch(1)).values == ((0.126,),)


@given(st.floats(-5, 5), st.floats(0, 0.004))
def test_noise_under_the_step_leaves_no_spread(value: float, noise: float) -> None:
    centre = round(value, 2)
    paid = RewardPool([pay([centre, centre + noise])]).pay(make_batch(2))
    assert len(set(paid.values[0])) == 1


def test_a_few_failures_are_borne_and_many_stop_the_run_by_name() -> None:
    pool = RewardPool([pay([1.0] * 39 + [None], "fine"), pay([1.0] * 39 + [float("nan")], "odd")])
    pool.settle([pool.pay(make_batch(40)).tallies])
    assert pool.totals[1].failed == 1
    with pytest.raises(RewardError, match=r"'odd' has no usable value for 3 of 43 .*'nan'"):
        pool.settle([[Tally(3), Tally(3, failed=2, why="'nan'")]])


def test_another_process_can_be_the_reason() -> None:
    pool = RewardPool([pay([1.0] * 3, "judge")])
    with pytest.raises(RewardError, match=r"'judge' .* 3 of 6 completions, 3 of them late: slow"):
        pool.settle([[Tally(3)], [Tally(3, late=3, why="slow")]])


def test_a_reward_that_raises_is_named_with_its_error() -> None:
    def broken(**batch: Any) -> list[float]:
        raise KeyError("words")

    pool = RewardPool([broken])
    paid = pool.pay(make_batch())
    with pytest.raises(RewardError, match=r"'broken' has no usable value .* KeyError: 'words'"):
        pool.settle([paid.tallies])


def test_a_composition_is_judged_once_for_all_its_components() -> None:
    calls: list[int] = []

    class Counting(RepetitionReward):
        def __call__(self, brief: Any, document: Any) -> Any:
            calls.append(threading.get_ident())
            return super().__call__(brief, document)

    composition = Composition(
        (Component(Counting(name="one")), Component(RepetitionReward(name="two"))), name="counted"
    )
    pool = RewardPool(list_functions(composition))
    batch = make_batch(2) | {"prompts": ["Write 20 words."] * 2}
    paid = pool.pay(batch)
    assert len(calls) == 2 and len(paid.values) == 2


def test_names_and_kinds_are_read_through_partials_and_objects() -> None:
    class Judge:
        async def __call__(self, **batch: Any) -> list[float]:
            return []

    assert name_reward(functools.partial(pay([], "inner"))) == "inner"
    assert name_reward(Judge()) == "Judge"
    assert is_async(Judge()) and not is_async(pay([]))


def test_a_deadline_has_to_be_above_0() -> None:
    with pytest.raises(UsageError, match="above 0"):
        RewardPool([], deadline=0)
