"""Which way a stated number binds: about, at least, at most, exactly.

The cue stands right before the number ("no more than 500 words") or right after its unit ("500
words or less", 500字以内). A negation turns it round. "About" beside a limit wins over the limit:
"within about 500 words" names a size, not an edge; beside "at least" it does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Stated = Literal["about", "at_least", "at_most", "between", "exactly"]

BEFORE = 70
AFTER = 30

_FILLER = (
    r"(?:(?:an?|the|of|to|be|is|total|overall|length|word|count|target|limit|roughly"
    r"|为|是|在|要求|达到?|需要?|要|有|写?[到满够]|写|包[含括]|含|分[为成]?|设|:|：|\(|（|=|\*{1,2})\s*){0,6}$"
)
_NOT = (
    r"(?:\bnot|n['’]t|\bnever|\bwithout|\bcannot|\bnor|\bnothing)\s+(?:to\s+)?"
    r"(?:(?:want|need|write|make|let|give\s+me)\s+(?:anything|it|something|this|the\s+\w+"
    r"|more\s+text)?\s*(?:be(?:come)?\s+|get\s+)?)?"
    r"(?:be\s+|go(?:ing)?\s+|fall\s+)?"
)
_CUES: tuple[tuple[Stated, str], ...] = (
    (
        "at_most",
        rf"{_NOT}(?:exceed(?:s|ing)?|over|above|beyond|surpass(?:ing)?|(?:more|longer"
        rf"|greater)\s+than)"
        r"|\bno\s+(?:more|longer|greater)\s+than"
        r"|\bno\s+[a-z]+\s+(?:(?:should|may|must|can)\s+be\s+|is\s+)?(?:(?:more|longer"
        r"|greater)\s+than|over|above|beyond)"
        r"|[不勿别莫][^，。；\n]{0,3}(?:超过|超出|超|多于|大于|高于)",
    ),
    (
        "at_least",
        rf"{_NOT}(?:under|below|(?:less|fewer|shorter)\s+than)"
        r"|\bno\s+(?:less|fewer|shorter)\s+than"
        r"|[不勿别莫][^，。；\n]{0,3}(?:少于|低于|小于|少|低|下于)",
    ),
    (
        "at_least",
        r"\bat\s+(?:the\s+)?(?:very\s+)?(?:least|lease|minimum)|\bminimum|\bmin\b\.?"
        r"|\b(?:more|longer|greater)\s+than|\bover|\babove|\bexceed(?:s|ing)?|\bbeyond"
        r"|\b(?:in\s+excess|north)\s+of|\bupwards?\s+of|\bsurpass(?:es|ing)?|[>≥]=?"
        r"|至少|最少|起码|超过|超出|大于|多于|高于|最低",
    ),
    (
        "at_most",
        r"\bat\s+(?:the\s+)?(?:very\s+)?most|\bup\s+to|\bunder|\bbelow|\bwithin|\bmaximum"
        r"|\bmax\b\.?"
        r"|\b(?:less|fewer|shorter)\s+than|[<≤]=?"
        r"|\b(?:limit|restrict|confin|cap|trim)(?:ed|ing|s|ped)?\b[^.;\n0-9]{0,30}"
        r"|\bkeep(?:ing)?\b[^.;\n0-9]{0,30}\bto"
        r"|最多|至多|少于|低于|小于|最高|上限|限(?:制|定)?",
    ),
    ("exactly", r"\bexactly|\bprecisely|正好|恰好|刚好"),
)
_BEFORE = tuple((stated, re.compile(rf"(?:{cue})\s*{_FILLER}", re.I)) for stated, cue in _CUES)
_ABOUT_BEFORE = re.compile(
    r"(?:\babout|\baround|\bapproximately|\bapprox\b\.?|\broughly|\bcirca|\bca\b\.|\bnearly"
    r"|\balmost"
    r"|\b(?:close|near)\s+to|\bnear|\bsome|\bin\s+the\s+(?:region|neighbou?rhood)\s+of|[~～≈]"
    r"|大约|大概|大致|约|差不多|将近|接近)(?:为|是|在)?"
    r"\s*(?:(?:an?|the|total|of|length)\s+){0,3}$",
    re.I,
)
_AFTER: tuple[tuple[Stated, re.Pattern[str]], ...] = (
    (
        "at_least",
        re.compile(
            r"[\s,(-]{0,3}(?:long\s+|in\s+length\s+)?(?:(?:or|and)\s+(?:more|longer|above|over|up"
            r"|greater)"
            r"|min(?:imum)?\b(?!\.?\s*(?:of\s*)?[0-9])|at\s+(?:the\s+)?(?:least|minimum)|plus\b"
            r"|起(?![来码])|[或及]?以上|开外)",
            re.I,
        ),
    ),
    (
        "at_most",
        re.compile(
            r"[\s,(-]{0,3}(?:long\s+|in\s+length\s+)?(?:or\s+(?:less|fewer|under|below|shorter)"
            r"|max(?:imum)?\b(?!\.?\s*(?:of\s*)?[0-9])|limit\b|cap\b|at\s+(?:the\s+)?(?:most"
            r"|maximum)|tops\b"
            r"|(?:或者?)?[以之]内|[或及]?以下|内(?!容|涵|部|在|心|外)|为限|封顶|上限)",
            re.I,
        ),
    ),
    (
        "about",
        re.compile(
            r"[\s,(]{0,2}(?:long\s+)?(?:or\s+so|more\s+or\s+less|approximately|approx\b"
            r"|give\s+or\s+take"
            r"|左右|上下|前后)",
            re.I,
        ),
    ),
)
_STRONGEST: tuple[Stated, ...] = ("at_least", "about", "at_most", "exactly")


@dataclass(frozen=True, slots=True)
class Cue:
    """How a number binds, and the offsets from the first to the last word that says so."""

    stated: Stated
    start: int
    end: int
    bare: bool


def read_cue(text: str, start: int, end: int) -> Cue:
    """Return the cue of the number and unit at ``start:end``; without any it is ``about``, bare.

    >>> read_cue("no more than 500 words", 13, 22).stated, read_cue("800字以上", 0, 4).stated
    ('at_most', 'at_least')
    """
    left = text[max(0, start - BEFORE) : start]
    left = left[max(left.rfind("\n"), left.rfind("。"), left.rfind("；")) + 1 :]
    right = text[end : end + AFTER]
    floor = start - len(left)
    found: dict[Stated, tuple[int, int]] = {}
    about = _ABOUT_BEFORE.search(left)
    if about:
        found["about"] = (floor + about.start(), end)
        left = left[: about.start()]
    for stated, pattern in _BEFORE:
        if match := pattern.search(left):
            found[stated] = (floor + match.start(), end)
            break
    for stated, pattern in _AFTER:
        if match := pattern.match(right):
            found.setdefault(stated, (start, end + match.end()))
            break
    if not found:
        return Cue("about", start, end, bare=True)
    first = min(begin for begin, _ in found.values())
    last = max(finish for _, finish in found.values())
    stated = next(choice for choice in _STRONGEST if choice in found)
    return Cue(stated, first, last, bare=False)
