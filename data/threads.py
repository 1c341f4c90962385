"""The conversation in which the agent writes a document, with any texts in its turns.

Prompts are the agent's own, so that a pair is a turn of the very thread that a trained model will
meet. What a section has fixed is told once, with the step that follows it; a thread that has no
room left begins anew with all of it, as the agent's does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from longwrite.agent.caller import MESSAGE_OVERHEAD
from longwrite.agent.heads import last_words, list_facts, make_head, make_step
from longwrite.agent.job import Job, cap_tokens
from longwrite.agent.schedule import Thread
from longwrite.assembly import leaves, openings
from longwrite.text import count_words, estimate_tokens
from longwrite.types import Brief, Fact, Message, Plan, Section

_SLACK = 400
"""Tokens kept free for the estimate's error."""


@dataclass(frozen=True, slots=True)
class _Leaves:
    leaves: list[Section]


@dataclass(frozen=True, slots=True)
class _Desk:
    """What the agent's heads read of a job."""

    brief: Brief
    plan: Plan
    window: int
    manuscript: _Leaves
    past: int = 0


@dataclass(frozen=True, slots=True)
class Talk:
    """A thread as far as it has come.

    Attributes:
        brief: What is written.
        plan: Its plan.
        window: Tokens of a request and its reply together.
        turns: What was said; the first message is the system's.
        facts: All that is established.
        news: Those of them that no turn tells yet.
        texts: All sections so far, those too that the turns have no room for.
    """

    brief: Brief
    plan: Plan
    window: int
    turns: tuple[Message, ...] = ()
    facts: tuple[Fact, ...] = ()
    news: tuple[Fact, ...] = ()
    texts: tuple[str, ...] = ()


def words_of(plan: Plan, leaf: Section) -> int:
    """Return the words of a leaf's own text: its budget without the headings above it."""
    return max(1, leaf.words - count_words(openings(plan)[leaf.id]))


def ask_for(talk: Talk, leaf: Section) -> tuple[Message, ...]:
    """Return the conversation that asks for a section, begun anew where it had no room."""
    messages = _join(talk, leaf)
    size = sum(estimate_tokens(one.content) + MESSAGE_OVERHEAD for one in messages)
    room = 2 * cap_tokens(words_of(talk.plan, leaf), talk.brief.language) + _SLACK
    if talk.turns and size + room > talk.window:
        return _join(replace(talk, turns=(), news=()), leaf)
    return messages


def answer(talk: Talk, leaf: Section, text: str, facts: tuple[Fact, ...] = ()) -> Talk:
    """Return the thread after a section, and what that has fixed."""
    turns = (*ask_for(talk, leaf), Message("assistant", text))
    return replace(
        talk, turns=turns, facts=(*talk.facts, *facts), news=facts, texts=(*talk.texts, text)
    )


def _join(talk: Talk, leaf: Section) -> tuple[Message, ...]:
    written = leaves(talk.plan.sections)
    # The agent's prompts are functions of a job of which they read just these four.
    job = cast(Job, _Desk(talk.brief, talk.plan, talk.window, _Leaves(written)))
    thread = Thread(tuple(written))
    words = words_of(talk.plan, leaf)
    if talk.turns:
        head = next((turn.content for turn in talk.turns if turn.role == "user"), "")
        step = make_step(job, thread, leaf, words, head)
        told = f"{list_facts(talk.news)}\n\n{step}" if talk.news else step
        return *talk.turns, Message("user", told)
    past = last_words("\n\n".join(talk.texts)) if talk.texts else ""
    system, head = make_head(job, thread, talk.facts, past)
    step = make_step(job, thread, leaf, words, head)
    return system, Message("user", f"{head}\n\n{step}")
