"""Headings, tables, lists and code that a prompt asks for or rules out.

Each of these words has a life outside typography (a dinner table, a dress code), so a wish needs a
verb that puts the thing into the text, and a table to be made needs something to show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from longwrite.rewards.clauses import Source, find_scope, is_quoted
from longwrite.rewards.numbers import NUMERAL, parse_number
from longwrite.types import Constraint, Json

_NOUNS = {
    "headings": r"(?:(?:sub-?)?headings?|section\s+headers?)",
    "table": r"tables?(?!\s+(?:of\s+contents|tennis|manners|cloth|lamp|top|talk|ware)\b)",
    "list": r"(?:bullet(?:ed)?[\s-]?(?:points?|lists?)|bullets|numbered\s+lists?)",
    "code": r"(?:code\s+(?:examples?|snippets?|samples?|blocks?)|(?:sample|example|source)\s+code)",
}
_CHINESE_NOUNS = {
    "headings": r"(?:小标题|子标题|分级标题)",
    "table": r"(?:表格)",
    "list": r"(?:列表|项目符号)",
    "code": r"(?:示例代码|代码示例|代码片段|代码块|代码)",
}
_DENIED_NOUNS = _NOUNS | {
    "list": r"(?:bullet(?:ed)?[\s-]?(?:points?|lists?)|bullets|(?:numbered\s+)?lists?)"
}
_MORE = {
    "headings": r"(?!)",
    "table": r"\b(?:create|make|draw|give|present)\s+(?:an?\s+|the\s+)?(?:[\w-]+\s+){0,2}?tables?"
    r"\s+(?:that|which|of|showing|comparing|listing|summari[sz]ing|outlining|with\s+(?:columns"
    r"|rows))\b"
    r"|\bin\s+(?:an?\s+)?(?:[\w-]+\s+)?table\s+form(?:at)?\b"
    r"|\b(?:as|in)\s+(?:an?|the\s+form\s+of\s+an?)\s+table\b(?=\s*(?:[.,;)]|format|$))",
    "list": r"\b(?:as|in)\s+(?:an?\s+|the\s+form\s+of\s+an?\s+)?list\b"
    r"(?=\s+for(?:m|mat)\b)",
    "code": r"\b(?:include|provide|with|add)\s+"
    r"(?:(?:the|full|complete|working|python|java|sql|javascript)\s+){0,2}code\b(?!\s+of\s)",
}
_AND = r"(?:(?:[\w-]+\s+){1,5}?and\s+)?"
_ADJECTIVES = (
    r"(?:(?!(?:and|or|this|that|these|those|no|not|any|without|up|in|on|under|at|of|from)\b)"
    r"[\w-]+\s+){0,3}?"
)
_VERBS = {
    "headings": "include|including|add|insert|provide|use|using|with",
    "table": "include|including|add|insert|provide|use|using",
    "list": "include|including|add|insert|provide|use|using|with|in|as",
    "code": "include|including|add|insert|provide|use|using|with",
}
_DENIAL = (
    r"(?:\b(?:do\s+not|don['’]t|must\s+not|should\s+not|never|cannot)\s+"
    r"(?:use|include|add|write|contain|insert|have)"
    r"|\b(?:without|avoid|no)(?:\s+(?:using|including|adding))?)\s+(?:any\s+|an?\s+)?"
    r"(?:[\w-]+\s+(?:or|and)\s+|[\w-]+,\s+)?"
)
_CHINESE_VERBS = (
    r"(?:使用|用|包含|包括|加入|加上|加|添加|附上?|制作|插入|提供|需?要有|列出|写出|配上?|以|给出)"
)
_CHINESE_DENIAL = (
    r"(?:不要|不得|不能|不可|不用|无需|禁止|避免|请勿|勿|别|不)(?:使用|用|出现|加|添加|包含|写|有"
    r"|带)?"
    r"(?:任何)?(?:[^，。；、\n]{1,4}[、和或及与])?"
)
_OPTIONAL = re.compile(
    r"(?:\b(?:can|may|could|might|not|how\s+to|who|never)\s+(?:also\s+)?|n['’]t\s+|[可能不]以?"
    r"|无需|勿|别)$",
    re.IGNORECASE,
)


def _wanted(kind: str) -> re.Pattern[str]:
    count = rf"(?:at\s+least\s+)?(?:(?P<count>{NUMERAL})\s+)?"
    number = rf"(?:至少)?(?P<number>{NUMERAL})?[个张段份]?"
    return re.compile(
        rf"\b(?:{_VERBS[kind]})\s+{_AND}{count}{_ADJECTIVES}{_NOUNS[kind]}\b"
        rf"|{_CHINESE_VERBS}{number}[^，。；\n不]{{0,6}}?{_CHINESE_NOUNS[kind]}"
        rf"|{_MORE[kind]}",
        re.IGNORECASE,
    )


def _denied(kind: str) -> re.Pattern[str]:
    return re.compile(
        rf"{_DENIAL}{_DENIED_NOUNS[kind]}\b|{_CHINESE_DENIAL}{_CHINESE_NOUNS[kind]}", re.IGNORECASE
    )


_PATTERNS = {kind: (_wanted(kind), _denied(kind)) for kind in _NOUNS}


def find_elements(source: Source) -> Iterator[tuple[int, Constraint]]:
    """Yield the ``headings``, ``table``, ``list`` and ``code`` constraints with their offsets.

    The first of each kind counts; a refusal wins over a wish.
    """
    for kind, (wanted, denied) in _PATTERNS.items():
        match = _first(source, denied)
        wish = match is None
        match = match or _first(source, wanted)
        if match is None:
            continue
        params: dict[str, Json] = {"wanted": wish}
        if kind != "headings":
            params["min"] = _count(match) if wish else 0
        quote = source.prompt[match.start() : match.end()].strip(" \n，。;,")
        scope = find_scope(source, *match.span())
        yield match.start(), Constraint(kind, params, scope=scope, quote=quote)


def _first(source: Source, pattern: re.Pattern[str]) -> re.Match[str] | None:
    for match in pattern.finditer(source.text):
        before = source.text[max(0, match.start() - 12) : match.start()]
        if not is_quoted(source, *match.span()) and not _OPTIONAL.search(before):
            return match
    return None


def _count(match: re.Match[str]) -> int:
    groups = match.groupdict()
    number = parse_number(groups.get("count") or groups.get("number") or "")
    return number if number and number <= 1000 else 1
