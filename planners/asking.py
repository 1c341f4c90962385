"""Asking an engine for one level of a plan: bounded tries, and always an answer.

A plan that can't be read, that was cut off, or that has lost the subject of the brief, is asked for
again with another seed, twice at most. What is then still missing is made up by code and noted as a
warning of the plan, because a document with a plain outline is worth more than none; an engine that
doesn't answer at all is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from longwrite.engines.engine import Engine
from longwrite.errors import PlanError
from longwrite.planners.entries import Entry, Reading, read_entries
from longwrite.prompts import derive_seed
from longwrite.scoring.subject import keeps_subject, share_terms
from longwrite.text import estimate_tokens, tokens_for_words
from longwrite.types import UNUSABLE, Ask, Json, Message, Request, Sampling

TRIES = 3
_THINKING = 4_096
_PER_MESSAGE = 8
_DOUBLED = re.compile(r"\b(\w{3,}) \1\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Level:
    """What one call has to bring: so many entries for a node, by schema where one can be forced.

    Engines too small to be asked to check anything have to keep to the terms, too.
    """

    messages: tuple[Message, ...]
    node: str
    count: int
    exact: bool
    words: int
    language: str
    step: str = "plan"
    schema: Mapping[str, Json] | None = None
    terms: tuple[str, ...] = ()


async def ask_level(
    level: Level,
    engine: Engine,
    sampling: Sampling,
    read: Callable[[str], Reading] = read_entries,
) -> tuple[Reading, tuple[str, ...]]:
    """Return the entries of one level and what had to be mended.

    Args:
        level: What is asked.
        engine: Whom.
        sampling: Temperature, top_p, extra fields, and the run's seed.
        read: How to read the reply.

    Raises:
        PlanError: A call failed, or none brought a reply.
    """
    if engine.abilities.checks:  # it doesn't lose its subject, and may have better words for it
        level = replace(level, terms=())
    best: Reading | None = None
    best_is_cut = False
    failure = ""
    for attempt in range(TRIES):
        # A model that thinks may have spent the whole cap on it: then it gets room for that too.
        thinking = _THINKING if failure else 0
        reply = await engine.generate(_make_request(level, engine, sampling, attempt, thinking))
        if reply.error is not None:
            failure = reply.error.message
            if reply.error.kind not in UNUSABLE:
                best = None
                break  # the engine has tried again already; another seed is no answer to that
            continue
        reading = read(reply.text)
        cut = reply.finish == "length" and len(reading.entries) < level.count
        if best is None or _rank(reading, level, cut) < _rank(best, level, best_is_cut):
            best, best_is_cut = reading, cut
        if cut:
            failure = "it was cut off"
        elif fits(reading, level.count, level.exact) and _is_on_topic(reading, level.terms):
            return reading, ()
    if best is None:
        raise PlanError(
            f"The plan of {level.node or 'the document'} could not be made",
            failure,
            "Run the same command again to go on from here.",
        )
    if fits(best, level.count, level.exact):
        wrong = "was cut off and may lack its end" if best_is_cut else "says little of the brief"
        return best, (f"The plan of {level.node or 'the document'} {wrong}.",)
    return _mend(best, level)


def _make_request(
    level: Level, engine: Engine, sampling: Sampling, attempt: int, thinking: int
) -> Request:
    tokens = thinking + 400 + level.count * (140 + tokens_for_words(70, level.language))
    window = engine.abilities.window
    prompt = sum(estimate_tokens(m.content) + _PER_MESSAGE for m in level.messages)
    return Request(
        messages=level.messages,
        sampling=replace(
            sampling,
            max_tokens=max(1, min(tokens, window // 2, window - prompt)),
            seed=derive_seed(sampling.seed, "plan", level.node, attempt),
        ),
        role="plan",
        ask=Ask(level.step, level.node, "", level.words, level.count, level.language),
        schema=level.schema if engine.abilities.json else None,
        attempt=attempt,
    )


def fits(reading: Reading, count: int, exact: bool = False) -> bool:
    """Tell whether a plan has as many entries as were asked for, or about as many."""
    found = len(reading.entries)
    if exact:
        return found == count
    return max(2, (count + 1) // 2) <= found <= 2 * count


def _rank(reading: Reading, level: Level, cut: bool) -> tuple[bool, bool, int, int]:
    away = abs(len(reading.entries) - level.count)
    if not fits(reading, level.count, level.exact):
        return True, cut, away, 0
    return False, cut, -_count_on_topic(reading, level.terms), away


def _is_on_topic(reading: Reading, terms: Sequence[str]) -> bool:
    """Tell whether a plan as a whole keeps to its terms, and most of its entries name one."""
    if not terms:
        return True
    named = 2 * _count_on_topic(reading, terms) > len(reading.entries)
    return named and keeps_subject(terms, _read_aloud(reading))


def _count_on_topic(reading: Reading, terms: Sequence[str]) -> int:
    """Return how many entries name a term and say no word twice in a row."""
    told = [f"{entry.title}. {entry.goal}" for entry in reading.entries]
    return sum(bool(share_terms(terms, text)) and not _DOUBLED.search(text) for text in told)


def _read_aloud(reading: Reading) -> str:
    """Return all that a plan says, as one text."""
    told = (f"{entry.title}. {entry.goal}" for entry in reading.entries)
    return "\n".join((reading.title, reading.bible, *told))


def _mend(reading: Reading, level: Level) -> tuple[Reading, tuple[str, ...]]:
    entries = list(reading.entries)
    where = level.node or "the document"
    found = len(entries)
    if found > level.count:
        entries = entries[: level.count]
    chinese = level.language[:2] == "zh"
    while len(entries) < level.count:
        number = len(entries) + 1
        entries.append(Entry(f"第{number}部分" if chinese else f"Part {number}"))
    warning = (
        f"The plan of {where} had {found} entries instead of {level.count} after {TRIES} tries; "
        "it was cut or filled up."
    )
    return Reading(reading.title, reading.bible, tuple(entries)), (warning,)
