"""A hard limit on tokens and money, shared by all calls of a command.

Before a call its worst case is reserved (the estimated prompt and the whole token cap), so that
calls in flight can't pass the limit together. A call that might fit once others have settled waits
for them; one that can't fit at all stops the run, which can be resumed with a larger budget.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from longwrite.errors import BudgetError
from longwrite.types import Usage


@dataclass(frozen=True, slots=True)
class Prices:
    """Money for a million tokens."""

    prompt: float = 0.0
    completion: float = 0.0
    cached: float | None = None

    @property
    def known(self) -> bool:
        """Whether any price was given."""
        return self != Prices()

    def cost(self, usage: Usage) -> float:
        """Return what one call costs."""
        prompt, cached = usage.prompt or 0, usage.cached or 0
        for_cached = self.prompt if self.cached is None else self.cached
        uncached = max(0, prompt - cached)
        total = uncached * self.prompt + cached * for_cached
        return (total + (usage.completion or 0) * self.completion) / 1e6


class Budget:
    """What may still be spent.

    Args:
        max_tokens: Prompt and completion tokens together; None for no limit.
        max_cost: Money; None for no limit.
        prices: What a token costs.
        currency: Its sign, for messages.
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        max_cost: float | None = None,
        prices: Prices | None = None,
    ) -> None:
        """Start with nothing spent."""
        self.max_tokens, self.max_cost = max_tokens, max_cost
        self.prices = prices or Prices()
        self.tokens, self.cost = 0, 0.0
        self._held_tokens, self._held_cost = 0, 0.0
        self._settled = asyncio.Condition()

    def spend(self, usage: Usage) -> None:
        """Count a call that was made, now or in an earlier run."""
        self.tokens += (usage.prompt or 0) + (usage.completion or 0)
        self.cost += self.prices.cost(usage)

    @asynccontextmanager
    async def reserve(self, worst: Usage) -> AsyncIterator[None]:
        """Hold the worst case of a call while it is made.

        Raises:
            BudgetError: It can't fit whatever the calls in flight leave over.
        """
        tokens = (worst.prompt or 0) + (worst.completion or 0)
        cost = self.prices.cost(worst)
        async with self._settled:
            while not self._fits(self._held_tokens + tokens, self._held_cost + cost):
                self.check(worst)
                await self._settled.wait()
            self._held_tokens += tokens
            self._held_cost += cost
        try:
            yield
        finally:
            async with self._settled:
                self._held_tokens -= tokens
                self._held_cost -= cost
                self._settled.notify_all()

    def check(self, worst: Usage) -> None:
        """See that a call fits by itself.

        Raises:
            BudgetError: It doesn't.
        """
        tokens = (worst.prompt or 0) + (worst.completion or 0)
        if not self._fits(tokens, self.prices.cost(worst)):
            raise self._exhausted(tokens)

    def _fits(self, tokens: int, cost: float) -> bool:
        return (self.max_tokens is None or self.tokens + tokens <= self.max_tokens) and (
            self.max_cost is None or self.cost + cost <= self.max_cost + 1e-12
        )

    def _exhausted(self, tokens: int) -> BudgetError:
        if self.max_tokens is not None and self.tokens + tokens > self.max_tokens:
            limit = f"--max-tokens {self.max_tokens}"
        else:
            limit = f"--max-cost {self.max_cost:g}"
        return BudgetError(
            "The budget is used up",
            f"{self.tokens:,} tokens ({self.cost:.4f} in money) are spent and the next call could "
            f"pass {limit}",
            "Resume with a larger one: nothing that was paid for is lost.",
        )
