"""The canon: what the text has fixed, each fact with the words that show it.

A model notes facts as deltas to those already known; code keeps a fact only if its quote stands in
a section, and finds contradictions by rule. No model judges another here.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache

from longwrite.agent.job import CallFailed, Job
from longwrite.agent.section import PACKAGE
from longwrite.prompts import fence, fill
from longwrite.runs.store import digest
from longwrite.text import blocks, clip, estimate_tokens, join_halves
from longwrite.types import Ask, Fact, Json, Message, Section

_MOST_FACTS = 40
_FACT_TOKENS = 90
_PROMPT_TOKENS = 600
_NO_LETTER = re.compile(r"[\W_]+")
_SHORTEST_QUOTE = 3
"""Letters and digits of a quote below which it shows nothing."""

SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "facts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    name: {"type": "string"} for name in ("entity", "attribute", "value", "quote")
                },
                "required": ["entity", "attribute", "value", "quote"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["facts"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two facts that can't both hold; `later` is the one to change."""

    earlier: Fact
    later: Fact


async def note_facts(
    job: Job, messages: tuple[Message, ...], sections: Sequence[Section]
) -> tuple[Fact, ...]:
    """Ask what a thread's sections have fixed; answered from the run when asked before.

    Returns:
        The facts whose quotes stand in the sections; none when the engine can't be asked.
    """
    if not job.caller.abilities.checks:
        return ()
    manuscript = job.manuscript
    name = f"facts:{digest(*(manuscript.nodes[section.id] for section in sections))}"
    known = manuscript.folder.store.get_meta(name)
    if known is not None:
        return tuple(Fact(**entry) for entry in json.loads(known))
    texts = {section.id: manuscript.basis(section.id).text for section in sections}
    asked = _in_view_of(job, messages, len(sections)) or _in_pieces(job, messages[0], texts)
    facts: list[Fact] = []
    for number, (conversation, most) in enumerate(asked):
        first = sections[0]
        ask = Ask("facts", first.id, first.title, items=most, quotable=texts[first.id])
        try:
            reply = await job.ask(
                conversation,
                ask,
                number,
                role="check",
                schema=SCHEMA if job.caller.abilities.json else None,
                max_tokens=_FACT_TOKENS * most,
            )
        except CallFailed as failure:
            job.tell("note", first.id, message=f"No notes were taken: {failure}")
            return tuple(facts)
        facts.extend(fact for fact in read_facts(reply.text, texts)[:most] if fact not in facts)
    manuscript.folder.store.set_meta(name, json.dumps([asdict(fact) for fact in facts]))
    return tuple(facts)


_Asked = list[tuple[tuple[Message, ...], int]]


def _in_view_of(job: Job, messages: tuple[Message, ...], sections: int) -> _Asked:
    """Return the thread with the question at its end, if the window has room for an answer."""
    room = job.window - sum(estimate_tokens(m.content) for m in messages) - _PROMPT_TOKENS
    most = min(_MOST_FACTS, 3 * sections, room // _FACT_TOKENS)
    if most < 1:
        return []
    question = Message("user", fill(PACKAGE, "facts", count=most))
    return [((*messages, question), most)]


def _in_pieces(job: Job, system: Message, texts: Mapping[str, str]) -> _Asked:
    """Return one question for each piece of texts too long for the window, as manuscripts are."""
    most = min(_MOST_FACTS, job.window // 4 // _FACT_TOKENS)
    question = fill(PACKAGE, "facts", count=most)
    return [
        ((system, Message("user", f"{fence('section', piece)}\n\n{question}")), most)
        for text in texts.values()
        for piece in divide(text, job.window // 2)
    ]


def divide(text: str, tokens: int) -> list[str]:
    """Return a text in pieces of whole blocks, each of at most so many estimated tokens."""
    pieces: list[list[str]] = []
    room = 0
    for part in blocks(text):
        body = clip(part.text, tokens)
        size = estimate_tokens(body) + 1
        if size > room or not pieces:
            pieces.append([])
            room = tokens
        pieces[-1].append(body)
        room -= size
    return ["\n\n".join(piece) for piece in pieces]


def read_facts(reply: str, texts: Mapping[str, str]) -> tuple[Fact, ...]:
    """Read facts from a reply, keeping those whose quote stands in one of the texts."""
    found = []
    folded = {section: _fold(text) for section, text in texts.items()}
    for entry in _read_objects(reply):
        values = [entry.get(key) for key in ("entity", "attribute", "value", "quote")]
        if not all(isinstance(value, str) and value.strip() for value in values):
            continue
        entity, attribute, value, quote = (
            " ".join(join_halves(str(value)).split())[:300] for value in values
        )
        words = _fold(quote)
        home = next((name for name, text in folded.items() if words in text), None)
        if home is not None and len(words) >= _SHORTEST_QUOTE:
            found.append(Fact(entity, attribute, value, home, quote))
    return tuple(found)


def _read_objects(reply: str) -> Iterable[dict[str, Json]]:
    decoder = json.JSONDecoder(strict=False)
    position = 0
    for _ in range(500):
        match = re.compile(r'\{\s*"(?:entity|attribute|value|quote)"').search(reply, position)
        if match is None:
            return
        try:
            value, position = decoder.raw_decode(reply, match.start())
        except (ValueError, RecursionError):
            position = match.end()
            continue
        if isinstance(value, dict):
            yield value


def stands(fact: Fact, text: str) -> bool:
    """Tell whether a fact's quote stands in a text."""
    return _fold(fact.quote) in _fold(text)


def find_conflicts(facts: Sequence[Fact]) -> list[Conflict]:
    """Return the facts that give one attribute of one entity two values in different sections.

    Values conflict when, folded to letters and digits, neither holds the other, or when each has a
    number that the other has not.
    """
    first: dict[tuple[str, str], Fact] = {}
    conflicts = []
    for fact in facts:
        key = (_fold(fact.entity), _fold(fact.attribute))
        earlier = first.setdefault(key, fact)
        if earlier.section != fact.section and not _agree(earlier.value, fact.value):
            conflicts.append(Conflict(earlier, fact))
    return conflicts


def _agree(one: str, other: str) -> bool:
    first, second = _fold(one), _fold(other)
    if first == second:
        return True
    numbers, others = (set(re.findall(r"\d+", value)) for value in (one, other))
    return (first in second or second in first) and (numbers <= others or others <= numbers)


@lru_cache(maxsize=64)  # the facts of a section are all looked for in its one text
def _fold(text: str) -> str:
    normal = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return _NO_LETTER.sub("", normal.casefold())
