"""What stands after "mention": one or several things, cut to the words that name them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from longwrite.rewards.clauses import WRITE

MOST_WORDS = 6
"""Words of the longest thing; what takes more is described and not named."""

MOST_CHARACTERS = 12
"""Characters of the longest thing that is named in Chinese."""

_CLAUSE = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Capt)\.\s|[^.;:!?\n()\[\]—–\"“”‘`《》「]){1,200}"
)
_JOINT = re.compile(r"\s?,\s?(?:(?:and|or)\s+)?|\s(?:and|or|nor|as\s+well\s+as)\s+", re.IGNORECASE)
_DETERMINER = re.compile(
    r"(?:the|an?|one|some|his|her|its|their|our|my|your|both\s+the)\s+(?=\S)", re.IGNORECASE
)
_ARTICLE = re.compile(r"(?:an?|one)\s", re.IGNORECASE)
_WORD = re.compile(r"\S+")
_STOP_WORDS = (
    "in on at from for with who whom whose that which when where while because so as by if into "
    "during throughout after before once twice least somewhere anywhere please without using "
    "but then including such like since about under over is are was were has have had can will "
    "would should must may might every each exactly only either also too again briefly "
    "explicitly between among through across not never how why what per near inside within "
    "around until starting beginning plus via use"
)
_STOPS = frozenset(_STOP_WORDS.split())
_VAGUE = re.compile(
    r"(?:it|him|her|them|me|us|you|this|that|these|those|any|all|each|every|at|no|none|other"
    r"|another"
    r"|more|most|many|several|following|above|how|why|what|when|where|who|whether|something"
    r"|anything"
    r"|everything|both|least|word|words|phrase|phrases|keyword|keywords|term|terms|name|names"
    r"|sentence"
    r"|line|fact|two|three|four|five|six|seven|eight|nine|ten|[0-9]+)\b",
    re.IGNORECASE,
)
_VERB = re.compile(
    rf"(?:{WRITE}|(?:describe|explain|discuss|keep|use|end|begin|start|include|avoid|add|show"
    r"|let|do"
    r"|be|focus|conclude|finish|compare|analy[sz]e|highlight|ensure|don['’]t|never|always"
    r"|please)\b)",
    re.IGNORECASE,
)
_PART_NOUNS = (
    "introduction intro conclusion summary abstract overview discussion analysis description "
    "explanation comparison example instance title subtitle headline heading subheading header "
    "list table chart graph diagram figure image picture photo illustration code snippet quote "
    "quotation citation reference bibliography footnote link url section chapter part paragraph "
    "sentence word phrase keyword term line page dialogue conversation monologue plot twist "
    "ending beginning opening closing hook moral lesson message theme setting character "
    "protagonist antagonist narrator villain conflict climax resolution call deadline date "
    "signature greeting salutation postscript disclaimer note tone style format structure "
    "outline timeline step tip point argument counterargument thesis statement claim reason "
    "evidence fact statistic detail touch sense element aspect variety number range mix lot "
    "couple few set series balance way focus reflection perspective approach plan strategy "
    "recommendation suggestion solution question answer exercise activity quiz case study "
    "glossary index appendix definition name text"
)
_PART = frozenset(_PART_NOUNS.split())
"""Nouns for a part of the text or for what it argues: to be had in it, but not to be named."""

_LOCATED = re.compile(
    r"\s*(?:in|on|at|from|near|inside|under|behind|beside|with|for)\s+"
    r"(?:the|an?|his|her|its|their|our|my)\s",
    re.IGNORECASE,
)
_LATE = re.compile(r"\s+\w+ed$")
"""A participle behind its noun, as in "a title wrapped in brackets"."""

_NAME = re.compile(
    r"[A-Z][\w'’.-]*(?:\s+(?:(?:of|the|de|van|von|and\s+the)\s+)?[A-Z0-9][\w'’.-]*)*"
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A named thing at ``start:end`` of a prompt; `text` is what a text would say."""

    text: str
    start: int
    end: int


