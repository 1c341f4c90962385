"""What kind of text a prompt asks for: a letter, a script, a poem, a report.

The kind is the head of what is to be written. In English it stands before the first preposition
("a report on letters"), in Chinese at the end of the clause (关于诗歌的论文).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from longwrite.rewards.clauses import WRITE, Source, is_quoted
from longwrite.types import Constraint

_ENGLISH_FORMS = {
    "letter": "letter|e-?mail",
    "script": "screenplay|script|dialogue|play|monologue|skit|sitcom",
    "poem": "poem|haiku|sonnet|ballad|limerick|lyric|rap|song|ode|poetry|verse",
    "speech": "speech|eulogy|toast|keynote",
    "diary": "diary|diary entry|diary entries|journal entry|journal entries",
    "story": "story|stories|fairy tale|tale|parable|fable|fan ?fiction|narrative",
    "novel": "novel|novella",
    "report": "report|white paper|proposal|thesis|dissertation",
    "essay": "essay|paper|composition",
    "article": "article|blog post|blog|newsletter|press release|news",
    "review": "review|critique",
    "guide": "guide|handbook|manual|tutorial|course|(?:teaching|learning|lesson) plan",
    "biography": "biography|autobiography|memoir",
}
_CHINESE_FORMS = {
    "letter": "(?:感谢|道歉|求职|申请|推荐|介绍|邀请|辞职|公开|慰问|表扬|检讨|家长|情|催[促款])"
    "[信书函]|家书|书信|写信|邮件",
    "script": "剧本|脚本|话剧|小品|相声|对话(?:体|形式|稿)",
    "poem": "诗歌|律诗|绝句|诗(?![人词句意经情])|歌词|rap|说唱",
    "speech": "演讲稿?|发言稿|致辞|讲话稿?|讲稿|汇报稿",
    "diary": "日记|周记",
    "story": "故事|童话|寓言",
    "novel": "小说",
    "report": "报告|综述|白皮书|方案|计划书",
    "essay": "作文|论文|议论文|记叙文|散文|读后感|随笔|杂文",
    "article": "文章|推文|文案|新闻稿?|稿件|博客",
    "review": "影评|书评|评论",
    "guide": "指南|教案|教程|手册|攻略|课程",
    "biography": "自传|传记|回忆录",
}
_MEASURES = re.compile("[一二两三四五六七八九十几0-9](?:(?P<letter>封)|(?P<poem>首))")
_FORM_NOUN = re.compile(
    "|".join(rf"(?P<{name}>\b(?:{nouns})s?\b)" for name, nouns in _ENGLISH_FORMS.items())
    + r"|(?P<none>\b(?:python|shell|bash|sql|perl|php|java)\s+scripts?\b)",
    re.IGNORECASE,
)
_FORM_SIGN = re.compile(
    "|".join(f"(?P<{name}>{signs})" for name, signs in _CHINESE_FORMS.items()), re.IGNORECASE
)
_SHAPE = re.compile(
    r"\bin\s+(?:the\s+)?form\s+of\s+(?:an?\s+)?(?P<of>[a-z -]{3,30})"
    r"|\bin\s+(?P<in>[a-z-]{3,12})\s+form\b"
    r"|\b(?:write|written|present|presented|tell|told|framed|phrased|set)\s+"
    r"(?:it\s+|this\s+|everything\s+|(?:the|your)\s+\w+\s+)?(?:all\s+|out\s+|up\s+)?as\s+"
    r"(?:an?\s+)?"
    r"(?:(?:series|set|collection|sequence)\s+of\s+)?(?P<as>[a-z -]{3,30})",
    re.IGNORECASE,
)
_CHINESE_SHAPE = re.compile(r"(?:以|用|采用|按)[^，。；\n]{1,12}?(?=(?:的)?(?:形式|体裁|格式|体))")
_VERB = re.compile(
    rf"(?:{WRITE}(?!\s+sure)|\bcome\s+up\s+with\b|\bI(?:\s+would|['’]d)\s+like\b|\bI\s+(?:want"
    r"|need)\b"
    r"|\blooking\s+for\b|\blet\s+me\s+have\b)",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"(?:^|(?<=[.!?\n])\s{0,3})(?:the|your|this|my)\s+(?P<subject>(?:[\w-]+\s+){0,2}[\w-]+)\s+"
    r"(?:must|should|shall|has\s+to|needs\s+to|is\s+to)\b"
    r"|(?:^|(?<=[.!?\n])\s{0,3})(?:please\s+)?(?:organi[sz]e|structure|divide|split|begin|end"
    r"|keep)\s+"
    r"(?:the|your|this)\s+(?P<object>(?:[\w-]+\s+){0,2}?[\w-]+)\s+(?:with|in|into|under|by)\b",
    re.IGNORECASE,
)
_CHINESE_SUBJECT = re.compile(
    r"(?:^|(?<=[，。；\n]))[^，。；\n]{1,8}?(?=[里中内]?(?:要|应|必须|需|须|不得|不能|字数))"
)
_OBJECT = re.compile(r"[^.;:!?\n]{0,110}")
_OBJECT_END = re.compile(
    r"(?<!words)(?<!pages)\s(?:about|on|of|for|that|to|with|based|in|where|whose|describing"
    r"|featuring"
    r"|from|between|by|using|how|why|who|and)\s",
    re.IGNORECASE,
)
_WISH = re.compile(r"\s*(?:an?|my|our)(?=\s)", re.IGNORECASE)
_FINITE = re.compile(
    r"\b(?:is|are|was|were|has|have|had|can|will|would|should|does|did|says?|said)\b", re.IGNORECASE
)
"""A clause with one of these tells something; "A poem on salt, 100 words" wishes for it."""

_PIECE = re.compile(r"[^,(]+")
_TITLE_LIKE = re.compile(r"\s*[^,.:;!?(（，。：；\n]{2,80}")
_MODIFIES = re.compile(
    r"[- ](?:writing|analysis|template|driven|telling|writer|collection|study|board|line|tips"
    r"|techniques?|outline|plot|by|prompts?|statement)\b",
    re.IGNORECASE,
)
_CHINESE_VERB = re.compile(
    r"(?<![描书])写(?![作法])|创作|撰|生成|起草|编[写制]|设计|策划|给出|发表|作一"
)
_CHINESE_OBJECT = re.compile(r"[^，。；：\n！？,;:!?（(]{0,60}")
_CHINESE_MODIFIES = re.compile(
    "创作|写作|分析|技巧|赏析|鉴赏|教学|阅读|大赛|比赛|的(?:作者|主人公|主角|结构|特点|风格|写法)"
)
_VERBS_TRIED = 8


def find_form(source: Source) -> Iterator[tuple[int, Constraint]]:
    """Yield what the text is to be, with its offset; it is soft, and the first one counts."""
    found = _english_form(source.text) or _chinese_form(source.text)
    if found and found.lastgroup and not is_quoted(source, *found.span()):
        quote = source.prompt[found.start() : found.end()]
        yield found.start(), Constraint("form", {"name": found.lastgroup}, hard=False, quote=quote)


def _english_form(text: str) -> re.Match[str] | None:
    for shape in _SHAPE.finditer(text):
        name = next(name for name in ("of", "in", "as") if shape[name])
        if found := _FORM_NOUN.match(text, shape.start(name), shape.end(name)):
            return found
    for verb in islice(_VERB.finditer(text), _VERBS_TRIED):
        if found := _object_form(text, verb.end()):
            return found
    for subject in _SUBJECT.finditer(text):
        part = "subject" if subject["subject"] else "object"
        if found := _last(_FORM_NOUN, _MODIFIES, text, *subject.span(part)):
            return found
    if _FINITE.search(text, 0, _limit(_OBJECT, text, 0)):
        return None
    wish = _WISH.match(text)
    return _object_form(text, wish.end()) if wish else _heading_form(_FORM_NOUN, _MODIFIES, text)


def _object_form(text: str, start: int) -> re.Match[str] | None:
    """Return the form named by the head of what stands at `start`."""
    limit = _limit(_OBJECT, text, start)
    cut = _OBJECT_END.search(text, start, limit)
    for piece in _PIECE.finditer(text, start, cut.start() if cut else limit):
        if found := _last(_FORM_NOUN, _MODIFIES, text, piece.start(), piece.end()):
            return found
    return None


def _chinese_form(text: str) -> re.Match[str] | None:
    for shape in _CHINESE_SHAPE.finditer(text):
        if found := _last(_FORM_SIGN, _CHINESE_MODIFIES, text, *shape.span()):
            return found
    for verb in islice(_CHINESE_VERB.finditer(text), _VERBS_TRIED):
        limit = _limit(_CHINESE_OBJECT, text, verb.start())
        found = _MEASURES.search(text, verb.start(), min(limit, verb.end() + 8))
        found = found or _last(_FORM_SIGN, _CHINESE_MODIFIES, text, verb.start(), limit)
        if found:
            return found
    for subject in _CHINESE_SUBJECT.finditer(text):
        found = _last(_FORM_SIGN, _CHINESE_MODIFIES, text, *subject.span())
        if found and found.end() == subject.end():
            return found
    return _heading_form(_FORM_SIGN, _CHINESE_MODIFIES, text)


def _heading_form(
    nouns: re.Pattern[str], modifies: re.Pattern[str], text: str
) -> re.Match[str] | None:
    """Return the form of a prompt that begins like a title: "Interview Script, 600 words"."""
    end = _limit(_TITLE_LIKE, text, 0)
    found = _last(nouns, modifies, text, 0, end)
    return found if found and found.end() == end else None


def _last(
    nouns: re.Pattern[str], modifies: re.Pattern[str], text: str, start: int, end: int
) -> re.Match[str] | None:
    """Return the last noun of a phrase, which is its head, names and modifiers left out."""
    last = None
    for found in nouns.finditer(text, start, end):
        name = found.group()[0].isupper() and text.startswith(" of ", found.end())
        if found.lastgroup != "none" and not name and not modifies.match(text, found.end()):
            last = found
    return last


def _limit(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start
