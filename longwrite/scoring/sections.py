"""Where the sections of a text begin and end, found in the text alone."""

from __future__ import annotations

import re
from collections import Counter

from longwrite.scoring.structure import headings
from longwrite.types import Span

_LABEL = re.compile(
    r"\n[ \t]{0,3}[*_【\[（(]{0,3}"
    r"(?:第[0-9零一二两三四五六七八九十百]{1,5}(?P<sign>[章幕课部篇节讲回集封])"
    r"|(?=[acelmps])(?P<word>chapter|act|part|lesson|section|letter|episode|entry|module)[ \t]+"
    r"(?:[0-9]{1,4}|[ivxlc]{1,7}|[a-z]{3,9})\b)",
    re.IGNORECASE,
)
_MARK = re.compile(r"#\*#")

MOST = 20_000
"""Headings of a text; where there are more they cut nothing, for no document has so many parts."""


def cut_sections(text: str) -> list[tuple[str, Span]]:
    """Return the title and the characters of each top-level section, the text's title left out.

    They begin at the headings of the shallowest level that occurs more than once; in a text
    without such headings, at ``#*#`` marks (LongGenBench's blocks), or at the lines that begin with
    a label such as "Act 2" or 第二幕. Without any of these, and beyond
    `MOST` headings, there are none.

    >>> [title for title, _ in cut_sections(chr(10).join(["# T", "", "## One", "## Two"]))]
    ['One', 'Two']
    """
    found = headings(text)
    if len(found) > MOST:
        return []
    counts = Counter(heading.level for heading in found)
    top = min((level for level, count in counts.items() if count > 1), default=0)
    if top:
        stops = [heading.offset for heading in found if heading.level <= top]
        ends = dict(zip(stops, [*stops[1:], len(text)], strict=True))
        return [
            (heading.words, Span(heading.offset, ends[heading.offset]))
            for heading in found
            if heading.level == top
        ]
    starts = _find_marks(text) or _find_labels(text)
    if not starts:
        return []
    return [
        (text[start:end].lstrip("#* \t\n").partition("\n")[0].strip()[:80], Span(start, end))
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True)
    ]


def _find_marks(text: str) -> list[int]:
    starts = [match.start() for match in _MARK.finditer(text)]
    return starts if len(starts) > 1 else []


def _find_labels(text: str) -> list[int]:
    labels = [
        ((match["sign"] or match["word"]).lower(), match.start())
        for match in _LABEL.finditer(f"\n{text}")  # to begin with a line break is much faster
    ]
    starts = [start for unit, start in labels if unit == labels[0][0]]
    return starts if len(starts) > 1 else []
