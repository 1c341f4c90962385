"""A hard limit on tokens and money, shared by calls in flight."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.agent.budget import Budget, Prices
from longwrite.errors import BudgetError
from longwrite.types import Usage


def test_prices_are_for_a_million_tokens_and_cached_ones_may_cost_less() -> None:
    prices = Prices(prompt=2.0, completion=10.0, cached=0.5)
    assert prices.cost(Usage(1_000_000, 100_000, 400_000)) == pytest.approx(1.2 + 0.2 + 1.0)
    assert Prices(2.0, 10.0).cost(Usage(1_000_000, 0, 400_000)) == pytest.approx(2.0)
    assert prices.cost(Usage()) == 0.0
    assert prices.cost(Usage(10, 0, 50)) >= 0.0


async def spend_all(budget: Budget, calls: list[tuple[int, int]]) -> int:
    """Make calls of (worst, real) tokens side by side; return how many were refused."""

    async def call(worst: int, real: int) -> None:
        async with budget.reserve(Usage(worst, 0)):
            for _ in range(real % 3):
                await asyncio.sleep(0)
            budget.spend(Usage(min(real, worst), 0))

    outcomes = await asyncio.gather(*(call(*each) for each in calls), return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, BudgetError) for outcome in outcomes)
    return sum(isinstance(outcome, BudgetError) for outcome in outcomes)


@given(
    st.integers(0, 400),
    st.lists(st.tuples(st.integers(1, 100), st.integers(0, 100)), min_size=1, max_size=20),
)
def test_calls_side_by_side_never_pass_the_limit(limit: int, calls: list[tuple[int, int]]) -> None:
    budget = Budget(max_tokens=limit)
    refused = asyncio.run(spend_all(budget, calls))
    assert budget.tokens <= limit
    if sum(worst for worst, _ in calls) <= limit:
        assert refused == 0
    if refused:
        assert budget.tokens + max(worst for worst, _ in calls) > limit


def test_a_call_waits_for_those_in_flight_when_it_may_fit_then() -> None:
    budget = Budget(max_tokens=100)
    assert asyncio.run(spend_all(budget, [(60, 10)] * 5)) == 0
    assert budget.tokens == 50


def test_a_call_that_cannot_fit_is_an_error_that_names_the_limit() -> None:
    with pytest.raises(BudgetError, match="--max-tokens 100") as caught:
        asyncio.run(spend_one(Budget(max_tokens=100, max_cost=9), Usage(101)))
    assert caught.value.exit_code == 4 and "nothing" in caught.value.mend
    with pytest.raises(BudgetError, match=r"--max-cost 0\.5"):
        budget = Budget(max_tokens=10**9, max_cost=0.5, prices=Prices(completion=1.0))
        asyncio.run(spend_one(budget, Usage(0, 600_000)))


async def spend_one(budget: Budget, worst: Usage) -> None:
    """Reserve one call."""
    async with budget.reserve(worst):
        budget.spend(worst)


def test_what_was_spent_before_counts() -> None:
    budget = Budget(max_tokens=100)
    budget.spend(Usage(60, 30))
    asyncio.run(spend_one(budget, Usage(5, 5)))
    with pytest.raises(BudgetError):
        asyncio.run(spend_one(budget, Usage(1)))


def test_a_failed_call_gives_its_reserve_back() -> None:
    async def run() -> None:
        budget = Budget(max_tokens=100)
        for _ in range(5):
            with pytest.raises(ZeroDivisionError):
                async with budget.reserve(Usage(80)):
                    raise ZeroDivisionError
        async with budget.reserve(Usage(100)):
            pass

    asyncio.run(run())


def test_without_a_limit_all_is_allowed() -> None:
    assert asyncio.run(spend_all(Budget(), [(10**9, 10**9)] * 3)) == 0
