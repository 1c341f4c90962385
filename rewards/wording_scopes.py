"""Which sections a requirement is for: the whole text, each, the third, or every fourth.

The places of a long text are its chapters or lessons, or what it goes through one after another:
weeks, floors, stops. Chapters are always places of the text. A week or a floor may as well be one
of the world, so it counts only where it stands next to what is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from longwrite.rewards.clauses import (
    CHINESE_PLACE,
    CHINESE_SECTION,
    ENGLISH_SECTION,
    PLACE,
    WRITE,
    Source,
    sentence,
    stands_before,
)
from longwrite.rewards.numbers import NUMERAL, parse_number

MOST = 1000
"""The highest number of a section that is read."""

MOST_LISTED = 20
"""Sections that "floors 11 to 20" may name; a longer stretch is not read, nor is a longer list."""

NEAR = 60
"""Characters that may lie between a week or a floor and what is asked of it."""

_NTH = r"(?:[a-z]{5,11}|[0-9]{1,3}(?:st|nd|rd|th))"
_EVERY = re.compile(
    rf"\b(?:every|each)\s+(?P<en>other|[a-z]{{3,12}}|[0-9]{{1,3}}(?:st|nd|rd|th)?)\s+"
    rf"(?:\w+\s+)?(?P<unit>{PLACE})\b"
    rf"|每(?P<skip>隔)?(?P<zh>[0-9一二两三四五六七八九十]{{1,3}})个?(?P<sign>{CHINESE_PLACE})",
    re.IGNORECASE,
)
_FIRST = re.compile(
    r"\b(?:start(?:ing|s)?|begin(?:ning|s)?|commencing|from)\s+(?:(?:from|with|at|in|on)\s+)?"
    r"(?:the\s+)?"
    rf"(?:(?:{PLACE})\s+(?:no\.?\s*)?(?P<en>[0-9]{{1,3}}|{NUMERAL})|(?P<nth>{_NTH})\s+"
    rf"(?:{PLACE}))\b"
    rf"|(?:从|自)\s?第\s?(?P<zh>[0-9一二两三四五六七八九十百]{{1,5}})\s?个?{CHINESE_PLACE}"
    r"|从(?P<top>首|头)[章周层篇]",
    re.IGNORECASE,
)
_EACH = re.compile(
    rf"\b(?:each|every)\s+(?:single\s+|one\s+of\s+the\s+(?:\w+\s+)?)?(?P<unit>{PLACE})\b"
    rf"|\b(?:in|of|for)\s+each\s+of\s+the\s+(?:[\w-]+\s+)?(?P<of>{PLACE})\b"
    rf"|\bper\s+(?P<per>{PLACE})\b"
    r"|\b(?:all|all\s+the|all\s+of\s+the)\s+(?:[0-9]{1,3}\s+)?"
    r"(?P<all>chapters|sections|parts|lessons|acts|episodes|modules|entries)\b"
    rf"|[每各]一?个?(?P<sign>{CHINESE_PLACE})|逐[章节篇层周](?P<one>)",
    re.IGNORECASE,
)
_ONE = re.compile(
    rf"\b(?P<unit>{PLACE})\s+(?:no\.?\s*|\#)?(?P<en>{NUMERAL}|[IVX]{{1,6}}\b)(?![0-9%]|[:.][0-9])"
    r"(?:(?P<to>\s?(?:-|–|to|through)\s?)(?P<last>[0-9]{1,3})\b)?"
    r"(?P<more>(?:\s?(?:,|and|&|,\s?and)\s?[0-9]{1,3}\b(?=\s*(?:$|[.,;:)]|(?:and|must|should"
    r"|shall|has"
    r"|have|needs?|will|mention|include|is|are|for|to|as|do)\b)))*)"
    rf"|\bthe\s+(?P<nth>{_NTH})\s+(?P<after>{PLACE})\b(?!\s+of\s+(?!the\s+(?:book|story|novel"
    r"|text)))"
    r"|第\s?(?P<zh>[0-9一二两三四五六七八九十百]{1,5})\s?"
    r"(?:(?P<bis>到|至|-|–)\s?第?(?P<zhlast>[0-9一二两三四五六七八九十百]{1,5})\s?)?"
    rf"个?(?P<sign>{CHINESE_PLACE})",
    re.IGNORECASE,
)
_ITSELF = re.compile(rf"{WRITE}\s+(?:me\s+|us\s+)?(?:out\s+)?$|[写作的]$", re.IGNORECASE)
_NOT_THERE = re.compile(
    r"\b(?:start(?:ing|s)?|begin(?:ning|s)?|from|after|before|until|since|by|like|e\.g\.|than)\s+"
    r"(?:(?:from|with|at|in|on)\s+)?(?:the\s+)?$|[从自]\s?$",
    re.IGNORECASE,
)
_BREAK = re.compile(r"[.;!?。；！？]|\b(?:who|which|about|because|whose)\b", re.IGNORECASE)
_AND = re.compile(
    r"\s?(?:和|、|与|及|,|and|or)?\s?(?:and\s+)?(?:in\s+|on\s+)?(?:the\s+)?", re.IGNORECASE
)
_ADVERBIAL = re.compile(r"[^，]{0,3}，[^，]{0,12}")
"""What may follow a place in Chinese before what is asked of it: 在第三章里，请…"""

_WHOLE = re.compile(r"[全整通][篇文书]|\b(?:whole|entire|overall)\b", re.IGNORECASE)

_NEW_CLAUSE = re.compile(
    rf",\s*(?:and|but|then)\s+(?:then\s+|also\s+)?(?:{WRITE}|use|mention|include|add|do|keep|$)",
    re.I,
)
_SECTION = re.compile(rf"(?:{ENGLISH_SECTION}|{CHINESE_SECTION})", re.IGNORECASE)


def find_scopes(source: Source, start: int, end: int) -> tuple[str, ...]:
    """Return the scopes that the sentence around ``start:end`` gives to what is asked there.

    "Write chapter 3" names the whole text, "in chapter 3" a part of it, "in chapters 2 and 5" two.

    >>> from longwrite.rewards.clauses import read_source
    >>> find_scopes(read_source("Mention the sea in every third chapter."), 0, 7)
    ('every:3',)
    >>> find_scopes(read_source("From week 10 on, every 5 weeks mention the sea."), 31, 38)
    ('every:5:10',)
    """
    begin, finish = sentence(source, start, end)
    text = source.text[begin:finish]
    here = (start - begin, end - begin)
    found = [*_periodic(text, here), *_for_each(text, here), *_listed(text, here)]
    return min(found, key=lambda one: one[0], default=(0, ("document",)))[1]


def has_first(source: Source, start: int, end: int) -> bool:
    """Tell whether the sentence around ``start:end`` says with which section something begins."""
    begin, finish = sentence(source, start, end)
    return _first(source.text[begin:finish]) is not None


def named_sections(text: str) -> list[re.Match[str]]:
    """Return the places where a text names a section by its number, such as ``chapter 3``."""
    return [
        match
        for match in _ONE.finditer(text)
        if section_number(match) and _SECTION.fullmatch(_unit(match))
    ]


def section_number(match: re.Match[str]) -> int | None:
    """Return the number of a section that `named_sections` found."""
    return _number(match["en"] or match["nth"] or match["zh"] or "")


def is_object(text: str, match: re.Match[str]) -> bool:
    """Tell whether a named section is itself what shall be written, as in "write chapter 3"."""
    return stands_before(_ITSELF, text, match.start())


def _periodic(text: str, here: tuple[int, int]) -> Iterator[tuple[int, tuple[str, ...]]]:
    for match in _EVERY.finditer(text):
        step = _step(match)
        if step and _counts(text, match, match["unit"] or match["sign"], here):
            first = _first(text)
            begins = f":{first}" if first and first != step else ""
            yield _gap(match, match, here), (f"every:{step}{begins}",)


def _for_each(text: str, here: tuple[int, int]) -> Iterator[tuple[int, tuple[str, ...]]]:
    for match in _EACH.finditer(text):
        unit = match["unit"] or match["of"] or match["per"] or match["all"] or match["sign"] or "章"
        if _counts(text, match, unit, here):
            yield _gap(match, match, here), ("each",)


def _listed(text: str, here: tuple[int, int]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the sections that a sentence names: "in chapters 2 and 5", 第三章和第六章."""
    runs: list[list[re.Match[str]]] = []
    for match in islice(_ONE.finditer(text), MOST_LISTED):
        counts = section_number(match) and _counts(text, match, _unit(match), here)
        if not counts or is_object(text, match) or stands_before(_NOT_THERE, text, match.start()):
            continue
        if runs and _AND.fullmatch(text, runs[-1][-1].end(), match.start()):
            runs[-1].append(match)
        else:
            runs.append([match])
    for run in runs:
        numbers = dict.fromkeys(number for match in run for number in _numbers(match))
        yield _gap(run[0], run[-1], here), tuple(f"section:{number}" for number in numbers)


