"""Conversations for fine-tuning: the agent's own, with the teacher as its engine.

Whole documents are planned and written by the real agent. What it asked and what it was answered
becomes examples: each thread once, as long as it grew, and plans, continuations and seams beside.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from longwrite.agent.budget import Budget
from longwrite.agent.places import Places
from longwrite.agent.settings import Settings
from longwrite.api import Press, write_run
from longwrite.nano.briefs import word_brief
from longwrite.nano.lexicon import Lexicon, load_lexicon
from longwrite.nano.outlines import Outliner
from longwrite.nano.prose import GENRES, Genre
from longwrite.nano.speaker import draw_cast
from longwrite.nano.subjects import draw_wish
from longwrite.nano.teacher import Teacher, Turn
from longwrite.planners.outline import OutlinePlanner
from longwrite.rewards.briefs import compile_brief
from longwrite.types import Brief, Message

_LENGTHS = (150, 200, 250, 300, 400, 500, 600, 700, 750)
_MIDDLE = (800, 900, 1000, 1200, 1500, 1600, 1800, 2000, 2400)
_LONG = (2500, 3000, 3500, 4000, 5000, 6000, 8000, 10_000, 10_000, 12_000)


_AS_JSON, _FLAT = 0.08, 0.04
"""Share of the documents planned by schema, as a server can force it, and by the flat planner."""


@dataclass(frozen=True, slots=True)
class Example:
    """A conversation to learn from.

    Attributes:
        messages: From the system's to an assistant's.
        learned: Places of the assistant's messages that are learned.
        mode: ``thread`` or ``dag``, how the document was written.
    """

    messages: tuple[Message, ...]
    learned: frozenset[int]
    mode: str


@dataclass(frozen=True, slots=True)
class _Order:
    """A document that somebody asked for, and the teacher that will write it."""

    brief: Brief
    teacher: Teacher
    turns: list[Turn]


def write_examples(
    seed: int, documents: range, *, core: bool = False, window: int = 4096
) -> Iterator[Example]:
    """Yield the examples of some documents; each has a seed of its own."""
    lexicon = load_lexicon(core)
    for number in documents:
        yield from _write_document(random.Random(f"{seed}:{number}"), lexicon, window)


def write_plans(
    seed: int, documents: range, *, core: bool = False, window: int = 4096
) -> Iterator[Example]:
    """Yield the planning calls of some documents that nobody then writes.

    A document has one plan and many sections; to find the subject in a brief takes many briefs.
    """
    lexicon = load_lexicon(core)
    for number in documents:
        rng = random.Random(f"plan:{seed}:{number}")
        order = _draw_order(rng, lexicon, window, rng.choice((*_MIDDLE, *_LONG)))
        sampling = Settings().sampling
        asyncio.run(OutlinePlanner().plan(order.brief, order.teacher, sampling))
        yield from _select(order.turns, "dag", rng)


def _draw_order(rng: random.Random, lexicon: Lexicon, window: int, words: int) -> _Order:
    genre: Genre = rng.choices(GENRES, (30, 22, 28, 20))[0]
    if rng.random() < 0.3:
        words = round(words * rng.uniform(0.8, 1.2) / 50) * 50
    wish = draw_wish(lexicon, rng, story=genre == "story")
    outliner = Outliner(genre, wish, draw_cast(lexicon.names, rng), lexicon, rng)
    asked = word_brief(genre, wish, words, lexicon, outliner.frame(0), rng)
    turns: list[Turn] = []
    teacher = Teacher(
        genre, wish, lexicon, rng.getrandbits(32), as_json=rng.random() < _AS_JSON,
        keep=turns.append, window=window,
    )  # fmt: skip
    return _Order(compile_brief(asked.text, words=words, language="en"), teacher, turns)


def _write_document(rng: random.Random, lexicon: Lexicon, window: int) -> Iterator[Example]:
    kind = rng.random()
    words = rng.choice(_LENGTHS if kind < 0.3 else _MIDDLE if kind < 0.62 else _LONG)
    mode = "thread" if kind < 0.3 or 0.45 < kind < 0.62 or kind > 0.93 else "dag"
    order = _draw_order(rng, lexicon, window, words)
    teacher = order.teacher
    planner = "agentwrite" if rng.random() < _FLAT else "outline"
    settings = Settings(mode=mode, planner=planner, concurrency=1)
    press = Press(
        {"write": teacher, "plan": teacher, "check": teacher}, {"write": "teacher"},
        Budget(), Places(1), 1,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="nano-") as folder:
        asyncio.run(write_run(Path(folder) / "run", press, order.brief, settings))
    yield from _select(order.turns, mode, rng)


def _select(turns: list[Turn], mode: str, rng: random.Random) -> Iterator[Example]:
    """Choose what is worth learning of a document: threads, and a share of the small calls."""
    threads: list[Example] = []
    sections = [turn.request.messages for turn in turns if turn.request.ask.step == "section"]
    for turn in turns:
        messages, step = turn.request.messages, turn.request.ask.step
        whole = (*messages, Message("assistant", turn.answer))
        last = frozenset({len(messages)})
        if step == "section":
            if _goes_on(messages, sections):
                continue
            places = [n for n, message in enumerate(whole) if message.role == "assistant"]
            if not turn.taught:
                whole, places = whole[:-2], places[:-1]
            if places:
                threads.append(Example(whole, frozenset(places), mode))
        elif turn.taught and rng.random() < _SHARE.get(step, 0.5):
            yield Example(whole, last, mode)
    yield from threads if len(threads) < 4 else rng.sample(threads, 3)


_SHARE = {"plan.root": 1.0, "plan.lines": 1.0, "plan.level": 0.35, "seam": 0.2}
"""Of the calls of a step, those kept: there are many short ones that teach the same."""


def _goes_on(messages: tuple[Message, ...], sections: list[tuple[Message, ...]]) -> bool:
    """Tell whether a later section was asked for in the same conversation."""
    size = len(messages)
    return any(len(other) > size and other[:size] == messages for other in sections)
