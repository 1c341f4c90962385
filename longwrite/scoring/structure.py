"""The shape of a Markdown text: how its headings stand.

A writer asked for a section often repeats the section's heading, or opens headings of its own that
belong above it in the document; both are put right by code.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from longwrite.scoring.endings import NUMBERING
from longwrite.text import blocks, heading_text, visible, words

_CONTINUED = re.compile(
    r"[ \t]*[(（\[](?:continued|cont\.?|续|續|上|下)[)）\]][ \t]*\Z", re.IGNORECASE
)
# A sentence above dashes is prose above a rule.
_SETEXT = re.compile(r"[^\n]{0,119}[^\n.!?…。！？,;:]\n[ \t]{0,3}(=+|-{2,})[ \t]*(?=\n|\Z)")


class Heading(NamedTuple):
    """A heading of a Markdown text; `offset` is where its line begins."""

    level: int
    words: str
    offset: int


def headings(text: str) -> list[Heading]:
    """Return the headings outside code fences, underlined ones too, in order."""
    return list(_headings(text)[0])


def duplicate_headings(text: str) -> list[Heading]:
    """Return the headings that repeat one under the same parent, their numbering aside."""
    names: dict[str, str] = {}
    places: dict[tuple[int, str], int] = {}  # its parent's place and its name, to a place
    path: list[tuple[int, int]] = []
    found = []
    for heading in _headings(text)[0]:
        level, title, _ = heading
        name = names.get(title)
        if name is None:
            name = _name(title)
            if len(names) < _NAMES:
                names[title] = name
        while path and path[-1][0] >= level:
            path.pop()
        key = (path[-1][1] if path else 0, name)
        place = places.get(key)
        if place is None:
            place = places[key] = len(places) + 1
        elif name:
            found.append(heading)
        path.append((level, place))
    return found


_NAMES = 1_000
"""Headings whose names are kept: where there are very many headings, they are the same few."""


def _name(title: str) -> str:
    """Return what is compared of a heading: its words without their numbering."""
    plain = title.lower()
    number = NUMBERING.match(plain)
    return plain[number.end() :] or plain if number else plain


def demote_headings(text: str, level: int) -> str:
    """Move all headings of a section's text below `level`, keeping their order of rank.

    A heading that would be deeper than Markdown's six levels becomes a bold line.
    """
    found, sizes = _headings(text)
    shift = max((level + 1 - heading.level for heading in found), default=0)
    if shift <= 0:
        return text
    parts: list[str] = []
    end = 0
    for heading, size in zip(found, sizes, strict=True):
        depth = heading.level + shift
        line = (
            text[heading.offset : heading.offset + size].strip().split("\n")[0].lstrip("#").strip()
        )
        bold = f"**{heading.words}**" if heading.words else ""
        parts += [text[end : heading.offset], f"{'#' * depth} {line}" if depth <= 6 else bold]
        end = heading.offset + size
    return "".join([*parts, text[end:]])


def strip_own_heading(text: str, title: str) -> str:
    """Take away what a section's text opens with when that repeats the section's own title.

    A heading, a bold line or a line alone; also numbered ("Chapter 3: Title", "第三章 标题"), and
    with a heading of the number alone before it. Returns the text itself when nothing is taken.
    """
    wanted = _keys(title)
    number = " ".join(words(title))
    taken = 0
    pending = 0
    for _ in range(3):
        line, size = _opening(text[taken + pending : taken + pending + 2000])
        if not line:
            break
        only_number = not _unnumbered(visible(line)).strip()
        if _keys(line) & wanted or (only_number and number.startswith(" ".join(words(line)) + " ")):
            taken, pending = taken + pending + size, 0
        elif only_number:
            pending += size
        else:
            break
    return text[taken:].lstrip("\r\n") if taken else text


def _opening(text: str) -> tuple[str, int]:
    """Return the words of the heading-like line that a text opens with, and where it ends."""
    first = next(iter(blocks(text)), None)
    if first is None:
        return "", 0
    if first.kind == "heading":
        return heading_text(first.text), first.start + len(first.text)
    if first.kind not in ("paragraph", "list"):
        return "", 0
    if setext := _SETEXT.match(first.text):
        return first.text.split("\n")[0], first.start + setext.end()
    line = first.text.split("\n")[0].strip()
    bold = line.startswith(("**", "__")) and line.rstrip(":：").endswith(("**", "__"))
    named = first.kind == "paragraph" and NUMBERING.match(line)
    alone = line == first.text.strip()
    end = first.start + len(first.text.split("\n")[0])
    return (line, end) if bold or named or alone else ("", 0)


def _keys(title: str) -> set[str]:
    """Return the words of a title, with its numbering and without."""
    plain = _CONTINUED.sub("", visible(title[:300]).strip())
    return {" ".join(words(each)) for each in (plain, _unnumbered(plain))} - {""}


def _unnumbered(title: str) -> str:
    """Take a title's number away, twice in "Section 3: 3.1 Title"."""
    return NUMBERING.sub("", NUMBERING.sub("", title))


@lru_cache(maxsize=4)  # the measures of one text all ask for its headings
def _headings(text: str) -> tuple[tuple[Heading, ...], tuple[int, ...]]:
    """Return the headings, and the length of the lines of each."""
    found = []
    sizes = []
    for kind, body, start in blocks(text):
        if kind == "heading":
            marked = body.lstrip()
            level = len(marked) - len(marked.lstrip("#"))
            # Heading(…) in half the time.
            found.append(tuple.__new__(Heading, (level, heading_text(body), start)))
            sizes.append(len(body))
        elif kind == "paragraph" and (setext := _SETEXT.match(body)):
            level = 1 if setext.group(1)[0] == "=" else 2
            found.append(Heading(level, visible(body.split("\n")[0]).strip(), start))
            sizes.append(setext.end())
    return tuple(found), tuple(sizes)