def _numbers(match: re.Match[str]) -> Iterator[int]:
    low = section_number(match) or 0
    high = _number(match["last"] or match["zhlast"] or "") or low
    if low <= high < low + MOST_LISTED:
        yield from range(low, high + 1)
    yield from filter(None, map(_number, re.findall(r"[0-9]+", match["more"] or "")))


def _gap(first: re.Match[str], last: re.Match[str], here: tuple[int, int]) -> int:
    return max(here[0] - last.end(), first.start() - here[1], 0)


def _unit(match: re.Match[str]) -> str:
    return match["unit"] or match["after"] or match["sign"] or ""


def _counts(text: str, match: re.Match[str], unit: str, here: tuple[int, int]) -> bool:
    """Tell whether a place is one of the text: a section, or one right beside what is asked."""
    if match.end() <= here[0]:
        between = text[match.end() : here[0]]
    elif match.start() >= here[1]:
        between = text[here[1] : match.start()]
    else:
        return True
    if _WHOLE.search(between):
        return False
    if "，" in between and not (match.end() <= here[0] and _ADVERBIAL.fullmatch(between)):
        return False
    if _SECTION.fullmatch(unit):
        return not _NEW_CLAUSE.search(between)
    return len(between) <= NEAR and not _BREAK.search(between)


def _first(text: str) -> int | None:
    match = _FIRST.search(text)
    if match is None:
        return None
    return 1 if match["top"] else _number(match["en"] or match["nth"] or match["zh"] or "")


def _step(match: re.Match[str]) -> int | None:
    if match["en"] and match["en"].lower() == "other":
        return 2
    number = _number(match["en"] or match["zh"] or "")
    if number and match["skip"]:
        return number + 1
    return number if number and number > 1 else None


def _number(text: str) -> int | None:
    number = parse_number(text)
    return number if number and 1 <= number <= MOST else None
