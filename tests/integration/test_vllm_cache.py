"""The modelled engine's cache counts against those of a real vLLM, on the same prompts."""

from __future__ import annotations

import asyncio
from array import array
from importlib.resources import files

import pytest

from benchmarks.engine.cache import Cache
from longwrite.engines.nano import NanoEngine
from longwrite.engines.vllm import VllmEngine
from longwrite.types import Ask, Message, Request, Sampling
from tests.integration.real_vllm import MARKS, PYTHON

BLOCK = 128
"""Tokens of a block of vLLM on a CPU."""

pytestmark = [*MARKS, pytest.mark.timeout(900)]

HEAD = "You write one long document section by section. " * 30


def conversations() -> list[tuple[Message, ...]]:
    """Return prompts of the kinds that a document has: shared heads, turns, and one anew."""
    system = Message("system", HEAD)
    first = (system, Message("user", f"{HEAD} Now write of mines, about 100 words."))
    turn = Message("assistant", "The mines lay under the hill and were cold. " * 25)
    second = (*first, turn, Message("user", "Now write of ships, about 100 words."))
    other = (system, Message("user", f"{HEAD} Now write of taxes, about 100 words."))
    return [first, second, second, other, (Message("user", f"Anew. {HEAD}"),), second]


async def count_cached() -> tuple[list[int | None], list[int]]:
    """Return what vLLM counts as cached, and what the model of it does."""
    folder = str(files("longwrite.nano"))
    nano = await NanoEngine.open()
    engine = await VllmEngine.open(folder, python=PYTHON, patience=280.0)
    cache = Cache(10_000, BLOCK)
    told: list[int | None] = []
    modelled: list[int] = []
    try:
        for messages in conversations():
            # One token is written, so that no block of an answer is ever full.
            request = Request(messages, Sampling(1, temperature=0.0), ask=Ask("section"))
            told.append((await engine.generate(request)).usage.cached)
            prompt = array("i", nano._render(messages))
            lease = cache.take(prompt, len(prompt) + 1)
            assert lease is not None
            cache.give(lease, prompt)
            modelled.append(lease.cached)
    finally:
        await engine.close()
        await nano.close()
    return told, modelled


def test_the_model_of_the_cache_counts_what_vllm_counts() -> None:
    told, modelled = asyncio.run(count_cached())
    assert modelled[2] > 0 and modelled[-1] > 0
    assert told == modelled
