"""Going on with a manuscript: its chapters become the pinned past of a run, new sections follow.

The past is written into the run as if a person had edited its section files, so everything else
(the thread that goes on from its last words, the canon noted from it, resume, rewrite) is the
mechanism that every run has.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from longwrite.agent.heads import last_words
from longwrite.assembly import block, leaves, openings
from longwrite.errors import UsageError
from longwrite.prompts import fence
from longwrite.rewards.numbers import find_numbers, parse_number
from longwrite.runs.folder import RunFolder
from longwrite.runs.planfile import hash_node
from longwrite.runs.store import Pin
from longwrite.scoring.structure import Heading, headings
from longwrite.text import clip, count_words
from longwrite.types import Brief, Plan, Section, Written

_OUTLINE_TOKENS = 3_000

PAST = "past"
"""Name of the run's value that counts the manuscript's chapters."""


@dataclass(frozen=True, slots=True)
class Past:
    """A manuscript as it was found.

    Attributes:
        title: Its first heading, when that stands alone at its level.
        chapters: (heading, text) in order; a heading may be empty.
    """

    title: str
    chapters: tuple[tuple[str, str], ...]


_UNDERLINE = re.compile(r"\A[ \t]{0,3}(?:=+|-{2,})[ \t]*(?:\n|\Z)")
_PLAIN = re.compile(
    r"^[ \t\u3000]*(?:(?:chapter|part|book|act)[ \t]+(?P<number>\w{1,12})\b[^\n.!?]{0,60}"
    r"|第[\d〇零一二两三四五六七八九十百千]{1,7}[章回部卷幕篇节][^\n。！？.!?]{0,40})$",
    re.IGNORECASE | re.MULTILINE,
)


def read_past(text: str) -> Past:
    """Divide a manuscript at the headings of its shallowest repeated level.

    In a text without such headings, lines such as "Chapter Two" and 第二章 are its headings.

    Raises:
        UsageError: There is no text.
    """
    if not text.strip():
        raise UsageError("The manuscript can't be continued", "it is empty")
    found = headings(text)
    counts = Counter(heading.level for heading in found)
    level = min((level for level, count in counts.items() if count > 1), default=0)
    plain = [] if level else _plain_headings(text)
    if not level and not plain and len(found) > 1:
        level = sorted(counts)[1]
    borders = plain or [heading for heading in found if heading.level == level]
    first = borders[0].offset if borders else len(text)
    above = [h for h in found[:1] if h.offset < first and (plain or h.level < level)]
    title = above[0] if above else None
    opening = text[:first]
    if title is not None:
        opening = f"{text[: title.offset]}\n\n{_below_heading(text[title.offset : first])}"
    chapters = [("", opening.strip())]
    ends = [heading.offset for heading in borders[1:]] + [len(text)]
    for heading, end in zip(borders, ends, strict=False):
        chapters.append((heading.words, _below_heading(text[heading.offset : end])))
    found_chapters = tuple(filter(any, chapters))
    if not found_chapters:
        raise UsageError("The manuscript can't be continued", "it has no words")
    return Past(title.words if title else "", found_chapters)


def _plain_headings(text: str) -> list[Heading]:
    lines = _PLAIN.finditer(text)
    return [
        Heading(1, " ".join(line.group().split()), line.start())
        for line in lines
        if not line["number"] or parse_number(line["number"]) is not None
    ]


def _below_heading(text: str) -> str:
    """Return what follows the heading that a text begins with, underlined or not."""
    body = text.split("\n", 1)[1] if "\n" in text else ""
    return _UNDERLINE.sub("", body, count=1).strip()


def describe_past(brief: Brief, past: Past) -> Brief:
    """Return the brief for planning what follows: it tells what stands already."""
    outline = "\n".join(f"- {title or '(opening)'}" for title, _ in past.chapters)
    told = "\n\n".join(
        (
            brief.prompt,
            "The document exists already up to here; plan only what follows. Its chapters:",
            fence("chapters", clip(outline, _OUTLINE_TOKENS)),
            "Its last words:",
            fence("last_words", last_words(past.chapters[-1][1])),
        )
    )
    number = next(find_numbers(past.chapters[-1][0][:80]), None)
    last = number.value if number else len(past.chapters)
    constraints = tuple(
        replace(c, params={**c.params, "after": last}) if c.kind == "sections" else c
        for c in brief.constraints
    )
    return replace(brief, prompt=told, constraints=constraints)


def attach_past(folder: RunFolder, plan: Plan, past: Past) -> Plan:
    """Return the plan with the manuscript before it, its chapters pinned as they are."""
    names = [f"m{number}" for number in range(1, len(past.chapters) + 1)]
    before = tuple(
        Section(name, title, words=1) for name, (title, _) in zip(names, past.chapters, strict=True)
    )
    after = tuple(_follow(section, names[-3:]) for section in plan.sections)
    whole = replace(plan, title=past.title, sections=(*before, *after))
    heads = openings(whole)
    texts = dict(zip(names, (text for _, text in past.chapters), strict=True))
    measured = tuple(
        replace(section, words=max(1, count_words(block(heads[section.id], texts[section.id]))))
        for section in before
    )
    pins = [
        (node.id, hash_node(node), Pin("hand", Written(texts[node.id], node.words, node.words)))
        for node in measured
    ]
    folder.store.put_pins(pins)
    folder.store.set_meta(PAST, str(len(measured)))
    return replace(whole, sections=(*measured, *after))


def _follow(section: Section, needs: Sequence[str]) -> Section:
    """Return a new section that waits for the facts of the last chapters before it."""
    ids = {leaf.id for leaf in leaves([section])} | {section.id}
    return replace(section, needs=(*needs, *(need for need in section.needs if need not in ids)))
