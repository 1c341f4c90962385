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

from longwrite.agent.job import CallFailed, Job
from longwrite.agent.section import PACKAGE
from longwrite.prompts import fill
from longwrite.runs.store import digest
from longwrite.text import estimate_tokens
from longwrite.types import Ask, Fact, Json, Message, Section

_MOST_FACTS = 40
_FACT_TOKENS = 90
_PROMPT_TOKENS = 600
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
    room = job.window - sum(estimate_tokens(m.content) for m in messages) - _PROMPT_TOKENS
    most = min(_MOST_FACTS, 3 * len(sections), room // _FACT_TOKENS)
    if most < 1:
        return ()
    prompt = fill(PACKAGE, "facts", count=most)
    ask = Ask(
        "facts", sections[0].id, sections[0].title, items=most, quotable=texts[sections[0].id]
    )
    try:
        reply = await job.ask(
            (*messages, Message("user", prompt)),
            ask,
            role="check",
            schema=SCHEMA if job.caller.abilities.json else None,
            max_tokens=_FACT_TOKENS * most,
        )
    except CallFailed as failure:
        job.tell("note", sections[0].id, message=f"No notes were taken: {failure}")
        return ()
    facts = read_facts(reply.text, texts)[:most]
    manuscript.folder.store.set_meta(name, json.dumps([asdict(fact) for fact in facts]))
    return facts


def read_facts(reply: str, texts: Mapping[str, str]) -> tuple[Fact, ...]:
    """Read facts from a reply, keeping those whose quote stands in one of the texts."""
    found = []
    folded = {section: _fold(text) for section, text in texts.items()}
    for entry in _read_objects(reply):
        values = [entry.get(key) for key in ("entity", "attribute", "value", "quote")]
        if not all(isinstance(value, str) and value.strip() for value in values):
            continue
        entity, attribute, value, quote = (" ".join(str(value).split())[:300] for value in values)
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


def _fold(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in normal if char.isalnum())
