"""Headings, tables, lists and code that a prompt asks for or rules out.

Each of these words has a life outside typography (a dinner table, a dress code), so a wish needs a
verb that puts the thing into the text, and that verb has to be an order and not a tale.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from longwrite.rewards.clauses import Source, find_places, is_quoted
from longwrite.rewards.numbers import NUMERAL, parse_number
from longwrite.rewards.wording_orders import DEMAND, TEXT_NOUN, is_asked, is_told
from longwrite.rewards.wording_scopes import find_scopes
from longwrite.types import Constraint, Json

_NOUNS = {
    "headings": r"(?:(?:sub-?)?headings?|subheads?|section\s+(?:headers?|titles))",
    "table": r"tables?(?!\s+(?:of\s+contents|tennis|manners|cloth|lamp|top|talk|ware)\b)",
    "list": r"(?:bullet(?:ed)?[\s-]?(?:points?|lists?)|bullets|numbered\s+lists?)",
    "code": r"(?:code\s+(?:examples?|snippets?|samples?|blocks?)|(?:sample|example|source)\s+code)",
}
_CHINESE_NOUNS = {
    "headings": r"(?:小标题|子标题|[一二三四分多层各]级标题)",
    "table": r"(?:表格)",
    "list": r"(?:列表|项目符号)",
    "code": r"(?:示例代码|代码示例|代码片段|代码块|代码)",
}
_NAMES = {
    "headings": re.compile(r"heading|header|title|标题", re.IGNORECASE),
    "table": re.compile(r"table|tabular|表格", re.IGNORECASE),
    "list": re.compile(r"list|bullet|列表|项目符号", re.IGNORECASE),
    "code": re.compile(r"code|代码", re.IGNORECASE),
}
"""What every wish for a kind holds; to look for it first takes a hundredth of the time."""
_END = r"(?=\s*(?:$|[.,;:!?)\n]|please\b|in\s+the\b|anywhere\b))"
_DENIED_NOUNS = _NOUNS | {
    "list": r"(?:bullet(?:ed)?[\s-]?(?:points?|lists?)|bullets|(?:numbered\s+)?lists?)",
    "code": rf"(?:{_NOUNS['code']}|code{_END})",
}
_VERBS = {
    "headings": "include|including|add|insert|provide|use|using|with",
    "table": "include|including|add|insert|provide|use|using",
    "list": "include|including|add|insert|provide|use|using|with|in|as",
    "code": "include|including|add|insert|provide|show|give|use|using|with",
}
_AND = r"(?:(?:[\w-]+\s+){1,5}?and\s+)?"
_ADJECTIVES = (
    r"(?:(?!(?:and|or|this|that|these|those|no|not|any|without|up|in|on|under|at|of|from)\b)"
    r"[\w-]+\s+){0,3}?"
)
_ABOUT = r"(?:(?:at\s+least|exactly|no\s+fewer\s+than|about|around)\s+)?"
_CLOSED = (
    r"(?:illustrate|support|supplement|accompany|end|close|finish|conclude|begin|open|start)\b"
    r"[^.;:\n]{0,60}?\bwith"
)
_SHOWN = (
    r"(?:put|arrange|collect|organi[sz]e|summari[sz]e|present|show|list|give|set\s+out|lay\s+out)\b"
    r"[^.;:\n]{0,60}?\b(?:in|into|as)"
)
_THERE = (
    r"(?:(?:sure|ensure)(?:\s+that)?\s+there\s+(?:is|are)|there\s+(?:must|should|has\s+to)\s+be)"
)
_NEEDED = r"\s+(?:is|are)\s+(?:required|needed|wanted|expected|mandatory)\b"
_MADE = (
    r"\b(?:create|make|draw(?:\s+up)?|give(?:\s+me)?|present|provide|produce|generate|prepare|put"
    r"|insert|place)"
)
_WORDS = r"(?:[\w-]+\s+){0,2}?"
_MORE = {
    "headings": (
        r"\b(?:structure|organi[sz]e|divide|break\s+up|split)[^.;\n]{1,30}\b(?:with|by|under|into)"
        rf"\s+{_WORDS}(?:sub-?)?headings"
    ),
    "table": (
        rf"{_MADE}\s+(?:an?\s+|the\s+|(?P<made>{NUMERAL})\s+){_WORDS}tables?\b"
        r"(?=\s*(?:$|[.,;:]|that\b|which\b|of\b|with\b|for\b|showing|comparing|listing"
        r"|summari[sz]ing|outlining|into?\b|at\s+the\b))"
        rf"|\b{TEXT_NOUN}\s+(?:on\s+[^.;:,\n]{{1,30}}\s)?with\s+{_ABOUT}(?P<having>{NUMERAL})\s+"
        rf"{_WORDS}tables\b"
        rf"|\b(?:with|include|including|add)\s+(?:(?!\b(?:each|every)\b)[^.;:\n]){{1,80}}?"
        rf"\band\s+an?\s+{_WORDS}table\b"
        r"(?=\s*(?:$|[.,;:]|of\b|with\b|comparing|listing|summari[sz]ing))"
        r"|\bwith\s+an?\s+table\s+(?:in|for|at\s+the\s+end\s+of)\s+(?:each|every)\b"
        r"|\bin\s+(?:an?\s+)?(?:[\w-]+\s+)?table\s+form(?:at)?\b|\bin\s+tabular\s+form(?:at)?\b"
        r"|\b(?:as|in|using|into)\s+(?:an?|the\s+form\s+of\s+an?)\s+(?:[\w-]+\s+)?table\b"
        r"(?=\s*(?:[.,;)]|format|$))"
    ),
    "list": (
        r"\b(?:as|in)\s+(?:an?\s+|the\s+form\s+of\s+an?\s+)?list\b(?=\s+for(?:m|mat)\b)"
        rf"|\b(?:write|give(?:\s+me)?|list)\s+{_ABOUT}{NUMERAL}\s+{_WORDS}bullet\s+points\b"
    ),
    "code": (
        r"\b(?:include|provide|with|add)\s+(?:(?:the|full|complete|working|python|java|sql"
        r"|javascript)\s+){0,2}code\b(?!\s+of\s)"
    ),
}
_NEVER = r"(?:do(?:es)?\s+not|do(?:es)?n['’]t|must\s+not|should\s+not|never|cannot)"
_DENIAL = (
    rf"(?:\b(?:I\s+)?{_NEVER}\s+(?:use|include|add|write|contain|insert|have|need|want)"
    rf"|\b{_NEVER}\s+(?:put|present|show|write|give|format|list)\b[^.;:\n]{{0,30}}\b(?:in|as|into)"
    r"|\bthere\s+(?:must|should|may)\s+not\s+be"
    r"|\b(?:leave\s+out|omit|skip|exclude|refrain\s+from\s+using|free\s+of)"
    r"|\b(?:without|avoid|no)(?:\s+(?:using|including|adding))?)"
    r"\s+(?:any\s+|all\s+|the\s+|an?\s+)?(?:[\w-]+\s+(?:or|and)\s+|[\w-]+,\s+)?"
    r"(?:(?!(?:or|and|the|my|of|in|to|with)\b)[\w-]+\s+){0,2}?"
)
_NOT_ALLOWED = (
    r"\s+(?:is|are)\s+(?:not\s+(?:allowed|needed|wanted|permitted|required|necessary"
    r"|to\s+be\s+used)|forbidden|unnecessary|unwanted|prohibited)\b"
)
_CHINESE_VERBS = (
    r"(?:使用|用|包含|包括|加入|加上|加|添加|附上?|制作|插入|提供|需?要有|要|列出?|写出|配上?|以|给出"
    r"|画|做|分|设置?|整理成|[做制列画]成)"
)
_CHINESE_DENIAL = (
    r"(?:不需?要|不得|不能|不可|不用|不必|无需|无须|禁止|避免|请勿|勿|别|不)"
    r"(?:使用|用|出现|加|添加|包含|写|有|分|设|列|带)?(?:任何|分[点条]|编号)?"
    r"(?:[^，。；、\n]{1,4}[、和或及与])?"
)
_OPTIONAL = re.compile(
    r"(?:\b(?:can|may|could|might|not|how\s+to|who|never)\s+(?:also\s+)?|n['’]t\s+|[可能不]以?|不需"
    r"|无需|勿|别)$",
    re.IGNORECASE,
)
_MODIFIER = re.compile(rf"(?:with|without|in|as|no|using|including|{TEXT_NOUN})\b", re.IGNORECASE)
_STATED = re.compile(r"\s(?:is|are)\s[a-z ]+$", re.IGNORECASE)
_LISTS = re.compile(r"lists?$|列表$", re.IGNORECASE)


def _wanted(kind: str) -> re.Pattern[str]:
    noun = _NOUNS[kind]

    def some(group: str) -> str:
        return rf"{_ABOUT}(?:(?P<{group}>{NUMERAL})\s+)?{_ADJECTIVES}{noun}"

    demanded = rf"(?:{DEMAND})\s+(?:also\s+)?(?:have|has|contain|feature|come\s+with)"
    return re.compile(
        rf"\b(?:{_VERBS[kind]}|{demanded}|needs?|requires?)s?\s+{_AND}{some('count')}\b"
        rf"|\b{_CLOSED}\s+{some('closed')}\b"
        rf"|\b{_SHOWN}\s+{_ADJECTIVES}{noun}\b"
        rf"|\b{_THERE}\s+{some('there')}\b"
        rf"|\b{some('needed')}{_NEEDED}"
        rf"|{_CHINESE_VERBS}(?:至少)?(?P<number>{NUMERAL})?[个张段份]?[^，。；\n不]{{0,6}}?"
        rf"{_CHINESE_NOUNS[kind]}"
        rf"|{_MORE[kind]}",
        re.IGNORECASE,
    )


def _denied(kind: str) -> re.Pattern[str]:
    return re.compile(
        rf"{_DENIAL}{_DENIED_NOUNS[kind]}\b|{_CHINESE_DENIAL}{_CHINESE_NOUNS[kind]}"
        rf"|\b{_DENIED_NOUNS[kind]}{_NOT_ALLOWED}",
        re.IGNORECASE,
    )


_PATTERNS = {kind: (_wanted(kind), _denied(kind)) for kind in _NOUNS}
_COUNTS = ("count", "closed", "there", "needed", "number", "made", "having")


def find_elements(source: Source) -> Iterator[tuple[int, Constraint]]:
    """Yield the ``headings``, ``table``, ``list`` and ``code`` constraints with their offsets.

    The first of each kind counts; a refusal wins over a wish.
    """
    for kind, (wanted, denied) in _PATTERNS.items():
        if not _NAMES[kind].search(source.text):
            continue
        match = _first(source, denied)
        wish = match is None
        match = match or _first(source, wanted)
        if match is None:
            continue
        params: dict[str, Json] = {"wanted": wish}
        if kind != "headings":
            params["min"] = _count(match, kind) if wish else 0
        quote = source.prompt[match.start() : match.end()].strip(" \n，。;,")
        for scope in find_scopes(source, *match.span()):
            yield match.start(), Constraint(kind, params, scope=scope, quote=quote)


def _first(source: Source, pattern: re.Pattern[str]) -> re.Match[str] | None:
    for match in find_places(pattern, source.text):
        start = match.start()
        if is_quoted(source, *match.span()) or is_told(source, start):
            continue
        if _OPTIONAL.search(source.text, max(0, start - 12), start):
            continue
        if _MODIFIER.match(match[0]) or _STATED.search(match[0]) or is_asked(source, start):
            return match
    return None


def _count(match: re.Match[str], kind: str) -> int:
    """Return how many tables, lists or blocks are asked for; bullet points make one list."""
    if kind == "list" and not _LISTS.search(match[0]):
        return 1
    groups = match.groupdict()
    number = parse_number(next(filter(None, map(groups.get, _COUNTS)), ""))
    return number if number and number <= 1000 else 1
