"""CogWriter: a plan revised once, all units side by side, each checked and revised.

The plan is JSON in one call and is written whole a second time by its revision. A unit's prompt
holds the whole plan and its own entry, never a sibling's text; it is asked for again while its
length is off by more than a tenth, and then reviewed against the requirements and revised once.
The published loop has no bound; here it tries three times. The plan stands before the unit, so
that a cache can keep it.
"""

from __future__ import annotations

import asyncio

from benchmarks.peers.desk import Desk, count_steps, share_words
from longwrite.engines.engine import Engine
from longwrite.text import count_words

_TRIES = 3
_OFF = 0.1

_PLAN = """\
Plan a text for this task:

{wish}

It has about {words:,} words. Divide it into exactly {units} units and say for each what it must
contain and how long it is. Answer with one JSON object and nothing else:
{{"sections": [{{"title": "…", "goal": "…", "words": 0}}]}}"""

_REVISE = """\
Task: {wish}

It has about {words:,} words. This is its plan:
{plan}

Look for units that miss a requirement, overlap, or have the wrong length, and give the whole plan
again, of exactly {units} units. Answer with one JSON object and nothing else:
{{"sections": [{{"title": "…", "goal": "…", "words": 0}}]}}"""

_UNIT = """\
Task: {wish}

The plan of the whole text:
{plan}

Write unit {number} of it and no other. Meet its requirements, in about {words} words."""

_REVIEW = """\
{unit}

This is a first version:
{text}

Check it against the requirements of the unit and of the task, and write it again, improved, in
about {words} words."""


async def write_cogwriter(wish: str, words: int, engine: Engine, in_flight: int) -> str:
    """Write a text."""
    desk = Desk(engine, in_flight)
    units = count_steps(words)
    plan = await desk.ask("plan", _PLAN.format(wish=wish, words=words, units=units))
    plan = await desk.ask("revise", _REVISE.format(wish=wish, words=words, units=units, plan=plan))

    async def write(number: int, share: int) -> str:
        unit = _UNIT.format(wish=wish, plan=plan, number=number, words=share)
        text = ""
        for _ in range(_TRIES):
            text = await desk.ask("unit", unit)
            if abs(count_words(text) - share) <= _OFF * share:
                break
        return await desk.ask("review", _REVIEW.format(unit=unit, text=text, words=share))

    shares = share_words(words, units)
    texts = await asyncio.gather(*(write(n, share) for n, share in enumerate(shares, 1)))
    return "\n\n".join(texts)
