"""Words that the text must or must not contain, read from a prompt.

Only words that the prompt sets apart by quotation marks are taken: what to mention in spirit, or
which tone to avoid, can't be checked by looking for words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from longwrite.rewards.clauses import QUOTED, Source, find_scope
from longwrite.types import Constraint

_ITEM = re.compile(QUOTED)
_LIST = (
    rf"(?P<items>{QUOTED}"
    rf"(?:\s?(?:,|、|，|;|和|与|及|以及|或者?|and|or|nor|,\s?and|,\s?or)?\s?"
    rf"(?:the\s+(?:words?|phrases?|terms?)\s+)?{QUOTED}){{0,30}})"
)
_NOUN = (
    r"(?:(?:exact|following|specific|single|key)\s+){0,2}"
    r"(?:words?|phrases?|sentences?|terms?|keywords?|lines?|names?|quotes?|expressions?|texts?"
    r"|strings?)"
)
_CHINESE_NOUN = (
    r"(?:关键词|词语?|字眼?|短语|句子|一句话?|这句话|这?[几两三些]?个?[词字]语?|等?字样|成语|名字)?"
)
_NOT = r"(?:(?:do|must|should|may|need)\s+not|(?:do|must|should|ca)n['’]t|cannot|never)"

_AVOID = (
    re.compile(
        rf"\b(?:{_NOT}\s+(?:ever\s+)?(?:mention|use|include|contain|write|say|feature)"
        r"|(?:without|avoid(?:ing)?|refrain\s+from|not)\s+(?:(?:ever\s+)?(?:mentioning|using"
        r"|including"
        r"|containing|writing|saying|(?:the\s+)?use\s+of)|(?=the\s+(?:words?|phrases?|terms?)\b))"
        rf"|avoid)\s+(?:(?:the|any\s+of\s+the|any)\s+)?(?:{_NOUN}\s*:?\s*)?{_LIST}",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:不得|不要|不能|不可以?|不应|不准|禁止|请?勿|避免|切勿|严禁|别)(?:再|在文中|在文章中"
        r"|直接)?"
        r"(?:出现|使用|提到|提及|包含|含有|用到?|写到?|说)(?:任何)?"
        rf"{_CHINESE_NOUN}[:：]?\s?{_LIST}"
    ),
    re.compile(
        rf"\bthe\s+{_NOUN}\s+{_LIST}\s+(?:(?:is|are)\s+(?:forbidden|banned|prohibited"
        rf"|not\s+allowed)"
        rf"|{_NOT}\s+(?:appear|occur|be\s+(?:used|mentioned)))",
        re.IGNORECASE,
    ),
    re.compile(rf"{_LIST}(?:等?词|这[个些]词|等?字样)?(?:不得|不能|不可|不要|禁止)(?:出现|使用)"),
)
_THING = rf"(?:(?:the|an?)\s+)?(?:{_NOUN}\s*)?:?\s*"
_MUST = (
    r"(?:must|should|shall|please|needs?\s+to|has\s+to|have\s+to"
    r"|(?:be|make)\s+sure\s+(?:to|you|that\s+you|(?:that\s+)?it|(?:that\s+)?the\s+\w+)"
    r"|ensure\s+(?:that\s+)?(?:it|you|the\s+\w+))"
)
_MENTION = (
    re.compile(
        rf"(?:\b{_MUST}\s+(?:also\s+)?(?:mention|include|contain|feature|use|quote)s?:?\s+{_THING}"
        rf"|(?:^|[.;:!?,\n]\s*|\band\s+)(?:also\s+|always\s+)?(?:mention|include):?\s+{_THING}"
        r"|\b(?:mention|includ(?:e|ing)|contain(?:ing)?|us(?:e|ing)|with|quote|repeat|incorporate"
        rf"|feature)\s+the\s+{_NOUN}\s*:?\s*){_LIST}",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:必须|务必|一定要|都要|需要?|应当?|要求?|请|文中要?|文章要?|全文要?)"
        r"(?:在文中|在文章中|多次|明确|至少)?"
        r"(?:提到|提及|包含|包括|出现|使用|含有|用到|用上|写到|写上|引用)(?:一次)?"
        rf"{_CHINESE_NOUN}[:：]?\s?{_LIST}"
    ),
    re.compile(
        rf"\bthe\s+{_NOUN}\s+{_LIST}\s+(?:must|should|has\s+to|have\s+to|needs?\s+to)\s+"
        r"(?:appear|occur|be\s+(?:used|mentioned|included))",
        re.IGNORECASE,
    ),
)
_NO_BEFORE = re.compile(r"(?:\bnot|n['’]t|\bnever|不|勿|别|无)\s?$", re.IGNORECASE)
_OPTIONAL = re.compile(r"\b(?:can|could|may|might|optionally)\s+(?:also\s+)?$", re.IGNORECASE)
_ITS_PART = re.compile(
    r"\s{0,2}(?:sections?|chapters?|parts?|headings?|page|tables?|columns?|scene|button"
    r"|as\s+(?:the\s+)?(?:title|heading))\b"
    r"|\s?(?:一?[章节部]|部分|栏目|为题)",
    re.IGNORECASE,
)


def find_phrases(source: Source) -> Iterator[tuple[int, Constraint]]:
    """Yield the ``avoid`` and ``mention`` constraints of a prompt with their offsets."""
    taken: set[int] = set()
    for kind, patterns in (("avoid", _AVOID), ("mention", _MENTION)):
        for pattern in patterns:
            for match in pattern.finditer(source.text):
                start = match.start("items")
                if start not in taken and (kind == "avoid" or _is_demand(source.text, match)):
                    taken.add(start)
                    yield from _phrases(source, match, kind)


def _is_demand(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - 24) : match.start()]
    return not (
        _NO_BEFORE.search(before) or _OPTIONAL.search(before) or _ITS_PART.match(text, match.end())
    )


def _phrases(source: Source, match: re.Match[str], kind: str) -> Iterator[tuple[int, Constraint]]:
    scope = find_scope(source, match.start(), match.end())
    quote = source.prompt[match.start() : match.end()].strip(" \n,.;:!?")
    for item in _ITEM.finditer(source.text, match.start("items"), match.end("items")):
        text = source.prompt[item.start() + 1 : item.end() - 1].strip(" ,.，。、")
        if text:
            yield item.start(), Constraint(kind, {"text": text}, scope=scope, quote=quote)
