"""Responses to a benchmark's items: one call each, or the writing agent on each.

Both are given the prompt and nothing else that the item says. A reply's cap is four times the
length asked for, from which on every length score here is 0, so that no cap makes a text better
than its author left it; the window may allow less, and the table tells how many ran into it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from longwrite.agent.caller import estimate_prompt
from longwrite.agent.settings import Settings
from longwrite.api import Press, default_folder, write_run
from longwrite.bench.benchmark import Item
from longwrite.bench.responses import ResponseFile
from longwrite.errors import BudgetError, EngineError, Interrupted, LongwriteError, UsageError
from longwrite.rewards.briefs import compile_brief
from longwrite.runs.folder import slugify
from longwrite.runs.store import digest
from longwrite.text import tokens_for_words
from longwrite.types import Ask, Brief, Json, Message, Request

How = Literal["reply", "agent"]
HOW: tuple[How, ...] = ("reply", "agent")

ROOM = 4
"""Times the words asked for that a reply has room for."""
LEAST_CAP = 1_024
"""Tokens that a short reply has at least."""
LEAST_ROOM = 64
"""Tokens that the window has to leave for a reply, else nothing is asked."""


@dataclass(frozen=True, slots=True)
class Making:
    """How responses are made.

    Attributes:
        how: ``reply`` for one call of the model, ``agent`` for the writing agent.
        model: As on the command line.
        settings: Sampling, and what else the agent is set to.
        runs: Folder of the agent's runs.
    """

    how: How
    model: str
    settings: Settings
    runs: Path = Path("runs")


def describe_making(making: Making) -> str:
    """Return how responses are made, in one line for tables and for the file of responses."""
    settings = making.settings
    parts = [
        f"{making.how} by {making.model}",
        f"temperature {settings.temperature:g}",
        f"top_p {settings.top_p:g}",
        f"seed {settings.seed}",
        *(f"{name} {value}" for name, value in sorted(settings.extra.items())),
    ]
    if settings.window:
        parts.append(f"window {settings.window}")
    if making.how == "agent":
        parts += [f"planner {settings.planner}", f"mode {settings.mode}"]
    return ", ".join(parts)


async def make_responses(
    items: Sequence[Item[Any]],
    press: Press,
    making: Making,
    file: ResponseFile,
    tell: Callable[[str], None] = lambda message: None,
) -> None:
    """Answer items side by side, each written to the file when it is done.

    An item that fails is written with its reason, and stops no other.

    Args:
        items: Those to be answered.
        press: The open engines.
        making: How.
        file: Takes the responses.
        tell: Told each item that is done.

    Raises:
        LongwriteError: It had to stop; what is in the file is kept.
    """
    calls = making.settings.concurrency
    admitted = asyncio.Semaphore(calls if making.how == "reply" else max(1, calls // 2))
    done = 0

    async def answer(item: Item[Any]) -> None:
        nonlocal done
        async with admitted:
            if press.stopped:
                return
            try:
                fields = await _answer(item, press, making, file.count_failures(item.id))
            except (BudgetError, EngineError, Interrupted) as error:
                press.stop(error)
                return
            except LongwriteError as error:
                fields = {"failed": str(error)}
        file.append(item.id, item.prompt, fields)
        done += 1
        tell(f"[{done}/{len(items)}] {item.id}: {fields.get('failed') or 'done'}")

    tasks = [asyncio.create_task(answer(item)) for item in items]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    if press.stopped:
        raise press.stopped


async def _answer(item: Item[Any], press: Press, making: Making, failures: int) -> dict[str, Json]:
    brief = compile_brief(item.prompt)
    if making.how == "agent":
        return await _write(item, brief, press, making)
    return await _reply(item, brief, press, making, failures)


async def _reply(
    item: Item[Any], brief: Brief, press: Press, making: Making, failures: int
) -> dict[str, Json]:
    """Ask the model once; another seed where it failed before."""
    words = item.words or brief.words
    cap = max(LEAST_CAP, tokens_for_words(ROOM * words, brief.language))
    seed = int(digest(item.id, str(making.settings.seed), str(failures))[:7], 16)
    request = Request(
        (Message("user", item.prompt),),
        replace(making.settings.sampling, max_tokens=cap, seed=seed),
        ask=Ask("reply", words=words, language=brief.language),
        attempt=failures,
    )
    engine = press.engines["write"]
    window = min(engine.abilities.window, making.settings.window or engine.abilities.window)
    room = window - estimate_prompt(request)
    if room < LEAST_ROOM:
        raise UsageError("The prompt does not fit the window", f"it has {window:,} tokens")
    sampling = replace(request.sampling, max_tokens=min(cap, room))
    async with press.places.hold():
        if press.stopped:
            raise press.stopped
        reply = await engine.generate(replace(request, sampling=sampling))
    if reply.error is not None:
        if reply.error.fatal:
            raise EngineError(
                "The engine can't go on", reply.error.message, "Run the same command to go on."
            )
        return {"failed": f"{reply.error.kind}: {reply.error.message}"}
    fields: dict[str, Json] = {"response": reply.text}
    return fields | ({"cut": True} if reply.finish == "length" else {})


async def _write(item: Item[Any], brief: Brief, press: Press, making: Making) -> dict[str, Json]:
    """Have the agent write a document; one with a section missing is kept and counts as failed."""
    models = {"write": making.model}
    path = default_folder(making.runs, brief, making.settings, models)
    path = path.with_name(f"{slugify(item.id)}-{path.name}")
    outcome = await write_run(path, press, brief, making.settings)
    fields: dict[str, Json] = {"response": outcome.markdown, "run": str(path)}
    if outcome.exit_code != 3:
        return fields
    lacking = next(d for d in outcome.document.defects if d.kind in {"missing", "truncated"})
    return fields | {"failed": f"{lacking.kind}: {lacking.message}"}
