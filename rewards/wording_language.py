"""The language a prompt wants its text in.

Only what asks for the output's language counts: "write in English" and "a Chinese news report" do,
"reading in English" and "Chinese culture" are topics. Chinese tells the two apart by itself (中文
is only ever the language); English does not, so an adjective counts before few nouns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from longwrite.language import NAMES
from longwrite.rewards.clauses import WRITE, Source, find_places, is_quoted
from longwrite.rewards.wording_orders import is_told
from longwrite.types import Constraint

_CHINESE_NAMES = {
    "en": "英文 英语",
    "zh": "中文 汉语 普通话",
    "ja": "日文 日语",
    "ko": "韩文 韩语",
    "fr": "法文 法语",
    "de": "德文 德语",
    "es": "西班牙文 西班牙语",
    "ru": "俄文 俄语",
    "pt": "葡萄牙语",
    "it": "意大利语",
    "ar": "阿拉伯语",
    "nl": "荷兰语",
}
_CODES = (
    {name.lower(): code for code, name in NAMES.items()}
    | {"mandarin": "zh"}
    | {name: code for code, names in _CHINESE_NAMES.items() for name in names.split()}
)
_NAME = "(?P<name>" + "|".join(name for name in _CODES if name.isascii()) + r")\b"
_SIGN = "(?P<name>" + "|".join(name for name in _CODES if not name.isascii()) + ")"

_ANSWER = (
    r"(?:\b(?:answer|respond|reply|output|response|introduce|explain|describe|summari[sz]e|discuss"
    rf"|text|language|essay|article|story|report|translated?|written|speak|logic)\b|{WRITE})"
)
_TEXT = (
    r"(?:essay|article|news|report|composition|email|translation|version|text|speech|response|blog"
    r"|post|press\s+release|summary|paper|abstract|copy)"
)
_PHRASE_END = (
    r"(?=\s*(?:$|[.,;:!?()\]\"”—–])|\s+(?:and|or|but|about|on|with|for|using|the|an?|of|at|to|in"
    r"|that"
    r"|which|please|only|so|as|from|by|what|how|why|regarding|explaining|describing)\b)"
)
_TELL = "(?:写|撰|创作|回答|作答|回复|阐述|介绍|描述|输出|完成|作文|讨论|叙述|起草|说明|讲述|解释)"
_WORK = (
    "(?:作文|文章|演讲稿?|影评|小说|短文|论文|故事|邮件|信|报告|诗|散文|书评|读后感|新闻|简历"
    "|求职信|总结|日记)"
)
_CLAUSE_END = r"(?=$|[，。；）)、\s])"
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        rf"{_ANSWER}[^.;:!?\n“\"]{{0,60}}?\bin\s+(?:(?!english)[a-z]+\s+(?:and\s+[a-z]+\s+)?)?"
        rf"{_NAME}{_PHRASE_END}",
        rf"\btranslate\b[^.;:!?\n]{{0,60}}?\binto\s+(?:[a-z]+\s+)?{_NAME}{_PHRASE_END}",
        r"\b(?:it|everything)\s+(?:must|should|has\s+to|needs\s+to)\s+be\s+(?:written\s+"
        r"|entirely\s+|all\s+)?"
        rf"in\s+{_NAME}{_PHRASE_END}",
        rf"以{_SIGN}(?:来)?(?:撰写|写一|创作|回答|作答|完成)",
        rf"{WRITE}(?:\s+(?!(?:about|on|of|for|to|in|with|from)\b)[\w,-]+){{0,7}}?\s+{_NAME}\s+"
        rf"(?:[a-z]+\s)?{_TEXT}\b",
        rf"^\s*(?:language|语言)\s*[:：]\s*{_NAME}",
        rf"^\s*(?:language|语言)\s*[:：]\s*{_SIGN}",
        rf"(?<![么样何])用(?:流利的?|纯正的?|标准的?|地道的?|全)?{_SIGN}(?:来"
        rf"|进行)?[^，。；\n]{{0,6}}?{_TELL}",
        r"(?:写|撰写|创作|生成|一[篇份封首个段]|字的?|词的?)[^，。；\n关论]{0,40}?"
        rf"{_SIGN}{_WORK}(?!教学|写作|阅读|技巧|批改|水平|课)",
        rf"(?:^|[，。；：\s（(])(?:请?全[文篇程]|通篇|正文|文章|回答)?(?:请|须|需|应|要|必须)?(?:使用|用){_SIGN}{_CLAUSE_END}",
        rf"(?<=[字词])\s?的?{_SIGN}{_CLAUSE_END}",
        rf"(?:请|必须|需|要求|务必)(?:使用|以|用){_SIGN}{_CLAUSE_END}",
    )
)
_TOPIC = re.compile(
    r"\b(?:reading|learn(?:ing)?|teach(?:ing)?|speaking|stud(?:y|ying)|fluen(?:t|cy)|how|someone"
    r"|who|people)\b[^.;\n]{0,30}$"
    r"|(?:如何|怎么|怎样|学会|练习|能够|关于|有关|翻译|学习)[^，。；\n]{0,8}$"
    r"|(?:爱|喜欢|习惯|擅长|善于|坚持|学着)用?$",
    re.IGNORECASE,
)


def find_language(source: Source) -> Iterator[tuple[int, Constraint]]:
    """Yield the language that a prompt asks for, with its offset; the first one counts."""
    found: list[tuple[int, Constraint]] = []
    for pattern in _PATTERNS:
        for match in find_places(pattern, source.text):
            start = match.start("name")
            before = source.text[min(match.start(), max(0, start - 12)) : start]
            told = is_quoted(source, *match.span("name")) or is_told(source, match.start())
            if not told and not _TOPIC.search(before):
                code = _CODES[match["name"].lower()]
                quote = source.prompt[match.start() : match.end()].strip(" \n，。;,")
                found.append((start, Constraint("language", {"code": code}, quote=quote)))
                break
    yield from sorted(found, key=lambda item: item[0])[:1]
