"""STORM, without its polish: simulated interviews, an outline written twice, sections side by side.

Three perspectives are asked three questions each, one after another within a perspective; each
answer and each section is written over snippets of at most 1,500 words that a search returned. The
outline is drafted from the topic alone and written again with the interviews in view. A section's
prompt holds its snippets and its heading, nothing of the other sections.
"""

from __future__ import annotations

import asyncio

from benchmarks.peers.desk import Desk, count_steps, make_snippets, share_words
from longwrite.engines.engine import Engine

_PERSPECTIVES, _QUESTIONS = 3, 3
_SNIPPET_WORDS = 1_500
_HEADING_WORDS = 14
"""Of the outline, for each section: its heading and those under it."""

_WHO = """\
Topic: {wish}
Name {count} people of different trades who would work on an article about it, with what each would
look at, in about 60 words."""

_QUESTION = """\
Topic: {wish}
You look at it as editor {who} of these:
{people}
The talk so far:
{talk}
Ask your next question, in about 40 words."""

_ANSWER = """\
Topic: {wish}
Question: {question}
What was found:
{snippets}
Answer the question from what was found, in about 150 words."""

_DRAFT = """\
Topic: {wish}
Write the outline of an article about it with {sections} sections, headings only, in about
{words} words."""

_REFINE = """\
Topic: {wish}
The talks:
{talks}
The outline so far:
{outline}
Improve the outline with what the talks brought, headings only, in about {words} words."""

_SECTION = """\
What was found:
{snippets}

Topic of the article: {wish}
Write its section {number} with inline citations, in about {words} words."""


async def write_storm(wish: str, words: int, engine: Engine, in_flight: int) -> str:
    """Write a text."""
    desk = Desk(engine, in_flight)
    sections = count_steps(words)
    people = await desk.ask("people", _WHO.format(wish=wish, count=_PERSPECTIVES))

    async def interview(who: int) -> str:
        talk = ""
        for turn in range(_QUESTIONS):
            asked = _QUESTION.format(wish=wish, who=who, people=people, talk=talk or "(none)")
            question = await desk.ask("question", asked)
            snippets = make_snippets(_SNIPPET_WORDS, 100 * who + turn)
            told = _ANSWER.format(wish=wish, question=question, snippets=snippets)
            talk += f"\n{question}\n{await desk.ask('answer', told)}"
        return talk

    length = _HEADING_WORDS * sections
    talks = await asyncio.gather(*map(interview, range(1, _PERSPECTIVES + 1)))
    heard = "\n".join(talks)
    draft = _DRAFT.format(wish=wish, sections=sections, words=length)
    outline = await desk.ask("outline", draft)
    refine = _REFINE.format(wish=wish, talks=heard, outline=outline, words=length)
    await desk.ask("outline", refine)

    async def write(number: int, share: int) -> str:
        snippets = make_snippets(_SNIPPET_WORDS, 1_000_000 + number)
        prompt = _SECTION.format(wish=wish, snippets=snippets, number=number, words=share)
        return await desk.ask("section", prompt)

    shares = share_words(words, sections)
    texts = await asyncio.gather(*(write(n, share) for n, share in enumerate(shares, 1)))
    return "\n\n".join(texts)
