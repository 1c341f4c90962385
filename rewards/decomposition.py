"""What a brief requires and no rule can check, as questions for a judge (ACE-RL's constraints).

The rules read lengths, sections, words, languages and forms; a judge, told what they have found,
lists the rest. Each entry becomes a soft constraint of the kind ``judged``, with its quote in the
prompt where it has one. The judge's cache remembers the list, so that a brief is taken apart once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from longwrite.prompts import fill
from longwrite.rewards.answers import read_object
from longwrite.rewards.judge import Judge, Verdict
from longwrite.rewards.quoting import make_mark, quote
from longwrite.rewards.showing import PROMPTS, fit_prompt, make_system, room_for
from longwrite.types import Brief, Constraint, Json, Message

MOST_ITEMS = 30
MOST_CHARACTERS = 300
"""Of a question."""

LEVELS = (0.0, 0.5, 1.0)
"""What an answer may be worth: not met, partly, fully (ACE-RL)."""

SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "question": {"type": "string"},
                    "quote": {"type": "string"},
                    "throughout": {"type": "boolean"},
                },
                "required": ["question", "quote", "throughout"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["items"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Decomposition:
    """What a judge finds in a brief that no rule checks.

    Attributes:
        verdict: The constraints, and the judge's words.
        prompt_cut: Whether the request was too long and was shown without its middle.
    """

    verdict: Verdict[tuple[Constraint, ...]]
    prompt_cut: bool


async def decompose(brief: Brief, judge: Judge) -> Decomposition:
    """Return what a judge finds in a brief that no rule checks.

    A reply with more than 30 entries, or with one of more than 300 characters, is no list. A quote
    that the prompt doesn't hold is left away.

    Raises:
        EngineError: The judge's engine can't be opened.
        UsageError: It can't judge, or its cache can't be used.
    """
    engine = await judge.reach()
    known = "\n".join(_tell(constraint) for constraint in brief.constraints) or "(nothing)"
    mark = make_mark(brief.prompt, known)
    system = make_system(mark)
    question = fill(PROMPTS, "decompose", most=MOST_ITEMS, length=MOST_CHARACTERS)
    room = room_for(engine.abilities, judge.sampling, system, known, question)
    prompt, cut = fit_prompt(brief.prompt, room)
    content = "\n\n".join(
        (quote("request", mark, prompt), quote("checked-already", mark, known), question)
    )
    verdict = await judge.ask(
        (Message("system", system), Message("user", content)),
        SCHEMA,
        lambda text: read_items(text, brief.prompt),
        step="judge.decompose",
    )
    return Decomposition(verdict, cut)


def make_item(
    question: str,
    *,
    quote: str = "",
    throughout: bool = False,
    levels: tuple[float, ...] = LEVELS,
) -> Constraint:
    """Return a judged constraint.

    Args:
        question: Answered with yes where it is met.
        quote: The words of the brief that it comes from.
        throughout: Whether it has to hold everywhere; else it is enough that it stands somewhere.
        levels: What an answer may be worth.
    """
    params: dict[str, Json] = {"question": question, "levels": list(levels)}
    return Constraint("judged", params, "each" if throughout else "document", False, quote)


def read_items(text: str, prompt: str) -> tuple[Constraint, ...] | None:
    """Return the constraints of a reply, or None where it is no list of them."""
    found = read_object(text)
    listed = found.get("items") if found else None
    if not isinstance(listed, list) or len(listed) > MOST_ITEMS:
        return None
    folded = " ".join(prompt.split()).casefold()
    items: dict[str, Constraint] = {}
    for entry in listed:
        if not isinstance(entry, dict):
            return None
        question, words = entry.get("question"), entry.get("quote")
        if not isinstance(question, str) or not 0 < len(question.strip()) <= MOST_CHARACTERS:
            return None
        said = words.strip() if isinstance(words, str) else ""
        known = said if " ".join(said.split()).casefold() in folded else ""
        one = " ".join(question.split())
        whole = entry.get("throughout") is True
        items.setdefault(one.casefold(), make_item(one, quote=known, throughout=whole))
    return tuple(items.values())


def _tell(constraint: Constraint) -> str:
    """Return a constraint as a line for the judge."""
    said = constraint.params.get("question") if constraint.kind == "judged" else None
    values = json.dumps(dict(constraint.params), ensure_ascii=False, sort_keys=True)
    quoted = f' ("{constraint.quote}")' if constraint.quote else ""
    return f"- {said or f'{constraint.kind} {values}, {constraint.scope}'}{quoted}"
