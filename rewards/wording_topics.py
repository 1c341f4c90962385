"""Things that the text shall or shall not speak of, named in a prompt without quotation marks.

"Be sure to mention the lighthouse keeper" asks for a thing and not for these very words, so what is
found here is soft. The phrase is cut to what a text that obeys would probably say: "lighthouse
keeper", without the article and without what only says where or how.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from longwrite.rewards.clauses import (
    CHINESE_NTH,
    CHINESE_PLACE,
    PLACE,
    Source,
    find_places,
    is_quoted,
)
from longwrite.rewards.wording_objects import Phrase, read_chinese, read_english
from longwrite.rewards.wording_orders import DEMAND, TEXT_NOUN, is_asked, is_told
from longwrite.rewards.wording_scopes import find_scopes, has_first
from longwrite.types import Constraint

_ADVERB = r"(?:(?:also|always|explicitly|briefly|clearly|at\s+least\s+once)\s+)?"
_STRONG = rf"(?!please|should)(?:{DEMAND})"
_NAME = r"(?:mention|bring\s+up|make\s+mention\s+of)"
_NAMES = r"(?:mentions?|brings?\s+up|makes?\s+mention\s+of)"
_NAMING = r"(?:mentioning|referring\s+to|naming|bringing\s+up)"
_NOT = (
    r"(?:(?:do|does|must|should|shall|may|can)\s+not|(?:do|does|must|should|ca)n['’]t|cannot|never)"
)
_ONE = r"(?=(?:an?|one|the)\s)"
_COUNT = r"(?:[0-9]{1,3}(?:st|nd|rd|th)?|[a-z]{3,12})"
_PERIOD = rf"\bevery\s+{_COUNT}\s+{PLACE}\b"
_NUMBERED = rf"{PLACE}\s+(?:[0-9]{{1,3}}|[a-z]{{3,9}})(?:\s?(?:-|–|,|to|and)\s?[0-9]{{1,3}})*"

_MENTION = (
    re.compile(rf"\b(?:{DEMAND})\s+{_ADVERB}{_NAMES}:?\s+", re.IGNORECASE),
    re.compile(rf"(?<=\s)(?:each|every)\s+(?:{_COUNT}\s+)?{PLACE}\s+{_NAMES}\s+", re.IGNORECASE),
    re.compile(rf"\b(?:do\s+|also\s+|always\s+)?{_NAME}:?\s+", re.IGNORECASE),
)
_AVOID = re.compile(
    rf"\b(?:(?:{_NOT}|under\s+no\s+circumstances(?:\s+should\s+you)?|at\s+no\s+point)\s+"
    r"(?:ever\s+)?"
    rf"(?:{_NAME}|name|refer\s+to)|(?:without|avoid(?:ing)?|refrain\s+from|never|not)"
    rf"\s+(?:ever\s+)?{_NAMING}|never\s+{_NAMES}|(?:avoid|omit|leave\s+out|without|no)\s+"
    r"(?:any\s+|all\s+)?(?:mentions?\s+of|reference\s+to))\s+",
    re.IGNORECASE,
)
_PASSIVE = re.compile(
    r"(?:^|(?<=[.!?;:,\n]))\s{0,3}(?:and\s+|but\s+)?"
    r"(?P<thing>(?:the|an?|his|her|its|their|our|my)\s+[^.;:,!?\n]{2,60}?)\s+"
    r"(?:must|should|shall|has\s+to|have\s+to|needs?\s+to)\s+(?P<no>not\s+|never\s+)?(?:also\s+)?"
    r"be\s+mentioned\b",
    re.IGNORECASE,
)
_TALE = r"(?:story|tale|novel|poem|fable|play|screenplay|script|narrative|song|novella|musical)"
_INCLUDE = (
    re.compile(
        rf"(?<=\s){_TALE}\s+should\s+(?:also\s+)?(?:include|feature|contain)\s+{_ONE}",
        re.IGNORECASE,
    ),
    re.compile(rf"\b{_STRONG}\s+{_ADVERB}(?:include|feature|contain)s?\s+{_ONE}", re.IGNORECASE),
    re.compile(
        rf"\bthere\s+(?:must|has\s+to|needs\s+to)\s+be\s+{_ONE}(?=[^.;:\n]{{2,60}}\sin\s+(?:the"
        rf"|your)\s+{TEXT_NOUN}\b)",
        re.IGNORECASE,
    ),
)
_PLACED = (
    re.compile(
        rf"\b(?:(?:{DEMAND})\s+{_ADVERB}(?:include|feature|contain|have|ha|hold|house|host|show"
        r"|be)s?"
        rf"|include|feature|place|put|add)\s+{_ONE}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\bthere\s+(?:must|should|shall|has\s+to|needs\s+to)\s+be\s+{_ONE}", re.IGNORECASE
    ),
    re.compile(
        r"\b(?:designate|allocate|reserve|dedicate|devote|assign|set\s+aside)\s+(?:the\s+)?"
        rf"{_NUMBERED}\s+(?:for|to|as)\s+",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?:{_PERIOD}|\b(?:start|begin)ning\s+(?:from|with|at|in"
        rf"|on)\s+{_NUMBERED})[^.;:\n]{{0,30}}:\s+",
        re.IGNORECASE,
    ),
)
_HABIT = re.compile(
    rf"(?:^|(?<=[.\n)*-]))\s{{0,3}}(?P<verb>[A-Z][a-z]{{2,12}})\s+(?P<thing>(?:an?|the"
    rf"|one)\s[^.;:,\n]{{2,60}}?)\s+"
    rf"(?={_PERIOD})"
)
_CHINESE_NAME = r"(?:提到|提及|写到|谈到|讲到|说到|提一[下句])"
_TIMES = r"(?:至少)?(?:[一两三]次|一下)?"
_MEASURE = r"(?:至少)?一?[个家座位只条间次道场处片名棵本幅首种段]"
_MUST = r"(?:必须|务必|一定要|(?<![主想只重])要|需要?|应当?|应该|记得|别忘了?|不要忘[记了]|请)"
_WITHIN = (
    r"(?:在[^，。；\n]{0,10}?(?:[中里内]|开头|结尾|末尾|文末|最后)"
    r"|也|都|均|多次|明确|至少|着重){0,3}"
)
_CHINESE_MENTION = (
    re.compile(rf"{_MUST}{_WITHIN}{_CHINESE_NAME}{_TIMES}"),
    re.compile(rf"{CHINESE_NTH}[中里内都均]{{0,3}}{_CHINESE_NAME}{_TIMES}"),
)
_CHINESE_AVOID = re.compile(
    r"(?:不要|不得|不能|不可以?|不应|不许|不准|禁止|请?勿|避免|切勿|(?<![特分级性区差类个告辨])别)(?!忘)"
    r"(?:再|直接|在[^，。；\n]{1,8}[中里内])?(?:提到|提及|提起|谈到|写到|提(?![供高前出升交醒示倡炼取议问案]))"
)
_CHINESE_HAVE = re.compile(rf"{_MUST}{_WITHIN}(?:有|出现|包含|设置|设有|安排|是){_MEASURE}")
_CHINESE_APPEARS = re.compile(rf"(?:必须|务必|一定要){_WITHIN}(?:出现|有){_MEASURE}")
_CHINESE_SET = re.compile(
    rf"(?:^|(?<=[，。；：\n]))\s?(?:在|把|将)?{CHINESE_NTH}[中里内上都]{{0,2}}"
    rf"(?:(?:安排|写|设置|设|开设|建|加入|插入|放)(?:至少)?(?:一次|{_MEASURE})|(?:设为|用作|作为|应为|须为|必须是))"
)
_CHINESE_PERIOD = re.compile(rf"每隔?[0-9一二两三四五六七八九十]{{1,3}}个?{CHINESE_PLACE}[:：]\s?")

_MODIFIER = re.compile(r"(?:without|no)\b", re.IGNORECASE)
_FREE = re.compile(r"there\b|[^:]+:\s*$", re.IGNORECASE)
"""Wordings of a place that need no verb of their own: "there must be", "every 5 weeks: …"."""

_IDLE = re.compile(r"\b(?:and|so|but)\s+$", re.IGNORECASE)
_LATER = re.compile(
    r"\s+(?:before|until|till|after|unless|except|by\s+name)\b|(?:之前|以前|之后)", re.IGNORECASE
)
_IDIOM = re.compile(r"\bnot\s+(?:to\s+)?$", re.IGNORECASE)
_OPTIONAL = re.compile(
    r"(?:\b(?:can|could|may|might|optionally|need\s+not)\s+(?:also\s+)?|可以?)$", re.I
)


def find_topics(source: Source) -> Iterator[tuple[int, Constraint]]:
    """Yield the soft ``mention`` and ``avoid`` constraints of a prompt with their offsets."""
    taken: set[tuple[str, str]] = set()
    for start, kind, phrase in _found(source):
        for scope in find_scopes(source, start, phrase.start):
            if (scope, phrase.text) not in taken and not is_quoted(source, start, phrase.end):
                taken.add((scope, phrase.text))
                quote = source.prompt[start : phrase.end].strip(" \n,.;:")
                yield phrase.start, Constraint(kind, {"text": phrase.text}, scope, False, quote)


def _found(source: Source) -> Iterator[tuple[int, str, Phrase]]:
    text = source.text
    for match in find_places(_AVOID, text):
        free = _MODIFIER.match(match[0]) and not is_told(source, match.start())
        if free or is_asked(source, match.start()):
            for phrase in read_english(text, match.end()):
                if not _LATER.match(text, phrase.end):
                    yield match.start(), "avoid", phrase
    for pattern in _MENTION:
        for match in find_places(pattern, text):
            if _asks(source, match):
                for phrase in read_english(text, match.end()):
                    yield match.start(), "mention", phrase
    for match in find_places(_PASSIVE, text):
        for phrase in read_english(text, match.start("thing"), match.end("thing")):
            if phrase.end == match.end("thing") and not is_told(source, match.start("thing")):
                yield match.start("thing"), "avoid" if match["no"] else "mention", phrase
    for pattern in _INCLUDE:
        for match in find_places(pattern, text):
            if _asks(source, match):
                for phrase in read_english(text, match.end(), thing=True):
                    yield match.start(), "mention", phrase
    yield from _placed(source)
    yield from _chinese(source)


def _placed(source: Source) -> Iterator[tuple[int, str, Phrase]]:
    """Yield what shall stand at certain places of the text, said without "mention"."""
    text = source.text
    for pattern in _PLACED:
        for match in find_places(pattern, text):
            if _IDLE.search(text, max(0, match.start() - 8), match.start()):
                continue
            free = _FREE.match(match[0]) and not is_told(source, match.start())
            if (free or _asks(source, match)) and _is_placed(source, match):
                for phrase in read_english(text, match.end(), thing=True):
                    yield match.start(), "mention", phrase
    for match in find_places(_HABIT, text):
        if has_first(source, match.start("verb"), match.end()):
            for phrase in read_english(text, match.start("thing"), match.end("thing"), thing=True):
                yield match.start("verb"), "mention", phrase


def _chinese(source: Source) -> Iterator[tuple[int, str, Phrase]]:
    text = source.text
    for match in find_places(_CHINESE_AVOID, text):
        if not is_told(source, match.start()):
            for phrase in read_chinese(text, match.end()):
                yield match.start(), "avoid", phrase
    for pattern in (
        *_CHINESE_MENTION,
        _CHINESE_HAVE,
        _CHINESE_APPEARS,
        _CHINESE_SET,
        _CHINESE_PERIOD,
    ):
        for match in find_places(pattern, text):
            placed = pattern in {_CHINESE_HAVE, _CHINESE_SET, _CHINESE_PERIOD}
            if _asks(source, match) and (not placed or _is_placed(source, match)):
                for phrase in read_chinese(text, match.end()):
                    yield match.start(), "mention", phrase


def _asks(source: Source, match: re.Match[str]) -> bool:
    before = source.text[max(0, match.start() - 24) : match.start()]
    if _IDIOM.search(before) or _OPTIONAL.search(before):
        return False
    return is_asked(source, match.start())


def _is_placed(source: Source, match: re.Match[str]) -> bool:
    return find_scopes(source, match.start(), match.end()) != ("document",)
