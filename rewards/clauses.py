"""A prompt made ready for reading: its sentences, what it only quotes, and its places.

Words found in a prompt mean something only inside their sentence, so every finder of constraints
asks here, and never looks further than a fixed number of characters.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from longwrite.rewards.numbers import narrow

REACH = 300
"""How far from its middle a sentence is followed, in characters."""

GAP = 40
"""The longest run of white space that may stand between two words that belong together."""

SECTION_WORDS = {
    "chapter": "chapters",
    "lesson": "lessons",
    "lecture": "lessons",
    "act": "acts",
    "part": "parts",
    "section": "sections",
    "episode": "episodes",
    "module": "modules",
    "entry": "entries",
    "entries": "entries",
    "letter": "letters",
}
"""English nouns for a top-level section, to the unit that a ``sections`` constraint counts."""

SECTION_SIGNS = {
    "章": "chapters",
    "章节": "chapters",
    "回": "chapters",
    "幕": "acts",
    "部分": "parts",
    "部": "parts",
    "节课": "lessons",
    "次课": "lessons",
    "堂课": "lessons",
    "课时": "lessons",
    "课": "lessons",
    "讲": "lessons",
    "节": "sections",
    "环节": "sections",
    "集": "episodes",
    "篇": "entries",
    "封": "letters",
}
"""Chinese measure words for a top-level section, to the unit that is counted."""

ENGLISH_SECTION = "(?:" + "|".join(sorted(SECTION_WORDS, key=len, reverse=True)) + ")s?"
CHINESE_SECTION = "(?:" + "|".join(sorted(SECTION_SIGNS, key=len, reverse=True)) + ")"

PLACE = (
    rf"(?:{ENGLISH_SECTION}|weeks?|days?|months?|years?|nights?|floors?|stor(?:ey|y|eys|ies)"
    r"|levels?"
    r"|blocks?|stops?|stations?|rooms?|scenes?|stanzas?|verses?|poems?|essays?|articles?|posts?"
    r"|songs?"
    r"|tales?|recipes?|menus?|scenarios?|rounds?|stages?|units?|topics?|emails?|diary\s+entr(?:y"
    r"|ies))"
)
"""English nouns for what a long text goes through one after another, sections included."""

CHINESE_PLACE = (
    rf"(?:{CHINESE_SECTION}|周|星期|层楼?|楼|天|日|个?月|年|晚|站|街区|区块|首|则|条|期|场|轮|关|单元"
    r"|阶段|版块|板块)"
)
"""The same for Chinese measure words."""

CHINESE_NTH = (
    rf"(?:每隔?[0-9一二两三四五六七八九十]{{0,3}}个?|第[0-9一二两三四五六七八九十百]{{1,5}}个?)"
    rf"{CHINESE_PLACE}"
)
"""Certain places in Chinese: 每三章, 第二层."""

WRITE = (
    r"\b(?:write|rewrite|compose|create|draft|generate|produce|craft|prepare|pen|make|give|provide"
    r"|design|develop|establish|author|deliver|build|tell|publish)\b"
)
"""English verbs whose object is the text asked for."""

ADJECTIVE = (
    r"(?:(?!(?:an?|the|and|or|of|in|into|to|as|for|from|with|on|about|is|by|at|words?|pages?)\b)"
    r"[\w-]+\s+)"
)
"""A word that may stand between an article or a verb and its noun, with the space after it."""

QUOTED = (
    r"(?:“[^“”\n]{1,200}”|\"[^\"\n]{1,200}\"|‘[^‘’\n]{1,200}’|「[^「」\n]{1,200}」"
    r"|『[^『』\n]{1,200}』|《[^《》\n]{1,100}》|`[^`\n]{1,200}`|(?<!\w)'[^'\n]{1,100}'(?!\w))"
)
"""A stretch set apart by quotation marks, as the part of a larger regex; marks included."""

MOST = 100
"""Wordings of a kind that are looked at; a prompt that holds more is no request."""

ENDS = 20_000
"""Characters at each end of a long prompt in which wishes are looked for."""

_GAP = re.compile(rf"\s{{{GAP},}}")
_SENTENCE_END = re.compile(r"[.!?]+(?=[\s\"'”’)*]|$)|[。！？；;\n]")
_OMITTED = "\n\x00\n"
_QUOTES = re.compile(
    r"“[^“”]{1,3000}”|「[^「」]{1,3000}」|『[^『』]{1,3000}』|《[^《》]{1,300}》"
    r"|(?<!\w)\"(?=\S)[^\"\n]{1,3000}(?<=\S)\"(?!\w)"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A prompt, the same made plain for reading (offsets hold), sentence ends and quotations."""

    prompt: str
    text: str
    ends: tuple[int, ...]
    quotes: tuple[tuple[int, int], ...]


def shorten(prompt: str) -> str:
    """Return the two ends of a long prompt, where its wishes stand; between them is material.

    Both ends begin and stop where a sentence does, if one does within `REACH` characters.
    """
    if len(prompt) <= 2 * ENDS:
        return prompt
    places = (match.end() for match in _SENTENCE_END.finditer(prompt, ENDS - REACH, ENDS + 1))
    stops = [place for place in places if place <= ENDS]
    tail = prompt[len(_OMITTED) - ENDS :]
    begin = _SENTENCE_END.search(tail, 0, REACH)
    return prompt[: stops[-1] if stops else ENDS] + _OMITTED + tail[begin.end() if begin else 0 :]


def read_source(prompt: str) -> Source:
    """Find the sentence ends and the quotations of a prompt, in linear time.

    A quotation that is nearly all of the prompt is the prompt itself, with quotation marks.
    No run of white space stays longer than `GAP`, so that looking across one costs little.
    """
    text = _GAP.sub(lambda run: run[0][:2] + "\x00" * (len(run[0]) - 2), narrow(prompt))
    quotes = tuple(
        match.span()
        for match in _QUOTES.finditer(text)
        if 10 * (match.end() - match.start()) < 9 * len(text)
    )
    ends = tuple(match.end() for match in _SENTENCE_END.finditer(text))
    return Source(prompt, text, ends, quotes)


def sentence(source: Source, start: int, end: int) -> tuple[int, int]:
    """Return the offsets of the sentence around ``start:end``, no further than `REACH`."""
    left = bisect_right(source.ends, start) - 1
    right = bisect_left(source.ends, end)
    begin = source.ends[left] if left >= 0 else 0
    finish = source.ends[right] if right < len(source.ends) else len(source.text)
    return max(begin, start - REACH), min(finish, end + REACH)


def find_places(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Yield the first `MOST` places of a wording."""
    return islice(pattern.finditer(text), MOST)


def stands_before(pattern: re.Pattern[str], text: str, start: int) -> bool:
    """Tell whether a few words, that end where ``start`` is, stand there.

    Args:
        pattern: Of at most five words; its end is anchored.
        text: Of a `Source`.
        start: Where they have to end.
    """
    return bool(pattern.search(text, max(0, start - 5 * GAP), start))


def is_quoted(source: Source, start: int, end: int) -> bool:
    """Tell whether ``start:end`` lies inside a quotation or a title."""
    index = bisect_right(source.quotes, (start, len(source.text))) - 1
    return index >= 0 and source.quotes[index][0] < start and end < source.quotes[index][1]
