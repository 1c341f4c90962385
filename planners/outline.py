"""The default planner: a tree, each level asked side by side.

The root gives title, bible and the top level; each node that is too long for one section is divided
again, all nodes of a level at the same time, so that planning costs the logarithm of the length.
Short documents skip levels, the shortest need no call at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from longwrite.engines.engine import Engine, gather_calls
from longwrite.planners.asking import Level, ask_level
from longwrite.planners.briefing import (
    Units,
    assign_constraints,
    describe_brief,
    distinguish_titles,
    find_units,
    name_entry,
    stated_title,
    subject_terms,
)
from longwrite.planners.entries import Entry
from longwrite.planners.forms import CHAPTERS, ROOT, SECTIONS, WHOLE, show_form
from longwrite.planners.shape import (
    ONE_SECTION_BELOW,
    Sizes,
    allocate,
    choose_sizes,
    count_children,
)
from longwrite.prompts import fill, name_length
from longwrite.scoring.subject import share_terms
from longwrite.text import clip
from longwrite.types import Brief, Json, Message, Plan, Sampling, Section

_PACKAGE = "longwrite.planners"

_SECTION_FIELDS = " and words (its share of the length)"
_CHAPTER_FIELDS = (
    ", words (its share of the length), entry and exit (a sentence each on what the reader knows"
    " when it begins and ends), needs (numbers of earlier entries of its list whose exact facts it"
    " can't do without; usually none) and establishes (up to three facts, names or terms it fixes)"
)


@dataclass(frozen=True, slots=True)
class _Frame:
    """What all calls of one plan share."""

    brief: Brief
    engine: Engine
    sampling: Sampling
    sizes: Sizes
    units: Units
    headed: bool
    title: str = ""
    bible: str = ""
    outline: str = ""


class OutlinePlanner:
    """Plans parts, chapters and sections as the length demands."""

    async def plan(self, brief: Brief, engine: Engine, sampling: Sampling) -> Plan:
        """Return a plan whose leaves' words add up to the brief's exactly.

        Args:
            brief: What is wanted.
            engine: Who plans.
            sampling: How; its seed is the run's.

        Raises:
            EngineError: The engine doesn't answer.
        """
        units = find_units(brief)
        count = units.count or _count_root(brief, engine)
        if count < 2 or brief.words < 2 * count:
            sections = assign_constraints((Section("1", "", words=brief.words),), brief)
            title = _unheaded_title(brief)
            return Plan(title, sections, planner="outline")
        frame = _Frame(
            brief,
            engine,
            sampling,
            choose_sizes(engine.abilities.window, brief.language, brief.words),
            units,
            headed=_is_headed(brief, units),
        )
        level = Level(
            self._root_messages(frame, count),
            node="",
            count=count,
            exact=bool(units.count),
            words=brief.words,
            language=brief.language,
            step="plan.root",
            schema=WHOLE if _is_one_chapter(frame, count) else ROOT,
            terms=subject_terms(brief),
        )
        reading, warnings = await ask_level(level, engine, sampling)
        title = stated_title(brief) or _one_line(reading.title) or _one_line(brief.prompt)[:60]
        entries = reading.entries
        budgets = allocate(brief.words, [1.0 if units.equal else entry.words for entry in entries])
        frame = replace(
            frame,
            title=title,
            bible=reading.bible,
            outline=_list_entries(entries, budgets),
        )
        nodes = await gather_calls(
            self._grow(frame, entry, (number,), words)
            for number, (entry, words) in enumerate(zip(entries, budgets, strict=True), 1)
        )
        warnings += tuple(warning for _, found in nodes for warning in found)
        sections = _link(tuple(node for node, _ in nodes), entries)
        return Plan(
            title if frame.headed or units.count else _unheaded_title(brief),
            assign_constraints(distinguish_titles(sections), brief),
            bible=reading.bible,
            planner="outline",
            warnings=warnings,
        )

    def _root_messages(self, frame: _Frame, count: int) -> tuple[Message, ...]:
        whole = _is_one_chapter(frame, count)
        prompt = fill(
            _PACKAGE,
            "whole" if whole else "root",
            **describe_brief(frame.brief, frame.engine.abilities.window),
            count=count,
            unit=frame.units.name or "parts",
            form=_answer_form(frame.engine, WHOLE if whole else ROOT),
        )
        return Message("system", fill(_PACKAGE, "system")), Message("user", prompt)

    def _level_messages(
        self, frame: _Frame, entry: Entry, path: tuple[int, ...], words: int, count: int
    ) -> tuple[Message, ...]:
        """Return the prompt that divides a node.

        What all nodes share stands before the node, so that an engine's cache keeps it; an engine
        that answers in plain lines is small, and is told the form last.
        """
        window = frame.engine.abilities.window
        form = _level_form(frame, words, count)
        prompt = fill(
            _PACKAGE,
            "divide" if frame.engine.abilities.json else "level",
            **describe_brief(frame.brief, window)
            | {"length": name_length(words, frame.brief.language)},
            title=frame.title,
            total=name_length(frame.brief.words, frame.brief.language),
            bible=clip(frame.bible, window // 10),
            outline=clip(frame.outline, window // 6),
            place=f"{'.'.join(map(str, path))}. {entry.title}",
            goal=entry.goal,
            entry=entry.entry or "the part before it has ended",
            exit=entry.exit or "its goal is reached",
            count=count,
            unit="parts",
            fields=_SECTION_FIELDS if form is SECTIONS else _CHAPTER_FIELDS,
            form=_answer_form(frame.engine, form),
        )
        return Message("system", fill(_PACKAGE, "system")), Message("user", prompt)

    async def _grow(
        self, frame: _Frame, entry: Entry, path: tuple[int, ...], words: int
    ) -> tuple[Section, tuple[str, ...]]:
        """Return the node of an entry, divided further where it is too long."""
        node = self._make_node(frame, entry, path, words)
        count = count_children(words, frame.sizes)
        if count < 2:
            return node, ()
        level = Level(
            self._level_messages(frame, entry, path, words, count),
            node=node.id,
            count=count,
            exact=False,
            words=words,
            language=frame.brief.language,
            step="plan.level",
            schema=_level_form(frame, words, count),
            terms=share_terms(subject_terms(frame.brief), f"{entry.title}. {entry.goal}"),
        )
        reading, warnings = await ask_level(level, frame.engine, frame.sampling)
        budgets = allocate(words, [child.words for child in reading.entries])
        grown = await gather_calls(
            self._grow(frame, child, (*path, number), budget)
            for number, (child, budget) in enumerate(zip(reading.entries, budgets, strict=True), 1)
        )
        children = _link(tuple(child for child, _ in grown), reading.entries)
        warnings += tuple(warning for _, found in grown for warning in found)
        return replace(node, sections=children), warnings

    def _make_node(self, frame: _Frame, entry: Entry, path: tuple[int, ...], words: int) -> Section:
        top = len(path) == 1
        title = name_entry(entry.title, path[0], frame.units) if top else entry.title
        goal = entry.goal
        if not (frame.headed or (top and frame.units.count)):
            title, goal = "", f"{entry.title}: {entry.goal}"
        return Section(
            id=".".join(map(str, path)),
            title=title,
            goal=goal,
            words=words,
            entry=entry.entry,
            exit=entry.exit,
            establishes=entry.establishes,
        )


def _unheaded_title(brief: Brief) -> str:
    """Return the title of a text without headings: the stated one, and none for a letter."""
    return "" if brief.form == "letter" else stated_title(brief)


def _count_root(brief: Brief, engine: Engine) -> int:
    if brief.words < ONE_SECTION_BELOW:
        return 0
    return count_children(
        brief.words, choose_sizes(engine.abilities.window, brief.language, brief.words)
    )


def _is_headed(brief: Brief, units: Units) -> bool:
    for constraint in brief.constraints:
        if constraint.kind == "headings":
            return bool(constraint.params.get("wanted", True))
    return brief.form == "document"


def _level_form(frame: _Frame, words: int, count: int) -> Mapping[str, Json]:
    return SECTIONS if _is_leaf(frame, words // count) else CHAPTERS


def _is_leaf(frame: _Frame, words: int) -> bool:
    """Tell whether a node of so many words is written and not divided further."""
    return count_children(words, frame.sizes) < 2


def _is_one_chapter(frame: _Frame, count: int) -> bool:
    """Tell whether a text is written in one thread, by an engine that can be asked by schema."""
    if not frame.engine.abilities.json or count > frame.sizes.per_chapter:
        return False
    return _is_leaf(frame, frame.brief.words // count)


def _answer_form(engine: Engine, schema: Mapping[str, Json]) -> str:
    if not engine.abilities.json:
        return fill(_PACKAGE, "lines")
    return fill(_PACKAGE, "json", form=show_form(schema))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:160]


def _list_entries(entries: Sequence[Entry], budgets: Sequence[int]) -> str:
    return "\n".join(
        f"{number}. {entry.title} ({budget:,}): {entry.goal[:300]}"
        for number, (entry, budget) in enumerate(zip(entries, budgets, strict=True), 1)
    )


def _link(nodes: tuple[Section, ...], entries: Sequence[Entry]) -> tuple[Section, ...]:
    """Turn needs given as numbers of earlier entries into ids; others are dropped."""
    return tuple(
        replace(
            node,
            needs=tuple(
                nodes[need - 1].id for need in sorted(set(entry.needs)) if 1 <= need <= place
            ),
        )
        for place, (node, entry) in enumerate(zip(nodes, entries, strict=True))
    )
