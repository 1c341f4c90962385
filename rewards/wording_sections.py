"""How many chapters, acts, lessons, paragraphs or items the text shall have, read from a prompt.

A count next to such a noun may as well be about the world ("three parts of the body", "the book
has 12 chapters"), so it counts only where a verb of writing or of dividing governs it, or where
nothing else is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from longwrite.rewards.clauses import (
    ADJECTIVE,
    SECTION_SIGNS,
    SECTION_WORDS,
    WRITE,
    Source,
    find_places,
    is_quoted,
    stands_before,
)
from longwrite.rewards.numbers import NUMERAL, parse_number
from longwrite.rewards.wording_cues import read_cue
from longwrite.types import Constraint, Json

TOP_LEVEL = frozenset(SECTION_WORDS.values())
"""Units that are sections of a plan; ``paragraphs`` and ``items`` are not."""

MOST = 1000
"""The largest count that is taken for one."""

_ENGLISH_UNITS = SECTION_WORDS | {"paragraph": "paragraphs"}
_CHINESE_UNITS = SECTION_SIGNS | {"自然段": "paragraphs", "段落": "paragraphs", "段": "paragraphs"}
_ENGLISH_NOUN = "|".join(sorted(_ENGLISH_UNITS, key=len, reverse=True))
_CHINESE_NOUN = "|".join(sorted(_CHINESE_UNITS, key=len, reverse=True))
_TO = r"(?:\s?(?:-|–|~|to|or|到|至)\s?)"

_ENGLISH = re.compile(
    rf"(?<![\w.,$-])(?P<low>{NUMERAL})(?:(?:{_TO}|(?P<and>\s+and\s+))(?P<high>{NUMERAL}))?"
    rf"(?:(?P<hyphen>[-‐‑])|(?P<over>\s+or\s+more)?\s{{1,2}}{ADJECTIVE}{{0,2}}?)"
    rf"(?P<noun>{_ENGLISH_NOUN})(?P<plural>s)?\b",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    rf"(?P<low>{NUMERAL})(?:{_TO}(?P<high>{NUMERAL}))?\s?(?:个|大)?(?:不同的?|完整的?"
    rf"|主要)?(?:教学)?"
    rf"(?P<noun>{_CHINESE_NOUN})"
)
_LABELLED = re.compile(
    rf"(?:^|(?<=[.;]\s))\W{{0,4}}(?:number\s+of\s+|total\s+)?(?P<noun>chapter|section|part|act"
    rf"|lesson|episode|module)s\s*:\s*(?P<low>{NUMERAL})"
    rf"(?:{_TO}(?P<high>{NUMERAL}))?(?=\s*(?:$|[.,;\n]))"
    rf"|^\W{{0,4}}(?P<sign>{_CHINESE_NOUN})节?数(?:量|目)?\s?[:：]\s?(?P<count>{NUMERAL})",
    re.IGNORECASE | re.MULTILINE,
)
_SINGLE = re.compile(
    rf"(?:{WRITE}|\b(?:in|as|into))\s+(?:exactly\s+|only\s+|just\s+)?(?P<low>1|one|an?\s+single|a\s+one)"
    r"(?:\s|[-‐‑])paragraph\b(?!\s+(?:for|of(?!\s+(?:about\s+)?\d)|per|about\s+(?:each|every|both)|each|every|in)\b)",
    re.IGNORECASE,
)
_PIECES = re.compile(
    rf"{WRITE}\s+(?:me\s+|us\s+)?(?P<low>{NUMERAL})(?P<high>)\s+{ADJECTIVE}{{0,3}}?"
    r"(?:stories|poems|essays|articles|posts|emails|reviews)\b",
    re.IGNORECASE,
)
_ITEMS = re.compile(
    rf"\btop[\s-](?P<top>{NUMERAL})\b"
    rf"|\b(?:list\s+of|list)\s+(?:the\s+)?(?P<list>{NUMERAL})(?=\s+(?!words?\b)[a-z])"
    rf"|(?:列出|列举|给出|提供|推荐|[^提指找]出)(?P<zh>{NUMERAL})(?:个|条|道|种|点|款|项)",
    re.IGNORECASE,
)

_CUE = (
    r"(?:(?:at\s+(?:least|most)|exactly|about|around|approximately|roughly|up\s+to|between|from"
    r"|not?\s+(?:more|less|fewer)\s+than|(?:more|fewer|less)\s+than|a\s+(?:total|minimum"
    r"|maximum)\s+of"
    r"|over|under)\s+)?"
)
_STRETCHED = (
    r"\b(?:told|spread|stretch(?:ed|ing)?|unfold(?:ing|s)?|laid\s+out|run(?:ning|s)?)\s+"
    r"(?:over|across|through|throughout)\s+$"
)
_SERIES_OF = (
    r"\b(?:series|set|collection|correspondence|exchange|sequence|diary|cycle|novel|book)\s+"
    r"(?:made\s+up\s+)?of\s+"
)
_DIRECT = re.compile(rf"{WRITE}\s+(?:me\s+|us\s+)?{_CUE}$", re.IGNORECASE)
_ASKED = (
    rf"(?:{WRITE}|\b(?:add|use|include|contain|have|span|cover))\s+(?:me\s+|us\s+)?(?:an?\s+"
    r"|the\s+)?"
    rf"{ADJECTIVE}{{0,2}}{_CUE}$"
    rf"|\bas\s+{_CUE}$"
    rf"|\b(?:keep|limit|restrict|stick|confine)\b[^.;,\n]{{0,24}}?\bto\s+{_CUE}$"
    rf"|\b(?:into|in|comprising|consisting\s+of)\s+{_CUE}$"
    rf"|{_STRETCHED}|{_SERIES_OF}{_CUE}$"
    r"|\b(?:ensur(?:e|ing)|mak(?:e|ing)\s+sure)\b[^.;\n]{0,40}\b(?:has|have|contains?|includes?"
    r"|consists?\s+of"
    rf"|comprises?|is\s+(?:divided|split)\s+into)\s+{_CUE}$"
    r"|\b(?:must|should|shall|will|needs?\s+to|has\s+to|have\s+to|to)\s+(?:have|contain|include"
    rf"|span|cover|comprise|consist\s+of|be)\s+(?:an?\s+)?{_CUE}$"
)
_GOVERNED = re.compile(
    rf"{_ASKED}|\b(?:with|of|having|containing|including|using|across|spanning|for)\s+"
    rf"(?:the\s+following\s+|a\s+)?{_CUE}$",
    re.IGNORECASE,
)
_ORDERED = re.compile(_ASKED, re.IGNORECASE)
_ALONE = re.compile(
    rf"(?:^|[,;:(\n]|[.!?]\s)\s*(?:[-*]\s)?(?:in\s+total\s+)?{_CUE}$", re.IGNORECASE
)
_ADJECTIVE = re.compile(rf"(?:\b(?:an?|your)|{WRITE})\s+{ADJECTIVE}{{0,3}}$", re.IGNORECASE)
_ABOUT_WORLD = re.compile(
    r"\b(?:is|are|was|were|has|had|been)\s+(?:\w+\s+)?(?:divided|split|made|composed|organi[sz]ed"
    r"|structured)?\s*(?:in|into|up\s+of|of)\s+$"
    r"|\b(?:the|these|those|first|last|next|other|previous|following|all|any|both)\s+$"
    r"|\b(?:read|based\s+on|from)\b[^.;\n]{0,20}$"
    r"|\bhow\s+to\s+write\b[^.;\n]{0,20}$",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"\b(?:(?:summari[sz]|analy[sz]|discuss|review|compar|translat)\w{0,3}|about)\b[^.;\n]{0,20}$",
    re.IGNORECASE,
)
_SHAPED = re.compile(
    r"\b(?:(?:summari[sz]|analy[sz]|discuss|review|compar)\w{0,3}|about)\s+\w[^.;\n]*"
    rf"\s(?:in|into)\s+{_CUE}$",
    re.IGNORECASE,
)
"""A subject that is over: "about a fox in 5 chapters"."""
_WORK = re.compile(
    rf"\b(?:play|tragedy|comedy|drama|novel|book|opera|film|symphony|poem|work|series)\s+in\s+{_CUE}$",
    re.IGNORECASE,
)
"""A work that has parts of its own: "about a tragedy in five acts"."""

_END = re.compile(
    r"\s*(?:$|[.,;:()!?\n—–]|of\s+(?:about|around|roughly|approximately|at|up|no|between|an?\b"
    rf"|{NUMERAL})"
    r"|(?:and|with|each|between|by|exchanged|that|which|covering|on|about|in|to|for|from|long"
    r"|please|\w{4,}ed|where|as)\b)",
    re.IGNORECASE,
)
_FOREIGN = re.compile(
    r"\s+(?:of\s+(?:the|this|that|my|his|her|their|its|kindness|war|god|[A-Z])|per\b"
    r"|(?:I|we|you|he|she|they|life)\b|\w*\s?learn(?:ed|t)\b|in\s+the\s+(?:body|world|alphabet))"
)
_MARKED = re.compile(
    r"\b(?:italic|bold|highlighted|underlined|capitali[sz]ed|text|markdown)", re.IGNORECASE
)
"""Stretches of print, which are no sections."""

_LOOSE = frozenset({"parts", "letters", "acts", "entries", "sections", "modules"})
"""Units whose nouns mean other things too, so that they have to end their phrase."""

_CHINESE_GOVERNED = re.compile(
    r"(?:共计?|用|安排|[分成]为?(?:上下)?|分割[为成]|划分[为成]|拆[分成]为?|由|写[成出]?|撰写|编写|创作"
    r"|生成|设计|续写|包[含括]"
    r"|含|需要?有?|至少|不少于|不超过|最多|一共|总共|总计|全[文书剧篇]|要有|规划|约|大约"
    r"|[部篇本份个出套]"
    r"|(?:^|[，,；;（(、：:\n])\s*)(?:有|要|需|出|为|了|约|大约|至少|包含)?\s*$"
)
_CHINESE_WORLD = re.compile(
    r"(?:[第前后这那其每]|参考|阅读|根据|读|引用|分析|总结|概括)了?$"
    r"|(?:[这那该][本部篇套份]?书?|书中?|原[著文]|全书)(?![^，。；\n]{0,6}[需应要])[^，。；\n]{0,4}[有分]为?$"
    r"|(?:参考|阅读|根据|基于|引用|收集)[^，。；\n]{0,8}$|[他她它]们?的[^，。；\n]{0,8}$|[这那某该][部本篇套]$"
    r"|(?:[分写编]成|有|写|读)了$"
)
_CHINESE_FOREIGN = re.compile(
    r"论|式|课[文本程]|目|文献|参考|资料|以[前后]|时间|长|落差|[位部省市场季]"
)
_BETWEEN = re.compile(r"\bbetween\s+$", re.IGNORECASE)
_OVER = re.compile(_STRETCHED, re.IGNORECASE)
_EACH_BEFORE = re.compile(
    r"\b(?:each|every)\b[^.;\n]{0,30}$|[每各][^，。；\n]{0,6}$", re.IGNORECASE
)
_EACH_AFTER = re.compile(
    r"\s*(?:each(?!\s+(?:\w+ed|in|with|of)\b)|per|in\s+(?:each|every))\b", re.IGNORECASE
)


def find_sections(source: Source) -> Iterator[tuple[int, Constraint]]:
    """Yield the ``sections`` constraints of a prompt with their offsets.

    Of the top-level units the first counts, since a plan has one top level; paragraphs and items
    may be asked of each section. Items are soft: they can't be counted for certain.
    """
    seen: set[str] = set()
    for position, constraint in sorted(_found(source), key=lambda found: found[0]):
        unit = str(constraint.params["unit"])
        level = "top" if unit in TOP_LEVEL else unit
        if level not in seen and not (level == "top" and constraint.scope == "each"):
            seen.add(level)
            yield position, constraint


def _found(source: Source) -> Iterator[tuple[int, Constraint]]:
    text = source.text
    for match in find_places(_ENGLISH, text):
        unit = _ENGLISH_UNITS[match["noun"].lower()]
        if not is_quoted(source, *match.span()) and _is_english(text, match, unit):
            yield from _counted(source, match, unit)
    for match in find_places(_CHINESE, text):
        if not is_quoted(source, *match.span()) and _is_chinese(text, match):
            yield from _counted(source, match, _CHINESE_UNITS[match["noun"]])
    for match in find_places(_SINGLE, text):
        if not is_quoted(source, *match.span()):
            yield from _single(source, match)
    for match in find_places(_LABELLED, text):
        yield from _labelled(source, match)
    for match in find_places(_PIECES, text):
        if not is_quoted(source, *match.span()):
            yield from _counted(source, match, "entries")
    for match in find_places(_ITEMS, text):
        count = parse_number(match["top"] or match["list"] or match["zh"])
        if count and 2 <= count <= MOST:
            quote = source.prompt[match.start() : match.end()].strip()
            params: dict[str, Json] = {"count": count, "min": count, "max": None, "unit": "items"}
            yield match.start(), Constraint("sections", params, hard=False, quote=quote)


def _single(source: Source, match: re.Match[str]) -> Iterator[tuple[int, Constraint]]:
    """Yield that the whole is to be one paragraph."""
    start, end = match.start("low"), match.end()
    if _EACH_BEFORE.search(source.text, max(0, match.start() - 60), match.start()):
        return
    params: dict[str, Json] = {"count": 1, "min": 1, "max": 1, "unit": "paragraphs"}
    yield start, Constraint("sections", params, quote=source.prompt[start:end].strip())


def _labelled(source: Source, match: re.Match[str]) -> Iterator[tuple[int, Constraint]]:
    """Yield the count of a line such as "Chapters: 12"."""
    sign, noun = match["sign"], match["noun"]
    low = parse_number(match["low"] or match["count"])
    high = parse_number(match["high"] or "") or low
    if low and high and 2 <= low <= high <= MOST:
        unit = _CHINESE_UNITS[sign] if sign else _ENGLISH_UNITS[noun.lower()]
        params: dict[str, Json] = {
            "count": (low + high) // 2,
            "min": low,
            "max": high,
            "unit": unit,
        }
        quote = source.prompt[match.start() : match.end()].strip()
        yield match.start(), Constraint("sections", params, quote=quote)


def _counted(source: Source, match: re.Match[str], unit: str) -> Iterator[tuple[int, Constraint]]:
    low = parse_number(match["low"])
    high = parse_number(match["high"]) if match["high"] else low
    if low is None or high is None or not 2 <= low <= high <= MOST:
        return
    groups = match.groupdict()
    if groups.get("and") and not stands_before(_BETWEEN, source.text, match.start()):
        return
    cue = read_cue(source.text, match.start("low"), match.end())
    least: int | None = low
    most: int | None = high
    if groups.get("over"):
        most = None
    elif low == high and not cue.bare and not stands_before(_OVER, source.text, match.start()):
        if cue.stated == "at_least":
            most = None
        elif cue.stated == "at_most":
            least = None
        elif cue.stated == "about":
            spare = -(-low // 10)
            least, most = low - spare, low + spare
    start, end = min(match.start("low"), cue.start), max(match.end(), cue.end)
    each = _EACH_BEFORE.search(source.text, max(0, start - 60), start)
    each = each or _EACH_AFTER.match(source.text, end)
    yield (
        start,
        Constraint(
            "sections",
            {"count": (low + high) // 2, "min": least, "max": most, "unit": unit},
            scope="each" if each else "document",
            quote=source.prompt[start:end].strip(),
        ),
    )


def _is_english(text: str, match: re.Match[str], unit: str) -> bool:
    left = text[max(0, match.start() - 60) : match.start()]
    right = text[match.end() : match.end() + 40]
    if _ABOUT_WORLD.search(left) or _FOREIGN.match(right) or _MARKED.search(match[0]):
        return False
    if _SUBJECT.search(left):
        foreign = unit != "paragraphs" and _WORK.search(left)
        if foreign or not _SHAPED.search(left):
            return False
    if re.match(r"\s+of\s+an?\s", right) and not _DIRECT.search(left):
        return False
    if match["hyphen"]:
        return bool(_ADJECTIVE.search(left) or _ALONE.search(left)) and right[:1] in {" ", ","}
    if not match["plural"] and match["noun"].lower() != "entries":
        return bool(_ADJECTIVE.search(left) and re.match(r"\s[a-z]", right))  # a 4 section resume
    if unit in _LOOSE and not _END.match(right) and not _DIRECT.search(left):
        return False
    governed = _ORDERED if unit in {"letters", "entries"} else _GOVERNED
    return bool(governed.search(left) or (_ALONE.search(left) and _END.match(right)))


def _is_chinese(text: str, match: re.Match[str]) -> bool:
    left = text[max(0, match.start() - 12) : match.start()]
    right = text[match.end() : match.end() + 4]
    if _CHINESE_WORLD.search(left) or _CHINESE_FOREIGN.match(right):
        return False
    return bool(_CHINESE_GOVERNED.search(left))
