"""AgentWrite's plan: one flat list of passages, each with a main point and a word count.

The published planner of LongWriter, as lines. What differs, and why: counts are scaled to add up to
the target, a plan of any number of lines is used (the published one drops documents of more than
50), and a line of more than 1,000 words becomes several passages.
"""

from __future__ import annotations

import math
import re

from longwrite.engines.engine import Engine
from longwrite.planners.asking import Level, ask_level
from longwrite.planners.briefing import assign_constraints, describe_brief, subject_terms
from longwrite.planners.entries import Entry, Reading
from longwrite.planners.shape import ONE_SECTION_BELOW, allocate
from longwrite.prompts import fill
from longwrite.types import Brief, Message, Plan, Sampling, Section

_PACKAGE = "longwrite.planners"
_STEP = 600
_MOST = 1000
_MOST_LINES = 60
_LINE = re.compile(
    r"^\W{0,6}(?:paragraph|段落|第)\s{0,3}\d{1,4}\s{0,3}段?"
    r"\W{1,6}(?:main point|主要观点|要点)\s{0,3}[:：]\s{0,3}(?P<point>.{1,1500}?)"
    r"\s{0,3}[-–—,，]{0,3}\s{0,3}(?:word count|字数)\s{0,3}[:：]\D{0,12}(?P<words>[\d,]{1,9})",
    re.IGNORECASE,
)


class AgentWritePlanner:
    """Plans passages without headings, in one call."""

    async def plan(self, brief: Brief, engine: Engine, sampling: Sampling) -> Plan:
        """Return a flat plan; see `longwrite.planners.outline.OutlinePlanner.plan`."""
        if brief.words < ONE_SECTION_BELOW:
            sections = assign_constraints((Section("1", "", words=brief.words),), brief)
            return Plan("", sections, planner="agentwrite")
        count = min(_MOST_LINES, max(2, round(brief.words / _STEP)))
        prompt = fill(
            _PACKAGE, "agentwrite", **describe_brief(brief, engine.abilities.window), count=count
        )
        level = Level(
            (Message("system", fill(_PACKAGE, "system")), Message("user", prompt)),
            node="",
            count=count,
            exact=False,
            words=brief.words,
            language=brief.language,
            step="plan.lines",
            terms=subject_terms(brief),
        )
        reading, warnings = await ask_level(level, engine, sampling, read_lines)
        budgets = allocate(brief.words, [entry.words for entry in reading.entries])
        passages: list[tuple[str, int]] = []
        for entry, words in zip(reading.entries, budgets, strict=True):
            pieces = allocate(words, [1.0] * math.ceil(words / _MOST))
            for number, piece in enumerate(pieces, 1):
                suffix = f" ({number}/{len(pieces)})" if len(pieces) > 1 else ""
                passages.append((entry.goal + suffix, piece))
        sections = tuple(
            Section(str(number), "", goal=goal, words=words)
            for number, (goal, words) in enumerate(passages, 1)
        )
        return Plan(
            "", assign_constraints(sections, brief), planner="agentwrite", warnings=warnings
        )


def read_lines(reply: str) -> Reading:
    """Read the passages of a reply; other lines are left out."""
    found = []
    for line in reply[:400_000].splitlines():
        if match := _LINE.match(line[:2000]):
            words = float(match["words"].replace(",", "") or 0)
            point = " ".join(match["point"].split())
            found.append(Entry(title=point[:80], goal=point, words=words))
    return Reading(entries=tuple(found))
