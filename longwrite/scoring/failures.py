"""Refusals and error messages that were saved as if they were prose.

Both are bound to where they stand and how they are worded, so that a speaker who is sorry, a
narrator who cannot write, and an article about errors are let be. Positions are (start, end).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from longwrite.text import Block

SHORT = 400
"""Characters up to which a text counts as said in one breath."""

_SORRY = (
    r"(?:(?:I['’]?m|I am) (?:really |very |so |truly )?sorry|(?:my )?apologies|I apologi[sz]e|"
    r"sorry|unfortunately)[,.!;]? (?:but )?"
)
_AS_AI = r"as an ai(?: language)?(?: model| assistant)?,? "
_CANNOT = (
    r"I(?:['’]m| am)? (?:just |simply )?(?:can(?:['’]t|not| not)|won['’]t(?: be able to)?|"
    r"will not(?: be able to)?|unable to|not able to|must decline to|not comfortable) "
)
_WRITE = (
    r"(?:help(?:ing)? (?:you|with)|assist|fulfil|comply|provid|writ|creat|generat|continu|produc|"
    r"complet|engag|discuss|answer|support|shar|offer|accommodat|do (?:that|this)|proceed)"
)
_SORRY_ZH = (
    r"(?:(?:非常|很|十分|真的)?(?:抱歉|对不起|遗憾|不好意思)[，,。！]{1,2}(?:但是?|不过)?|"
    r"作为(?:一个|一名)?(?:AI|人工智能|语言模型)[^。\n]{0,16}[，,])"
)
_CANNOT_ZH = (
    r"(?:我|本人)?(?:目前|暂时|现在)?还?(?:无法|不能|没办法|没有办法)(?:为[您你])?(?:直接)?"
    r"(?:提供|协助|帮|生成|写|撰写|创作|回答|满足|完成|继续|处理|讨论)"
)
_REFUSAL = re.compile(
    rf"\s*+[*_#>]{{0,4}} ?((?:{_SORRY})?(?:{_AS_AI})?{_CANNOT}{_WRITE}[^\n]{{0,300}}"
    rf"|{_SORRY_ZH}{_CANNOT_ZH}[^\n]{{0,100}})",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"\b(?:requests?|requested|fulfil\w*|comply|(?:assist|help) (?:you )?with (?:that|this)|"
    r"(?:content|usage|safety|our|my) (?:guidelines?|polic(?:y|ies))|as an ai|language model|"
    r"(?:that|this|such|explicit|harmful|inappropriate) (?:content|prompt|topic))\b"
    r"|请求|要求|内容|此类|这类|指令|人工智能|AI|话题",
    re.IGNORECASE,
)


def find_refusal(bare: str) -> list[tuple[int, int]]:
    """Return where a text opens by declining; it names what is declined, or says no more."""
    match = _REFUSAL.match(bare)
    if match and (len(bare.strip()) <= SHORT or _REFUSED.search(match.group(1))):
        return [match.span(1)]
    return []


_REASON = (
    "(?:internal server error|bad gateway|service (?:temporarily )?unavailable|"
    "gateway time-?out|too many requests|unauthorized|forbidden|bad request)"
)
_ALONE = re.compile(
    r"max tries\. failed\.?"
    rf"|(?:http )?(?:error|status)(?: code)?:? ?[45]\d\d(?:[ :,-]{{1,3}}{_REASON})?\.?"
    rf"|(?:http )?[45]\d\d:? {_REASON}\.?|{_REASON}\.?"
    r"|rate limit (?:exceeded|reached)(?:(?:[.:,!]| for\b).{0,200})?"
    r"|upstream connect error\b.{0,300}"
    r"|(?:[\w.]{1,60}(?:error|exception): )?cuda (?:error: )?out of memory\b.{0,400}"
    r"|(?:[a-z_]{1,30}\.){1,4}[a-z]{1,40}(?:error|exception): .{1,400}"
    r"|(?:you exceeded your current quota|incorrect api key provided|invalid api key)\b.{0,300}"
    r"|this model['’]s maximum context length is .{1,300}",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"(?:error|exception|fatal)(?: code)?: .{1,200}|[a-z]{1,30}(?:error|exception): .{1,400}"
    r"|(?:connection|read|request|api|network) (?:error|refused|reset by peer|timed out)\b.{0,200}"
    r"|an error occurred\b.{0,300}"
    r"|the (?:server|engine|model) (?:had an error|is (?:currently )?overloaded)\b.{0,300}"
    r"|none|null|nan|undefined|error|\[object object\]|\{\}|\[\]",
    re.IGNORECASE | re.DOTALL,
)
_BODY = re.compile(
    r"<!doctype html|<html[\s>]|\{\s{0,20}\"(?:error|errors|detail|message)\"\s{0,20}:",
    re.IGNORECASE,
)
_TRACEBACK = re.compile(
    r'^ {0,3}Traceback \(most recent call last\):[ \t]*(?=\n[ \t]+File "|\s*\Z)', re.MULTILINE
)


def find_errors(bare: str, found: list[Block]) -> Iterator[tuple[int, int]]:
    """Yield what a failed call says: the whole text, a paragraph of its own, a traceback."""
    content = bare.strip()
    if _BODY.match(content) or (len(content) <= SHORT and _WHOLE.fullmatch(content)):
        start = bare.index(content)
        yield start, start + len(content)
    for match in _TRACEBACK.finditer(bare) if "Traceback (most" in bare else ():
        yield match.span()
    for block in found:
        end = block.start + len(block.text)
        short = block.kind == "paragraph" and len(block.text) <= SHORT
        if short and _ALONE.fullmatch(bare[block.start : end].strip()):
            yield block.start, end
