"""Attempts, tokens and cost under faults that don't end, counted at the server.

A run is gone on with under the same cap again and again, as a person or a timer would. All commands
together may pass the cap by no more than a call for each place in flight.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.engine.faults import KINDS, Rule
from longwrite.agent.budget import Budget, Prices
from longwrite.types import Usage
from tests.faults.written import MODES, QUICK, SHORT, Bench, find_wrong, opened

PRICES = Prices(prompt=2.0, completion=8.0)
MOST_TOKENS, MOST_COST = 5_000, 0.018
"""Caps in the midst of a document, which takes 12,000 tokens and 0.047 in money."""

IN_FLIGHT = 3
TRIES = 4
COMMANDS = 9
"""Times that a run is gone on with, at most."""

FREE = frozenset({"rate", "dated", "server", "html", "overflow"})
"""Faults that bring no answer to pay for."""

TRIED_ALWAYS = frozenset({"rate", "empty", "event", "cut", "trickle", "length", "refusal"})
"""Faults of the short form, one of each sort."""

Amount = Callable[[int, int], int]
Tell = Callable[[str, int], None]


@pytest.mark.parametrize("kind", KINDS)
def test_no_cap_is_passed_by_more_than_the_calls_in_flight(
    kind: str, amount: Amount, tell: Tell
) -> None:
    rng = random.Random(kind)
    cases = [
        (mode, capped, Rule(kind, call, at=rng.randrange(1_000, 5_000), times=0))
        for mode in MODES
        for capped in ("tokens", "cost")
        for call in (1, 4, 6)
    ]
    chosen = rng.sample(cases, amount(int(kind in TRIED_ALWAYS), len(cases)))
    if not chosen:
        pytest.skip("only in the whole form")
    timed = SHORT if kind in {"stall", "trickle"} else {}

    async def main() -> None:
        async with opened(**timed) as bench:
            for mode, capped, rule in chosen:
                with tempfile.TemporaryDirectory(dir=QUICK) as path:
                    await check_cap(bench, Path(path) / "run", mode, capped, rule)

    asyncio.run(main())
    tell("documents under a cap, each gone on with until it is used up", len(chosen))


async def check_cap(bench: Bench, run: Path, mode: str, capped: str, rule: Rule) -> None:
    """Go on with a run under one cap, and count at the server what all of it took."""
    tokens, cost, most_tokens, most_cost = 0, 0.0, 0, 0.0
    used_up = 0
    for _ in range(3 if rule.kind in FREE else COMMANDS):
        most = {"max_tokens": MOST_TOKENS} if capped == "tokens" else {"max_cost": MOST_COST}
        budget = Budget(**most, prices=PRICES)
        ended = await bench.write(run, rule, mode=mode, budget=budget, in_flight=IN_FLIGHT)
        assert find_wrong(bench, run, ended) == [], rule
        assert max(bench.asked().values(), default=0) <= TRIES
        for call in bench.server.exchanges:
            tokens += call.prompt + call.written
            cost += PRICES.cost(Usage(call.prompt, call.written))
            most_tokens = max(most_tokens, call.prompt + call.most)
            most_cost = max(most_cost, PRICES.cost(Usage(call.prompt, call.most)))
        used_up += ended.code == 4
        if used_up == 2:
            break
    assert ended.code in ({3, 4, 5} if rule.kind in FREE else {4}), (mode, capped, rule, ended)
    if capped == "tokens":
        assert tokens <= MOST_TOKENS + IN_FLIGHT * most_tokens, (mode, rule)
    else:
        assert cost <= MOST_COST + IN_FLIGHT * most_cost, (mode, rule)
    ended = await bench.write(run, mode=mode)
    assert ended.code in {0, 6} and find_wrong(bench, run, ended) == []