def read_english(
    text: str, start: int, end: int | None = None, *, thing: bool = False
) -> Iterator[Phrase]:
    """Yield the things named from `start` on: "the harbour and the old mill" are two.

    Args:
        text: The prompt.
        start: Where the first thing begins.
        end: Where to stop; the end of the clause if None.
        thing: Whether only things count, and not parts of a text such as a summary.
    """
    clause = _CLAUSE.match(text, start, len(text) if end is None else end)
    if clause is None:
        return
    limit = clause.end()
    determined = bool(_DETERMINER.match(text, start, limit))
    first = True
    while start < limit:
        joint = _JOINT.search(text, start, limit)
        stop = joint.start() if joint else limit
        phrase = _cut(text, start, stop)
        if phrase is None or (thing and _is_part(phrase.text)):
            return
        if not first and not _goes_on(text, phrase, start, determined, thing):
            return
        yield phrase
        rest = text[phrase.end : stop]
        if joint is None or (rest.strip() and not _LOCATED.match(rest)):
            return
        first, start = False, joint.end()


def _goes_on(text: str, phrase: Phrase, start: int, determined: bool, thing: bool) -> bool:
    """Tell whether what follows a comma or "and" is another thing, not another clause."""
    if thing:
        return bool(_ARTICLE.match(text, start))
    if _DETERMINER.match(text, start) or text[start : start + 1].isupper():
        return True
    return not determined and phrase.text.count(" ") < 2 and not _VERB.match(phrase.text)


def _cut(text: str, start: int, stop: int) -> Phrase | None:
    determiner = _DETERMINER.match(text, start, stop)
    start = determiner.end() if determiner else start
    if _VAGUE.match(text, start, stop):
        return None
    name = _NAME.match(text, start, stop)
    if name and text[start : start + 1].isupper() and not name[0].isupper():
        return Phrase(name[0].rstrip("."), start, name.end())
    end = start
    words = list(_WORD.finditer(text, start, stop))
    for index, word in enumerate(words):
        plain = word[0].lower()
        after = words[index + 1][0] if index + 1 < len(words) else ""
        if plain in _STOPS or (plain == "to" and not re.match(r"(?:the|an?|[A-Z])", after)):
            break
        if index >= MOST_WORDS:
            return None
        end = word.end()
    cut = _LATE.sub("", text[start:end]).rstrip(" ,")
    return Phrase(cut, start, start + len(cut)) if len(cut) > 1 else None


def _is_part(phrase: str) -> bool:
    head = re.split(r"\s(?:of|to)\s", phrase)[0].split()
    last = head[-1].lower() if head else ""
    return len(last) < 2 or last in _PART or last.rstrip("s") in _PART


_CHINESE_CLAUSE = re.compile(r"[^，。；：:！？!?;\n“”「」『』《》()（）\"]{1,40}")
_CHINESE_JOINT = re.compile(r"、|以及|还有|或者|(?<![共总])和(?![平服谐尚气睦解蔼])|与|及")
_MEASURES = (
    "个只家座位条间道场处片名棵本幅首种段件把张些盏扇辆艘架匹头朵颗粒根支枝面块堆群对双副套部台门栋幢口顶顿番"
    "阵股缕束串排句封篇则项份杯瓶盒碗"
)
_CHINESE_LEAD = re.compile(rf"(?:[那这某]?[一几]?[{_MEASURES}](?<=[那这某一几].)|[那这])?")
_CHINESE_TAIL = re.compile(
    r"(?:等等?|的事情?|的内容|这件事|这[个一]点|至?少?一次|[两三几]次|了|吧|哦|噢)+$"
)
_CHINESE_VAGUE = re.compile(
    r"(?:以下|下列|如下|上述|上面|下面|这些|那些|什么|哪|如何|怎|为什么|自己|任何|其他|至少|所有|相关"
    r"|具体|它|他|她|你|我|的|每|各|关键词|词语)"
    r"|.*(?:表格|列表|标题|代码|图表|目录|摘要|引言|结论|总结|小结|例子|案例|对话|开头|结尾|部分|内容)$"
)


def read_chinese(text: str, start: int) -> Iterator[Phrase]:
    """Yield the things named from `start` on in Chinese: 水库和小学 are two."""
    clause = _CHINESE_CLAUSE.match(text, start)
    if clause is None:
        return
    begin = clause.start()
    for joint in [*_CHINESE_JOINT.finditer(text, begin, clause.end()), None]:
        stop = joint.start() if joint else clause.end()
        lead = _CHINESE_LEAD.match(text, begin, stop)
        first = lead.end() if lead else begin
        phrase = _CHINESE_TAIL.sub("", text[first:stop].strip())
        if not 1 <= len(phrase) <= MOST_CHARACTERS or _CHINESE_VAGUE.match(phrase):
            return
        yield Phrase(phrase, first, first + len(phrase))
        begin = joint.end() if joint else stop
