"""Replies of one model to held-out briefs, several to each, behind a call log.

A reply is one call, or a document that the writing agent makes. Every call is kept as soon as it
is answered, under all that was asked and of whom; so a run that was stopped asks only for what is
lacking, and both models of a comparison share one log. An empty reply is a reply: it is measured
as the empty text that it is, and never asked for again in the hope of a better one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from longwrite.agent.caller import Caller, estimate_prompt
from longwrite.agent.settings import Settings
from longwrite.api import Press, default_folder, write_run
from longwrite.bench.making import LEAST_CAP, LEAST_ROOM, ROOM, How
from longwrite.errors import LongwriteError, PlanError, RunError, UsageError
from longwrite.prompts import derive_seed
from longwrite.runs.store import Store
from longwrite.text import tokens_for_words
from longwrite.train.held_out import HeldOut
from longwrite.types import Ask, Request

_SPARE = 32
"""Tokens that, with half as many again, a prompt may have over its estimate: small vocabularies cut
words into more pieces than the estimate knows."""


@dataclass(frozen=True, slots=True)
class Way:
    """How replies come about, the same for all models of a comparison.

    Attributes:
        how: ``reply`` for one call, ``agent`` for the writing agent.
        samples: Replies to each brief, each with a seed of its own.
        settings: Sampling and seed, and what else the agent is set to.
        max_new_tokens: Cap of a reply; None for four times the words asked for.
    """

    how: How
    samples: int
    settings: Settings
    max_new_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote.

    Attributes:
        brief: Place of the brief.
        sample: Which of its replies, from 0 on.
        text: The reply; empty where it is empty or failed.
        ended: Whether the model ended it itself, and not its cap.
        failed: Why there is none, for a call that the engine could not answer.
    """

    brief: int
    sample: int
    text: str = ""
    ended: bool = False
    failed: str = ""


async def write_answers(
    briefs: Sequence[HeldOut],
    press: Press,
    way: Way,
    folder: Path,
    tell: Callable[[int, int], None] = lambda done, all_: None,
) -> list[Answer]:
    """Return all replies of a model, in the order of briefs and samples.

    Args:
        briefs: What is asked.
        press: The model, open.
        way: How it is asked.
        folder: Holds the call log and the agent's runs.
        tell: Told how many of how many are there.

    Raises:
        LongwriteError: It had to stop; what was answered is kept.
    """
    store = Store(folder / "calls.sqlite")
    writer = _Writer(press, way, store, folder / "runs")
    calls = way.settings.concurrency
    admitted = asyncio.Semaphore(calls if way.how == "reply" else max(1, calls // 2))
    total = len(briefs) * way.samples
    done = 0

    async def answer(place: int, sample: int) -> Answer | None:
        nonlocal done
        async with admitted:
            if press.stopped:
                return None
            try:
                found = await writer.answer(place, sample, briefs[place])
            except (PlanError, UsageError) as error:
                if isinstance(error, RunError):
                    press.stop(error)
                    return None
                found = Answer(place, sample, failed=str(error))
            except LongwriteError as error:
                press.stop(error)
                return None
        done += 1
        tell(done, total)
        return found

    tasks = [
        asyncio.create_task(answer(place, sample))
        for place in range(len(briefs))
        for sample in range(way.samples)
    ]
    try:
        answers = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()
    if press.stopped:
        raise press.stopped
    return [one for one in answers if one is not None]


class _Writer:
    """Answers one brief at a time, from the log where it can."""

    def __init__(self, press: Press, way: Way, store: Store, runs: Path) -> None:
        self._press, self._way, self._store, self._runs = press, way, store, runs
        self._engine = press.engines["write"]
        self._caller = Caller(
            press.engines, store, press.budget, press.places, self._engine.abilities
        )
        press.admit(self._caller)

    def close(self) -> None:
        self._press.callers.remove(self._caller)
        self._store.close()

    async def answer(self, place: int, sample: int, held_out: HeldOut) -> Answer:
        seed = derive_seed(self._way.settings.seed, "held out", held_out.key, sample)
        if self._way.how == "agent":
            return await self._write(place, sample, held_out, seed)
        return await self._reply(place, sample, held_out, seed)

    async def _reply(self, place: int, sample: int, held_out: HeldOut, seed: int) -> Answer:
        brief, settings = held_out.brief, self._way.settings
        cap = self._way.max_new_tokens or max(
            LEAST_CAP, tokens_for_words(ROOM * brief.words, brief.language)
        )
        sampling = replace(settings.sampling, max_tokens=cap, seed=seed)
        ask = Ask("reply", words=brief.words, language=brief.language)
        request = Request(held_out.messages, sampling, ask=ask)
        window = self._engine.abilities.window
        window = min(window, settings.window or window)
        prompt = estimate_prompt(request)
        room = window - prompt - prompt // 2 - _SPARE
        if room < LEAST_ROOM:
            return Answer(place, sample, failed=f"the prompt fills the window of {window:,} tokens")
        sampling = replace(sampling, max_tokens=min(cap, room))
        reply = await self._caller.generate(replace(request, sampling=sampling))
        if reply.error is None:
            return Answer(place, sample, reply.text, reply.finish == "stop")
        if reply.error.kind == "empty":
            used = reply.usage.completion or 0
            return Answer(place, sample, "", used < sampling.max_tokens)
        return Answer(place, sample, failed=f"{reply.error.kind}: {reply.error.message}")

    async def _write(self, place: int, sample: int, held_out: HeldOut, seed: int) -> Answer:
        settings = replace(self._way.settings, seed=seed)
        models = {"write": self._engine.identity}
        path = default_folder(self._runs, held_out.brief, settings, models)
        outcome = await write_run(path, self._press, held_out.brief, settings)
        return Answer(place, sample, outcome.markdown, outcome.exit_code != 3)
