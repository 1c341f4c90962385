"""A document as a policy plans and writes it in one conversation, told one reply at a time.

A document is a generator: it yields what it needs next and is sent what was drawn, so that many can
be drawn for at once. The words are the agent's (`longwrite.data.threads`, the planner's prompt),
which are pure; the agent's loop is asynchronous and mends what a model does, asks again, trims and
repairs, where training needs each reply as it was drawn.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from longwrite.assembly import assemble, leaves
from longwrite.data.threads import Talk, ask_for, words_of
from longwrite.errors import LongwriteError
from longwrite.language import detect_language
from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.columns import read_constraints
from longwrite.rewards.composition import Composition
from longwrite.text import tokens_for_words
from longwrite.train.advantages import PaidSection
from longwrite.train.preflight_grpo import TARGETS, read_request
from longwrite.train.thread_plan import ask_for_plan, read_plan
from longwrite.train.transcript import Chat, Sampled, Transcript, list_ids
from longwrite.types import Brief, Document, Message, Plan

_LOG = logging.getLogger(__name__)

_ROOM = 2.0
"""Tokens that a section may have, times those that its words need: being too long has to show."""
_SPARE = 32

UNKNOWN_WORDS = 300
"""Words of a brief that can't be compiled and has no column that says."""


class Call(NamedTuple):
    """What a document needs next.

    Attributes:
        ids: The conversation so far, to be replied to.
        most: Tokens of the reply at most.
        needed: Tokens that it is likely to have.
    """

    ids: list[int]
    most: int
    needed: int = 1


@dataclass(frozen=True, slots=True)
class Writing:
    """What came of a document.

    Attributes:
        brief: What was asked for.
        transcript: The row.
        plan: As far as it was written; None where none could be read.
        text: The document; where none was begun, the plan.
        sections: The texts of the plan's sections, and whether each ended by itself.
        complete: Whether all sections of the plan were written.
    """

    brief: Brief
    transcript: Transcript
    plan: Plan | None
    text: str
    sections: tuple[tuple[str, bool], ...] = ()
    complete: bool = False


@dataclass(frozen=True)
class DocumentWriter:
    """Says what a document needs next.

    Attributes:
        chat: How the policy is talked to.
        window: Tokens of a row at most.
        plan_tokens: Tokens of a plan at most.
        tokens_per_word: Of the tokenizer.
    """

    chat: Chat
    window: int
    plan_tokens: int
    tokens_per_word: float

    def write(self, brief: Brief) -> Generator[Call, Sampled, Writing]:
        """Yield what is needed for a document, and return the document.

        A section that doesn't fit the window any more isn't asked for, and the document ends there.
        """
        chat = self.chat
        script = chat.begin(ask_for_plan(brief, self.window))
        most = max(1, min(self.plan_tokens, self.window - len(script.prompt)))
        script = chat.hear(script, (yield Call(list_ids(script), most, most)))
        said = chat.read(script)
        plan = read_plan(brief, said, self.window) if chat.is_ended(script) else None
        if plan is None:
            return Writing(brief, script, None, said)
        asked = Talk(brief, plan, self.window)
        written: dict[str, tuple[str, bool]] = {}
        for leaf in leaves(plan.sections):
            system, *_, turn = ask_for(asked, leaf)
            if not asked.turns:
                # Not every template shows a system's turn in the middle of a conversation.
                turn = Message("user", f"{system.content}\n\n{turn.content}")
                asked = replace(asked, turns=(system,))
            longer = chat.say(script, turn)
            room = self.window - len(list_ids(longer))
            needed = self.count_tokens(words_of(plan, leaf), brief.language)
            if room < needed:
                break
            most = min(room, math.ceil(_ROOM * needed) + _SPARE)
            script = chat.hear(longer, (yield Call(list_ids(longer), most, needed)))
            written[leaf.id] = chat.read(script), chat.is_ended(script)
        kept = replace(plan, sections=plan.sections[: len(written)])
        texts = {name: text for name, (text, _) in written.items()}
        text = assemble(kept, texts) if written else said
        complete = len(written) == len(plan.sections)
        return Writing(brief, script, kept, text, tuple(written.values()), complete)

    def count_tokens(self, words: int, language: str) -> int:
        """Return the tokens that so many words need: as measured, or the usual where more."""
        return max(tokens_for_words(words, language), math.ceil(words * self.tokens_per_word))


def pay_sections(
    writing: Writing, reward: Composition | None, eos_gate: bool = True
) -> tuple[PaidSection, ...]:
    """Return what each section of a document is paid, by the rules of a composition.

    A section is held against its own words and constraints, as the plan gives them. One that didn't
    end gets nothing behind the gate.
    """
    if writing.plan is None:
        return ()
    plan, places = writing.plan, writing.transcript.replies[1:]
    paid = []
    for leaf, (start, end), (text, ended) in zip(
        leaves(plan.sections), places, writing.sections, strict=True
    ):
        value = None
        if reward is not None:
            asked = replace(writing.brief, words=words_of(plan, leaf), constraints=leaf.constraints)
            value = 0.0 if eos_gate and not ended else _pay_section(reward, asked, text, ended)
        paid.append(PaidSection(start, end, value, ended))
    return tuple(paid)


def _pay_section(reward: Composition, asked: Brief, text: str, ended: bool) -> float | None:
    try:
        document = Document.from_text(asked, text, ended=ended)
        return reward.conclude(reward.measure(asked, document), {}).value
    except Exception as error:  # a reward may be anybody's
        _LOG.warning("A section couldn't be paid: %s: %s", type(error).__name__, error)
        return None


def read_brief(row: Mapping[str, Any]) -> Brief:
    """Return the brief of a row; one that can't be compiled as it stands.

    Raising here would leave the other processes waiting for this one.
    """
    asked = read_request(row)
    words = next((int(row[name]) for name in TARGETS if row.get(name)), None)
    try:
        return compile_brief(
            asked, length=words, constraints=read_constraints(row.get("constraints"))
        )
    except LongwriteError:
        return Brief(asked, words or UNKNOWN_WORDS, language=detect_language(asked))
