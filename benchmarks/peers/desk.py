"""What the peers share: one-message calls, so many at a time."""

from __future__ import annotations

import asyncio
import random

from benchmarks.engine.prose import compose
from longwrite.engines.engine import Engine
from longwrite.prompts import derive_seed
from longwrite.types import Ask, Message, Request, Sampling

STEP_WORDS = 600
"""Words of a section: about 800 tokens, as the field's token model has it."""

_CAP = 32_768


class Desk:
    """Sends prompts to an engine.

    Args:
        engine: Whom to ask.
        in_flight: Calls at the same time.
    """

    def __init__(self, engine: Engine, in_flight: int) -> None:
        """Nothing is asked yet."""
        self._engine, self._places = engine, asyncio.Semaphore(in_flight)
        self._asked = 0

    async def ask(self, step: str, prompt: str) -> str:
        """Return the answer to a prompt.

        Raises:
            RuntimeError: The engine failed; the peers are measured without failures.
        """
        self._asked += 1
        sampling = Sampling(_CAP, seed=derive_seed(0, step, self._asked))
        async with self._places:
            reply = await self._engine.generate(
                Request((Message("user", prompt),), sampling, ask=Ask(step))
            )
        if reply.error is not None:
            raise RuntimeError(reply.error.message)
        return reply.text


def count_steps(words: int) -> int:
    """Return the sections of a text."""
    return max(2, round(words / STEP_WORDS))


def share_words(words: int, steps: int) -> list[int]:
    """Return whole shares that sum to `words`."""
    return [words * (n + 1) // steps - words * n // steps for n in range(steps)]


def make_snippets(words: int, seed: int) -> str:
    """Return what a search would have found, as text."""
    return compose(words, random.Random(seed))
