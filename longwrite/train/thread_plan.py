"""The plan of a document that is written in one conversation: asked for once, read or refused.

The words are the outline planner's, so that what is learned is what the agent asks. What the agent
may do, asking again, mending a plan, dividing its sections further, would leave nothing to learn
from: here a plan is one reply, flat, and one that can't be read is the policy's own fault.
"""

from __future__ import annotations

from longwrite.planners.asking import fits
from longwrite.planners.briefing import (
    assign_constraints,
    describe_brief,
    distinguish_titles,
    find_units,
    name_entry,
    stated_title,
)
from longwrite.planners.entries import Entry, read_entries
from longwrite.planners.shape import allocate, choose_sizes
from longwrite.prompts import fill
from longwrite.types import Brief, Message, Plan, Section

_PACKAGE = "longwrite.planners"
_FEW, _LEAST = 3, 100
"""A short text has up to three sections, of a hundred words at least, so that they differ."""


def count_sections(brief: Brief, window: int) -> int:
    """Return how many sections are asked for: as many as the brief counts, or as length demands.

    >>> [count_sections(Brief("A story.", words), 4096) for words in (150, 300, 1_000, 3_000)]
    [2, 3, 3, 6]
    """
    few = min(_FEW, brief.words // _LEAST)
    usual = round(brief.words / choose_sizes(window, brief.language, brief.words).section)
    return find_units(brief).count or max(2, few, usual)


def ask_for_plan(brief: Brief, window: int) -> tuple[Message, ...]:
    """Return the conversation that asks for a plan."""
    prompt = fill(
        _PACKAGE,
        "root",
        **describe_brief(brief, window),
        count=count_sections(brief, window),
        unit=find_units(brief).name or "parts",
        form=fill(_PACKAGE, "lines"),
    )
    return Message("system", fill(_PACKAGE, "system")), Message("user", prompt)


def read_plan(brief: Brief, said: str, window: int) -> Plan | None:
    """Return the plan that a reply gives, its words adding up to the brief's; None for none.

    Args:
        brief: What is planned.
        said: The reply.
        window: Tokens that the conversation may have.
    """
    units = find_units(brief)
    reading = read_entries(said)
    entries = reading.entries
    count = count_sections(brief, window)
    if not fits(reading, count, exact=bool(units.count)) or brief.words < len(entries):
        return None
    budgets = allocate(brief.words, [1.0 if units.equal else one.words for one in entries])
    headed = brief.form == "document" or bool(units.count)
    title = "" if brief.form == "letter" else stated_title(brief)
    if headed:
        title = title or " ".join((reading.title or brief.prompt[:60]).split())[:160]
    sections = []
    for number, (entry, words) in enumerate(zip(entries, budgets, strict=True), 1):
        heading = name_entry(entry.title, number, units) if headed else ""
        sections.append(_make_section(str(number), heading, entry, words))
    told = assign_constraints(distinguish_titles(sections), brief)
    return Plan(title, told, bible=reading.bible, planner="outline")


def _make_section(name: str, heading: str, entry: Entry, words: int) -> Section:
    return Section(
        id=name,
        title=heading,
        goal=entry.goal if heading else f"{entry.title}: {entry.goal}",
        words=words,
        entry=entry.entry,
        exit=entry.exit,
        establishes=entry.establishes,
    )
