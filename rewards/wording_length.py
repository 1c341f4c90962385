"""How long the text shall be, read from the words of a prompt.

Each number with a unit becomes a finding, its surroundings decide whether it counts and for what,
and of several lengths of the whole text the last instruction wins; words win over pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from longwrite.rewards.clauses import ENGLISH_SECTION, Source, is_quoted, sentence
from longwrite.rewards.numbers import Number, find_numbers
from longwrite.rewards.wording_context import (
    Setting,
    is_addition,
    is_clear,
    is_for_each,
    is_instruction,
    is_length,
    is_of_outlined,
    names_part,
    one_section,
)
from longwrite.rewards.wording_cues import Stated, read_cue
from longwrite.types import Constraint

PAGE_WORDS = 250
CHINESE_PAGE_WORDS = 500
LETTERS_PER_WORD = 6
"""Characters, the space included, that an alphabetic word takes."""

LONGEST_OUTLINE = 5_000
"""Words of the longest outline: "an outline for a 90,000-word novel" is not to have 90,000."""

MOST_NUMBERS = 120
"""Numbers that are looked at from either end of a prompt; a table in it may hold many more."""

Unit = Literal["words", "characters", "pages"]

_MORE = r"\s?(?P<more>[多余]|\+)?\s?个?"
_UNITS: tuple[tuple[Unit, bool, re.Pattern[str]], ...] = (
    (
        "words",
        False,
        re.compile(
            r"(?P<more>\s?\+)?(?:(?P<hyphen>[-‐‑–])|\s{0,2})(?:(?:plus|English|Chinese|total)\s)?"
            r"(?:or\s(?P<or>more|fewer|less)\s)?word(?P<plural>s)?\b(?!-)",
            re.IGNORECASE,
        ),
    ),
    (
        "characters",
        False,
        re.compile(
            r"(?:(?P<hyphen>[-‐‑–])|\s{0,2})(?:Chinese\s)?character(?P<plural>s)?\b", re.IGNORECASE
        ),
    ),
    (
        "pages",
        False,
        re.compile(
            r"(?:(?P<hyphen>[-‐‑–])|\s{0,2})(?:A4\s)?page(?P<plural>s)?\b(?!-)", re.IGNORECASE
        ),
    ),
    ("characters", True, re.compile(_MORE + "字符")),
    (
        "words",
        True,
        re.compile(
            _MORE + r"(?:汉字|中文字|英文单词|单词|英文词|词(?![汇条语典性组牌人曲])"
            r"|字(?![节母段典幕体号迹形根符画帖眼库串词面])(?!文(?![章稿案献字件档书])))"
        ),
    ),
    ("pages", True, re.compile(_MORE + r"页(?![码面眉脚]|PPT|幻灯)")),
)
_LONGEST_RATIO = 20

_JOIN = re.compile(
    r"(?:-(?=\s))?\s{0,3}(?:words?\b|个?字|词|pages?\b|页)?\s{0,3}"
    r"(?P<by>[-‐‑–—~～〜]{1,2}|to\b|and\b|or\b|到|至|或者?|和)\s{0,3}",
    re.IGNORECASE,
)
_OR_MORE = re.compile(
    r"(?:\bat\s+least|\bnot?\s+(?:less|fewer)\s+than|\bminimum\s+of|不少于|不低于|至少|最少)\s?$",
    re.IGNORECASE,
)
_TO_MOST = re.compile(
    r"\s?(?:,|，|、)?\s?(?:and|but|且|但)?\s?"
    r"(?:at\s+most|not?\s+more\s+than|not\s+exceeding|不超过|不多于|不高于|至多|最多)\s?",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"(?:\bbetween|\bfrom|介于|在)\s*(?:an?\s+)?$", re.IGNORECASE)
_REWORKED = re.compile(
    r"\b(?:expand|extend|grow|cut|shorten|reduce|condense|trim"
    r"|lengthen)\w*\b[^.;\n]{0,40}\bfrom\s+$",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:字数|篇幅|(?:^|\n)\W{0,4}words?\s*:|\bword\s?count\b|\bword\s+limit\b"
    r"|\bnumber\s+of\s+words\b)[^0-9。；;\n]{0,24}$",
    re.IGNORECASE,
)
_NO_SECTION = re.compile(rf"\bno\s+{ENGLISH_SECTION}\b", re.IGNORECASE)
_UNLABELLED = re.compile(
    r"\s?(?:$|[.,;:，。；：)）\]!?\n]|左右|上下|以[上内下]|之[内间]|为宜|(?:or|max|min)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Written:
    """How a unit is written: where it ends, as an adjective, in Chinese, with "more" or "less"."""

    unit: Unit
    end: int
    compound: bool
    chinese: bool
    more: str


@dataclass(frozen=True, slots=True)
class _Finding:
    """A length at ``start:end`` of the prompt, in its own unit.

    `part` tells that it is an abstract's or the like, `added` that it goes along with the text: it
    is the whole text's length only where no other is stated. `firm` tells that its sentence is an
    instruction, `alone` that its section is all that shall be written.
    """

    start: int
    end: int
    low: int
    high: int
    unit: Unit
    stated: Stated
    scope: str
    part: bool
    added: bool
    firm: bool
    alone: bool


def find_lengths(source: Source, wide: bool) -> list[tuple[int, Constraint]]:
    """Return the ``length`` constraints of a prompt with their offsets.

    Args:
        source: The prompt.
        wide: Whether the text is to be in Chinese, Japanese or Korean: a page is 500 characters
            then and a character one word, else a page is 250 words and six characters are a word.
    """
    found = list(_findings(source))
    whole = [finding for finding in found if finding.scope == "document"]
    parts = {finding.scope: finding for finding in found if finding.scope != "document"}
    named = [scope for scope in parts if scope != "each"]
    if len(named) == 1 and parts[named[0]].alone:
        lone = parts.pop(named[0])  # "write chapter 3, 2000 words" asks for that chapter alone
        whole = whole or [replace(lone, scope="document")]
    chosen = _choose(whole)
    kept = [*parts.values(), *([chosen] if chosen else [])]
    return [(finding.start, _constraint(source.prompt, finding, wide)) for finding in kept]


def _choose(findings: list[_Finding]) -> _Finding | None:
    """Return the length of the whole text: the last instruction, joined with its counterpart.

    Something ten times shorter than another length is a title or a caption, not a correction.
    """
    own = [f for f in findings if not (f.part or f.added)]
    if not own:
        return max((f for f in findings if not (f.part and f.added)), key=_high, default=None)
    own = [f for f in own if f.unit == "words"] or own
    longest = max(map(_high, own))
    own = [f for f in own if 10 * f.high > longest]
    own = [f for f in own if f.firm] or own
    if len(own) > 1 and own[-1].start - own[-2].end < 80:
        return _joined(own[-2], own[-1])
    return own[-1]


def _high(finding: _Finding) -> int:
    return finding.high


def _joined(first: _Finding, last: _Finding) -> _Finding:
    """Return "at least a" and "at most b" as one range, else the last.

    The range is empty where they contradict each other.
    """
    least, most = (first, last) if first.stated == "at_least" else (last, first)
    if (least.stated, most.stated) != ("at_least", "at_most") or least.low == most.high:
        return last
    return replace(last, start=first.start, low=least.low, high=most.high, stated="between")


def _findings(source: Source) -> Iterator[_Finding]:
    text = source.text
    numbers = list(find_numbers(text))
    if len(numbers) > 2 * MOST_NUMBERS:
        numbers = numbers[:MOST_NUMBERS] + numbers[-MOST_NUMBERS:]
    done = 0
    for index, number in enumerate(numbers):
        if number.start < done:
            continue
        after = numbers[index + 1] if index + 1 < len(numbers) else None
        pair = _pair(text, number, after) if after else None
        finding = _finding(source, *pair) if pair else None
        if finding is None:
            finding = _finding(source, number.value, number.value, number.start, number.end)
        if finding:
            done = finding.end
            yield finding


def _pair(text: str, first: Number, second: Number) -> tuple[int, int, int, int] | None:
    """Return the range that two numbers form, with its offsets."""
    if second.start - first.end > 30:
        return None
    before = text[max(0, first.start - 60) : first.start]
    low, high = first.value, second.value
    least = _OR_MORE.search(before)
    if least and low < high and _TO_MOST.fullmatch(text, first.end, second.start):
        return low, high, first.start - len(least.group()), second.end
    join = _JOIN.fullmatch(text, first.end, second.start)
    if not join:
        return None
    if first.scale == 1 and low < 100 and low * second.scale <= high:
        low *= second.scale
    if not low < high <= _LONGEST_RATIO * low or _REWORKED.search(before):
        return None
    between = _BETWEEN.search(before)
    if join["by"].lower() in {"and", "和"} and not between:
        return None
    start = first.start - (len(between.group()) if between else 0)
    return low, high, start, second.end


def _finding(source: Source, low: int, high: int, start: int, end: int) -> _Finding | None:
    text = source.text
    written = _unit(text, start, end)
    if written is None or low < _smallest(written, text[start]) or is_quoted(source, start, end):
        return None
    end, unit, more = written.end, written.unit, written.more
    cue = read_cue(text, start, end)
    begin, finish = sentence(source, start, end)
    left, right = text[begin : max(begin, cue.start)], text[cue.end : max(finish, cue.end)]
    bare = cue.bare and low == high and not more
    setting = Setting(left, right, written.compound, bare, written.chinese)
    if not is_length(setting) or (unit == "characters" and not is_clear(setting)):
        return None
    if low > LONGEST_OUTLINE and is_of_outlined(setting):
        return None
    section, alone = one_section(setting)
    each = is_for_each(setting) or bool(_NO_SECTION.search(text, cue.start, max(start, cue.start)))
    stated = cue.stated
    if low < high:
        stated = "between"
    elif more:
        stated = "at_most" if more in {"fewer", "less"} else "at_least"
    return _Finding(
        start=max(begin, cue.start) if cue.start < start else start,
        end=cue.end,
        low=low,
        high=high,
        unit=unit,
        stated=stated,
        scope="each" if each else f"section:{section}" if section else "document",
        part=names_part(setting),
        added=is_addition(setting),
        firm=is_instruction(setting),
        alone=alone,
    )


def _unit(text: str, start: int, end: int) -> _Written | None:
    """Read the unit after a number; the unit of "word count: 500" stands before it."""
    for unit, chinese, pattern in _UNITS:
        if match := pattern.match(text, end):
            groups = match.groupdict()
            compound = not chinese and bool(groups.get("hyphen") or not groups.get("plural"))
            more = groups.get("more") or groups.get("or") or ""
            return _Written(unit, match.end(), compound, chinese, more)
    if _LABEL.search(text, max(0, start - 60), start) and _UNLABELLED.match(text, end):
        return _Written("words", end, compound=False, chinese=True, more="")
    return None


def _smallest(written: _Written, first: str) -> int:
    """Return the least number that can be a length: 两字 is none, nor are five characters."""
    if written.unit == "words":
        return 5 if written.compound else 10 if first.isascii() else 50
    return 140 if written.unit == "characters" else 1


def _constraint(prompt: str, finding: _Finding, wide: bool) -> Constraint:
    low, high = (_in_words(value, finding.unit, wide) for value in (finding.low, finding.high))
    stated = finding.stated
    return Constraint(
        "length",
        {
            "min": low if stated in {"at_least", "between"} else None,
            "max": high if stated in {"at_most", "between"} else None,
            "target": low if stated in {"about", "exactly"} else None,
            "unit": finding.unit,
            "stated": stated,
        },
        scope=finding.scope,
        quote=prompt[finding.start : finding.end].strip(),
    )


def _in_words(value: int, unit: Unit, wide: bool) -> int:
    if unit == "pages":
        return value * (CHINESE_PAGE_WORDS if wide else PAGE_WORDS)
    if unit == "characters" and not wide:
        return max(1, round(value / LETTERS_PER_WORD))
    return value
