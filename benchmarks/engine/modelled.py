"""The modelled engine behind longwrite's `Engine`, with a ledger of every call."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from benchmarks.engine.answers import EXACT, Manner, answer
from benchmarks.engine.cache import BLOCK, Cache
from benchmarks.engine.machine import H100, Machine
from benchmarks.engine.scheduler import Scheduler
from benchmarks.engine.tokens import Tokenizer
from longwrite.engines.engine import Watch
from longwrite.types import Abilities, Finish, Reply, Request, Usage

WINDOW = 262_144
"""Tokens that hold the longest document of the tables whole."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the engine saw it; times on the clock of the run."""

    step: str
    section: str
    prompt: int
    cached: int
    written: int
    begun: float
    ended: float

    @property
    def uncached(self) -> int:
        """Prompt tokens that had to be computed."""
        return self.prompt - self.cached


@dataclass(slots=True)
class ModelledEngine:
    """Answers by rule, as fast and with as much cached as the modelled machine would.

    Attributes:
        machine: What it runs on.
        manner: How it keeps to lengths.
        window: Tokens of a request and its answer together.
        calls: Every call made.
    """

    machine: Machine = H100
    manner: Manner = EXACT
    window: int = WINDOW
    calls: list[Call] = field(default_factory=list)
    identity: str = "modelled"
    _tokenizer: Tokenizer = field(default_factory=Tokenizer)
    _scheduler: Scheduler = field(init=False)

    def __post_init__(self) -> None:
        """Empty the machine."""
        self._scheduler = Scheduler(self.machine, Cache(self.machine.capacity // BLOCK))

    @property
    def abilities(self) -> Abilities:
        """JSON by schema and checks, as vLLM with such a model has."""
        return Abilities(self.window, json=True, checks=True, deterministic=True)

    async def close(self) -> None:
        """Nothing is held."""

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        """Answer one request, in its time."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        text = answer(request.messages, request.sampling.seed, self.manner)
        prompt = self._tokenizer.encode_prompt(request.messages)
        written = self._tokenizer.encode_reply(text)
        finish: Finish = "stop"
        most = request.sampling.max_tokens
        if len(written) > most:
            # The answer's words keep their order, so a share of the text is a share of its tokens.
            text, finish = text[: len(text) * most // len(written)], "length"
            written = written[:most]
        cached = await self._scheduler.complete(prompt, written)
        if watch is not None:
            watch(text)
        ask = request.ask
        call = Call(ask.step, ask.section, len(prompt), cached, len(written), begun, clock())
        self.calls.append(call)
        return Reply(text, finish, Usage(len(prompt), len(written), cached), model=self.identity)
