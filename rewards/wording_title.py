"""The title that a prompt gives to the text.

A prompt may name other works too, so a title counts only where it is the text's own: with the verb
that asks for the text, in a set phrase, or on a line that begins with "Title:".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from longwrite.rewards.clauses import QUOTED, WRITE, Source
from longwrite.types import Constraint

_WORK = (
    r"(?:essay|article|paper|story|novel|report|book|post|poem|speech|document|piece|guide|script"
    r"|play|letter|song|thesis|review|blog|newsletter|course|handbook|manual|proposal|text)"
)
_CALLED = r"(?:titled|entitled|(?:with|under)\s+(?:the\s+)?title(?:\s+of)?)"
_LINE = (
    rf"(?:(?:article\s+|essay\s+|paper\s+|report\s+)?title(?:\s+of\s+(?:the|your|this)\s+{_WORK})?"
    r"|(?:文章|论文|作文|报告|小说|演讲|故事)?(?:标题|题目)|书名)"
)
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        rf"{WRITE}[^.;\n“\"]{{0,80}}?\b(?P<by>{_CALLED}|(?<=\s){_WORK},?\s+called)\s*[:：]?\s*"
        rf"(?P<title>{QUOTED})",
        rf"\b{_WORK}\s+(?P<by>{_CALLED})\s*[:：]?\s*(?P<title>{QUOTED})",
        rf"\b(?P<by>give)\s+(?:it|(?:the|this|your)\s+{_WORK})\s+the\s+title\s+(?P<title>{QUOTED})",
        rf"\b(?:{_CALLED}|the\s+title\s+(?:is|should\s+be|must\s+be))\s*[:：]\s*"
        r"(?P<title>[^\n“”\"]{2,150}?)(?=\s*(?:$|[.。;]\s))",
        rf"^[\s#*\-–]{{0,6}}{_LINE}\*{{0,2}}\s*[:：]\s*\*{{0,2}}\s*"
        r"(?P<title>[^\n。；]{2,100}?)\**[ \t]*(?:$|[。；])",
        rf"以\s?(?P<title>{QUOTED})\s?为(?:文章|作文|论文)?(?:题目?|标题)(?!材|为)",
        r"以(?P<title>[^，。；：、“”\s《》以]{2,40})为(?:题目?|标题)(?![材为])",
        rf"(?:(?<!主)题目?|标题)(?:叫做?|为|是)[:：]?\s?(?P<title>{QUOTED})",
        r"(?:名|命名|名字)(?:叫做?|为|是)[:：]?\s?(?P<title>《[^《》\n]{1,100}》)",
        rf"(?:小说|文章|故事|剧本|作品|书|诗|文)的?名字?(?:叫做?|为|是)[:：]?\s?(?P<title>{QUOTED})",
        rf"\b(?P<by>call|title|entitle)\s+(?:it|(?:the|this|your)\s+{_WORK})\s*:?\s+"
        rf"(?P<title>{QUOTED})",
    )
)
_OTHER_WORK = re.compile(
    r"\b(?:of|about|on|from|the|this|that|by|for)\s+(?:an?\s+|the\s+)?(?:\w+\s+){0,2}$"
    r"|(?:关于|对|根据|基于|读|看|[这那该])[^，。；\n]{0,12}$",
    re.IGNORECASE,
)
_QUOTED = re.compile(QUOTED)


def find_title(source: Source) -> Iterator[tuple[int, Constraint]]:
    """Yield the first title that a prompt gives to the text, with its offset; it is soft."""
    found: list[tuple[int, Constraint]] = []
    for pattern in _PATTERNS:
        match = pattern.search(source.text)
        if match is None:
            continue
        start = match.start("by" if "by" in pattern.groupindex else 0)
        before = source.text[max(0, start - 40) : start]
        title = source.prompt[match.start("title") : match.end("title")].strip()
        if _QUOTED.fullmatch(title):
            title = title[1:-1]
        title = title.rstrip("。.，, ").strip("*# ")
        if title and not _OTHER_WORK.search(before):
            quote = source.prompt[match.start() : match.end()].strip()
            title_constraint = Constraint("title", {"text": title}, hard=False, quote=quote)
            found.append((match.start("title"), title_constraint))
    yield from sorted(found, key=lambda item: item[0])[:1]
