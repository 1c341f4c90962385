"""What a brief says to a planner: words for the prompt, units, and requirements for each node."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from longwrite.assembly import leaves
from longwrite.language import detect_language
from longwrite.prompts import fence, name_language, name_length
from longwrite.scoring.subject import find_terms
from longwrite.text import clip
from longwrite.types import Brief, Constraint, Section

_TOP_UNITS = {
    "chapters": ("Chapter", "章"),
    "parts": ("Part", "部分"),
    "acts": ("Act", "幕"),
    "lessons": ("Lesson", "课"),
    "sections": ("Section", "节"),
    "entries": ("Entry", "篇"),
    "letters": ("Letter", "封信"),
}
_LEAST_ITEM = 150
"""Words from which on each of a "top ten" is a section of its own."""

_MOST_TOKENS = 8_000
"""Of a brief's prompt that a planner is shown."""

_PRESENT = {"mention", "table", "list", "code"}

_ONLY_NUMBER = re.compile(
    r"第[一二三四五六七八九十百零\d]{1,5}(?:[章节课幕部篇回讲卷]|部分|封信)"
    r"|(?:chapter|part|act|lesson|section|entry|letter) (?:\d{1,3}|[ivxlc]{1,7})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Units:
    """The units that the brief counts: "20 lessons", "five acts"; count 0 when it counts none.

    Numbering begins after `after`, where a manuscript has some already.
    """

    count: int = 0
    name: str = ""
    label: str = ""
    chinese: bool = False
    after: int = 0
    equal: bool = False


def find_units(brief: Brief) -> Units:
    """Return the units that must be the top level of the plan."""
    counted = {
        str(constraint.params.get("unit")): constraint.params
        for constraint in reversed(brief.constraints)
        if constraint.kind == "sections"
    }
    unit = next((name for name in counted if name in _TOP_UNITS), "items")
    count, after = (counted.get(unit, {}).get(name) for name in ("count", "after"))
    if not isinstance(count, int) or not 2 <= count <= 200:
        return Units()
    if unit == "items" and brief.words < _LEAST_ITEM * count:
        return Units()  # a list inside a text, not its sections
    english, chinese = _TOP_UNITS.get(unit, ("", ""))
    in_chinese = brief.language[:2] == "zh"
    equal = any(c.kind == "length" and c.scope == "each" for c in brief.constraints)
    label = chinese if in_chinese else english
    return Units(count, unit, label, in_chinese, after if isinstance(after, int) else 0, equal)


def name_entry(title: str, number: int, units: Units) -> str:
    """Return a top heading, numbered when the brief counts its units."""
    if not units.count:
        return title
    number += units.after
    if not units.label:
        return f"{number}. {title}"
    label = f"第{number}{units.label}" if units.chinese else f"{units.label} {number}"
    if not title or title == label or _ONLY_NUMBER.fullmatch(title):
        return label
    return f"{label} {title}" if units.chinese else f"{label}: {title}"


def subject_terms(brief: Brief) -> tuple[str, ...]:
    """Return the words by which a plan shows that it is about the brief's subject.

    There are none where the document is in another language than the brief.
    """
    asked_in = detect_language(brief.prompt)
    return find_terms(brief.prompt) if asked_in in {"", brief.language[:2]} else ()


def stated_title(brief: Brief) -> str:
    """Return the title that the brief gives, or an empty string."""
    for constraint in brief.constraints:
        if constraint.kind == "title":
            return " ".join(str(constraint.params.get("text", "")).split())[:160]
    return ""


def describe_brief(brief: Brief, window: int) -> dict[str, str]:
    """Return the brief's values for a prompt template, fit for a window of so many tokens."""
    wishes = [c.quote for c in brief.constraints if c.quote and c.kind not in {"length", "form"}]
    return {
        "brief": fence("brief", clip(brief.prompt, min(_MOST_TOKENS, window // 4))),
        "length": name_length(brief.words, brief.language),
        "language": name_language(brief.language),
        "audience": f" Its readers: {brief.audience}." if brief.audience else "",
        "style": f" Its style: {brief.style}." if brief.style else "",
        "requirements": f"\nIt must keep to: {'; '.join(wishes)[:2000]}." if wishes else "",
    }


def distinguish_titles(sections: Sequence[Section]) -> tuple[Section, ...]:
    """Return the tree with no heading twice: a repeated one is told apart by its parent's title."""
    seen: set[str] = set()

    def settle(section: Section, parent: str) -> Section:
        title, number = section.title, 1
        if title and parent and title.casefold() in seen:
            title = f"{title}: {parent}"
        while title and title.casefold() in seen:
            number += 1
            title = f"{section.title} ({number})"
        seen.add(title.casefold())
        children = tuple(settle(child, title) for child in section.sections)
        return replace(section, title=title, sections=children)

    return tuple(settle(section, "") for section in sections)


def assign_constraints(sections: Sequence[Section], brief: Brief) -> tuple[Section, ...]:
    """Return the tree with the brief's requirements given to the leaves that have to meet them.

    What must be present is given to one leaf of its scope, the one whose plan speaks of it if any;
    what must be absent to every leaf of its scope.
    """
    given: dict[str, list[Constraint]] = {}
    for constraint in brief.constraints:
        present = constraint.kind in _PRESENT and constraint.params.get("wanted", True)
        absent = constraint.kind == "avoid" or constraint.params.get("wanted") is False
        if not present and not absent:
            continue
        own = replace(constraint, scope="document")
        for group in _scopes(sections, constraint.scope):
            written = leaves(group)
            for leaf in written if absent else [_choose_leaf(written, constraint)]:
                given.setdefault(leaf.id, []).append(own)
    return tuple(_give(section, given) for section in sections)


def _scopes(sections: Sequence[Section], scope: str) -> Iterator[Sequence[Section]]:
    if scope == "document":
        yield sections
        return
    kind, _, number = scope.partition(":")
    step = int(number) if number.isdigit() else 0
    for place, section in enumerate(sections, 1):
        chosen = (
            kind == "each"
            or (kind == "section" and place == step)
            or (kind == "every" and step and place % step == 0)
        )
        if chosen:
            yield [section]


def _choose_leaf(written: Sequence[Section], constraint: Constraint) -> Section:
    text = str(constraint.params.get("text", "")).casefold()
    for leaf in written:
        if text and text in f"{leaf.title} {leaf.goal}".casefold():
            return leaf
    return written[0]


def _give(section: Section, given: dict[str, list[Constraint]]) -> Section:
    if section.sections:
        return replace(section, sections=tuple(_give(child, given) for child in section.sections))
    return replace(section, constraints=tuple(given.get(section.id, ())))
