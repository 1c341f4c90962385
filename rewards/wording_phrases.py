"""Words that the text must or must not contain, read from a prompt.

Taken are words that the prompt sets apart: by quotation marks, or by calling them words ("the
keywords salt and pepper", "the name Sarah"). What to mention in spirit is read, softly, by
`longwrite.rewards.wording_topics`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from longwrite.rewards.clauses import CHINESE_NTH, QUOTED, Source, find_places
from longwrite.rewards.wording_orders import DEMAND, is_asked, is_order, is_told
from longwrite.rewards.wording_scopes import find_scopes
from longwrite.types import Constraint, Json

_ITEM = re.compile(QUOTED)
_LIST = (
    rf"\[?(?P<items>{QUOTED}"
    rf"(?:(?:\s?(?:,|、|，|;|和|与|及|以及|或者?|and|or|nor|,\s?and|,\s?or)\s?|\s{{1,2}})?"
    rf"(?:the\s+(?:words?|phrases?|terms?)\s+)?{QUOTED}){{0,30}}+)"
)
_NOUN = (
    r"(?:(?:exact|following|specific|single|key)\s+){0,2}"
    r"(?:words?|phrases?|sentences?|terms?|keywords?|lines?|names?|quotes?|expressions?|texts?"
    r"|strings?)"
)
_CHINESE_NOUN = (
    r"(?:以下|下列|如下)?[几两三些]?个?(?:关键词|关键字|词语?|字眼?|短语|句子|一?句话?|这句话"
    r"|这?[几两三些]?个?[词字]语?|等?字样|成语|名字)?"
)
_NOT = (
    r"(?:(?:do|does|must|should|shall|may|need|can|will)\s+not|(?:do|does|must|should|ca|wo)n['’]t"
    r"|cannot|never)"
)

# Words called words, without quotation marks: one token each.
_TOKEN = (
    r"(?!(?:of|that|which|in|for|on|to|from|is|are|was|you|it|and|or|the|an?|not|at|with)\b)"
    r"[A-Za-z][\w'’-]{0,30}"
)
_OR = r"\s?(?:,\s?(?:and|or|nor)\s|,|\s(?:and|or|nor)\s)\s?"
_TOKENS = rf"{_TOKEN}(?:{_OR}{_TOKEN}){{0,20}}"
_TOKEN_END = (
    r"(?=\s*(?:$|[.,;:!?)\]\n]|(?:at\s+least|in|on|once|twice|more|for|exactly|only|anywhere|less"
    r"|fewer|[0-9]+|two|three|four|five|throughout|should|must|appears?|somewhere|and|but)\b))"
)
_BARE = (
    r"(?:(?:the|these|this|any\s+of\s+the|any)\s+)?(?:exact\s+|following\s+|key\s+)?"
    rf"(?:(?:words?|keywords?|terms?|names?)\s*[:：]\s*(?P<listed>{_TOKENS})"
    rf"|(?:words|keywords|terms|names)\s+(?P<plural>{_TOKEN}(?:{_OR}{_TOKEN}){{1,20}})"
    rf"|(?:word|keyword|term|name)\s+(?!limit|count|choice|length)(?P<one>{_TOKENS})){_TOKEN_END}"
)
_CHINESE_TOKEN = r"[^，。；、：！？\s“”「」()（）]{1,12}"
_CHINESE_TOKENS = rf"{_CHINESE_TOKEN}(?:、{_CHINESE_TOKEN}){{0,20}}"
_CHINESE_BARE = (
    r"(?:以下|下列|如下)?[几两三四五]?个?(?:关键词|关键字|词语|词|字)\s?[:：]\s?"
    rf"(?P<listed>{_CHINESE_TOKENS})"
)
_SPLIT = re.compile(rf"{_OR}|、", re.IGNORECASE)

_LABELS = {
    "avoid": r"(?:(?:forbidden|banned|prohibited|taboo)\s+(?:words?|terms?|phrases?|expressions?)"
    r"|(?:words?|terms?|phrases?)\s+(?:to\s+avoid|not\s+to\s+use)|avoid|do\s+not\s+use"
    r"|(?:禁用|违禁|忌用|避免使用的?)(?:词语?|词汇|字眼)?)",
    "mention": r"(?:(?:key\s?words?|words?|terms?|phrases?)\s+"
    r"(?:required|to\s+(?:include|use|mention))"
    r"|required\s+(?:key\s?words?|words?|terms?|phrases?)|must\s+(?:include|contain)"
    r"|(?:必[含备用须]|必须包含的?)(?:关键词|词语?|词汇)?)",
}


def _labelled(kind: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?:^|(?<=[.;。；\n]))[\s*#-]{{0,6}}{_LABELS[kind]}\s?[:：]\s?"
        rf"(?:{_LIST}|(?P<listed>{_TOKENS}{_TOKEN_END}|{_CHINESE_TOKENS}))",
        re.IGNORECASE,
    )


_AVOIDING = (
    rf"(?:{_NOT}\s+(?:ever\s+)?(?:mention|use|include|contain|write|say|feature|repeat)"
    r"|(?:(?:and|but|,)\s+not|(?:sure|certain)\s+(?:to\s+not|not\s+to)|not\s+to)\s+(?:to\s+)?"
    r"(?:mention|use|include|contain|write|say|feature)"
    r"|(?:without|avoid(?:ing|s)?|refrain\s+from|never|not)\s+(?:(?:ever\s+)?(?:mention|us|includ"
    r"|contain|writ|say)(?:ing|e?s)|the\s+use\s+of|(?=the\s+(?:words?|keywords?|phrases?"
    r"|terms?)\b))"
    r"|(?:skip|omit|drop|leave\s+out|exclude)(?=\s+the\s+(?:words?|keywords?|phrases?|terms?)\b)"
    r"|avoid)"
)
_AVOID = (
    _labelled("avoid"),
    re.compile(
        rf"\b{_AVOIDING}\s+(?:(?:the|any\s+of\s+the|any)\s+)?"
        rf"(?:{_NOUN}\s*:?\s*|(?:[\w-]+\s+){{0,2}}(?:words|phrases|terms|expressions)\s+(?:like"
        rf"|such\s+as)\s+)?{_LIST}",
        re.IGNORECASE,
    ),
    re.compile(rf"\b{_AVOIDING}\s+{_BARE}", re.IGNORECASE),
    re.compile(
        rf"\bthe\s+{_NOUN}\s+{_LIST}\s+(?:(?:is|are)\s+(?:forbidden|banned|prohibited"
        rf"|off\s+limits|not\s+allowed)|{_NOT}\s+(?:appear|occur|be\s+(?:used|mentioned)))",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\bnowhere\s+(?:may|should|must|can)\s+(?:the\s+)?{_NOUN}\s+{_LIST}\s+(?:appear|occur"
        r"|be\s+used)",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:不得|不要|不能|不可以?|不应|不准|不许|禁止|请?勿|避免|切勿|严禁|(?<![特分级性区差类个告辨])别|不)"
        r"(?:再|直接|在[^，。；\n]{1,6}[中里内])?"
        r"(?:出现|使用|提到|提及|提|包含|含有|用到?|写到?|说)(?:任何)?"
        rf"(?:{_CHINESE_NOUN}[:：]?\s?{_LIST}|{_CHINESE_BARE})"
    ),
    re.compile(
        rf"{_LIST}(?:这|等)?[几两三]?个?(?:词语?|字样?)?(?:均|都)?(?:不得|不能|不可|不要|禁止)(?:出现|使用)"
    ),
)
_VERB = r"(?:mention|include|contain|feature|use|quote|incorporate|repeat|work|weave)s?(?:\s+in)?"
_THING = rf"(?:(?:the|an?|these|this)\s+)?(?:{_NOUN}\s*)?:?\s*"
_THE_WORD = rf"(?:(?:the|these|this|an?)\s+)?{_NOUN}\s*:?\s*"
_USING = r"(?:us|includ|contain|mention|featur|incorporat)ing"
_APPEAR = (
    r"(?:(?:must|should|has\s+to|have\s+to|needs?\s+to|shall)\s+(?:all\s+|both\s+)?"
    r"(?:appear|occur|be\s+(?:used|mentioned|included))|appears?\b)"
)
_MENTION = (
    _labelled("mention"),
    re.compile(rf"\b{DEMAND}\s+(?:also\s+)?{_VERB}:?\s+{_THING}{_LIST}", re.IGNORECASE),
    re.compile(
        rf"\b(?:also\s+|always\s+)?(?:mention|include)s?:?\s+{_THING}{_LIST}", re.IGNORECASE
    ),
    re.compile(rf"\b(?:{_VERB}|{_USING}|with|has)\s+{_THE_WORD}{_LIST}", re.IGNORECASE),
    re.compile(rf"\b(?:{_VERB}|{_USING}|with|has):?\s+{_BARE}", re.IGNORECASE),
    re.compile(rf"\b(?:the\s+)?{_NOUN}\s+{_LIST}\s+{_APPEAR}", re.IGNORECASE),
    re.compile(rf"\bthe\s+following\s+{_NOUN}\s+{_APPEAR}[^:\n]{{0,30}}:\s*{_LIST}", re.IGNORECASE),
    re.compile(rf"\bthe\s+(?:word|keyword|name)\s+(?P<one>{_TOKEN})\s+{_APPEAR}", re.IGNORECASE),
    re.compile(
        r"(?:必须|务必|一定要|都要|需要?|应当?|(?<!不)要求?|请|记得|别忘了?)"
        r"(?:在[^，。；\n]{1,8}[中里内]|多次|明确|至少|分别|同时){0,2}"
        r"(?:提到|提及|包含|包括|出现|使用|含有|用到|用上|写到|写上|引用|有(?=[“「]))(?:至少)?(?:一次)?"
        rf"(?:{_CHINESE_NOUN}[:：]?\s?{_LIST}|{_CHINESE_BARE})"
    ),
    re.compile(
        rf"{_LIST}(?:这|等)?[几两三]?个?(?:一?词语?|[一二两]?字样?)?(?:必须|至少|应当?|需要?|都?要|均|务必){{1,3}}"
        r"(?:出现|使用|提到|提及)"
    ),
    re.compile(
        rf"在?{CHINESE_NTH}[中里内都均]{{0,3}}(?:提到|提及|写到|出现|用到|(?:写|安排)(?=一次))(?:至少)?"
        rf"(?:一次)?{_CHINESE_NOUN}{_LIST}"
    ),
)
_NO_BEFORE = re.compile(
    r"(?:\bnot|n['’]t|\bnever|\bwithout(?:\s+ever)?|\bavoid|(?<!务)不|勿|别|无|避免|禁止|主|只|想)\s?$",
    re.IGNORECASE,
)
_OPTIONAL = re.compile(
    r"\b(?:can|could|may|might|optionally)\s+(?:also\s+)?$|可以?$", re.IGNORECASE
)
_ITS_PART = re.compile(
    r"\s{0,2}(?:sections?|chapters?|parts?|headings?|page|tables?|columns?|scene|button"
    r"|as\s+(?:the\s+)?(?:title|heading))\b"
    r"|\s?(?:一?[章节部]|部分|栏目|为题)",
    re.IGNORECASE,
)
_SELDOM = re.compile(
    r"\s{1,2}(?:(?:for|only|(?:is|be)\s+used)\s+){0,2}(?:less|fewer|more|no\s+more)\s+than\b"
    r"|\s{1,2}(?:for\s+)?(?:at\s+most|once\s+or\s+less|no\s+more)\b",
    re.IGNORECASE,
)
_WITHOUT = re.compile(r"without\b", re.IGNORECASE)
_MODIFIER = re.compile(r"[a-z]+ing\b|without\b", re.IGNORECASE)
_FEW = re.compile(r"(?:less|fewer|no\s+more|at\s+most)", re.IGNORECASE)


def find_phrases(source: Source) -> Iterator[tuple[int, Constraint]]:
    """Yield the ``avoid`` and ``mention`` constraints of a prompt with their offsets."""
    taken: set[int] = set()
    said: set[tuple[str, Json, str]] = set()
    for kind, patterns in (("avoid", _AVOID), ("mention", _MENTION)):
        for pattern in patterns:
            for match in find_places(pattern, source.text):
                start = _listed(match)[0]
                if start in taken or not _is_demand(source, match, kind):
                    continue
                taken.add(start)
                for place, constraint in _phrases(source, match, kind):
                    same = (kind, constraint.params["text"], constraint.scope)
                    if same not in said:
                        said.add(same)
                        yield place, constraint


def _listed(match: re.Match[str]) -> tuple[int, int]:
    """Return the offsets of the words that a match lists."""
    groups = match.groupdict()
    name = next(name for name in ("items", "listed", "plural", "one") if groups.get(name))
    return match.span(name)


def _is_demand(source: Source, match: re.Match[str], kind: str) -> bool:
    text, start = source.text, match.start()
    seldom = _SELDOM.match(text, match.end())
    if seldom and (kind == "avoid" or _FEW.search(seldom[0])):
        return False  # not to be used more than twice is no ban, nor is it a wish
    if _WITHOUT.match(text, start) and is_order(source, start):
        return True
    if is_told(source, start) or not (_MODIFIER.match(text, start) or is_asked(source, start)):
        return False
    if kind == "avoid":
        return True
    before = text[max(0, start - 24) : start]
    return not (
        _NO_BEFORE.search(before) or _OPTIONAL.search(before) or _ITS_PART.match(text, match.end())
    )


def _phrases(source: Source, match: re.Match[str], kind: str) -> Iterator[tuple[int, Constraint]]:
    quote = source.prompt[match.start() : match.end()].strip(" \n,.;:!?，。")
    start, end = _listed(match)
    scopes = find_scopes(source, match.start(), match.end())
    for first, last in _cut(source.text, start, end):
        text = source.prompt[first:last].strip(" ,.，。、")
        if text:
            for scope in scopes:
                yield first, Constraint(kind, {"text": text}, scope=scope, quote=quote)


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the offsets of each word or phrase of a list."""
    quoted = list(_ITEM.finditer(text, start, end))
    if quoted:
        yield from ((item.start() + 1, item.end() - 1) for item in quoted)
        return
    for joint in _SPLIT.finditer(text, start, end):
        yield start, joint.start()
        start = joint.end()
    yield start, end
