"""What surrounds a number of words, and whether that makes it the length of this text.

Numbers of words stand in prompts for many reasons: a vocabulary, a source to be summarised, a
habit, a line of dialogue, a part of the text. A wrong length spoils a whole document, so a number
has to show that it is an instruction about this text; one that shows nothing is left alone.
Chinese prompts rarely use a number with 字 for anything else, so there only the exceptions count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from longwrite.rewards.clauses import (
    ADJECTIVE,
    CHINESE_SECTION,
    ENGLISH_SECTION,
    WRITE,
)
from longwrite.rewards.wording_scopes import is_object, named_sections, section_number


def _regex(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


_OWNED = r"(?:this|that|these|those|the|my|his|her|their|its|our|following|attached)"
_PERSON = r"(?:students?|people|children|writers?|authors?|they|he|she|who)"

# What stands before a number that is no length, up to its cue ("about", "at least").
_OTHER_MATTER = _regex(
    r"\b(?:vocabulary|lexicon|dictionary|glossary|list|corpus|set)\s+(?:of|with)\s+$",
    r"\b(?:worth|know|learn|memori[sz]e|read|speak|say|type|spell|teach|recite|understand"
    r"|recogni[sz]e)"
    r"(?:s|d|ed|ing)?\s+$",
    r"\b(?:memori[sz]ing|said|spoke|taught|typing|wrote|had|was|were|contained|submitted|cut"
    r"|from)\s+$",
    r"\bhow\s+(?:to|do|does|can|should)\b[^.;:\n]{0,20}\bwrite\b[^.;:\n]{0,25}$",
    r"\b(?:about|on|of|for|in|from|when|while)\s+writing\b[^.;:\n]{0,25}$",
    rf"\b{_PERSON}\b[^.;:,\n]{{0,25}}\bwr(?:ite|iting|ites|ote|itten)\b[^.;:,\n]{{0,20}}$",
    r"(?:背[诵会完]?|学[会习过]|认识|识得|记[住下忆]|读[完过]|掌握|打字|输入|抄写|听写|默写|积累)$",
    r"(?:从来|从未|总是|一直|向来)[^，。；\n]{0,6}$",
    r"(?:讨厌|害怕|喜欢|爱|怕|不愿意?|不想|拒绝|忘了?)写?$",
    r"被(?!要求|规定|限)[^，。；\n]{1,8}$",
    r"每个?(?:天|日|周|星期|月|年|学期|分钟|小时|秒|晚)[^，。；\n]{0,8}$",
    r"(?:词汇|识字|阅读|单词)量[^，。；\n]{0,6}$",
    r"[了把将从]$|[我他她它们]的$",
    r"(?:要求|让|叫|命令|规定|逼|罚)(?:学生们?|孩子们?|[他她]们?|同学们?|员工们?|大家|全班)"
    r"[^，。；\n]{0,6}$",
    r"[这那该原][篇本份个段部封]?[^，。；\n应需要须数控不写为成到至]{0,4}$",
    r"(?:上述|(?<!字)以上|(?<!字)以下|上面|下面|附件|给定)的?(?:这?[篇本份个段部封])?$",
    r"(?:如何|怎样|怎么|怎么样)(?:才能)?[^，。；\n]{0,4}(?:写|创作|完成)[^，。；\n]{0,10}$",
)
_TALE = _regex(
    r"\bwhy\s+(?:should|must|do|does|did|are|is|can|would)\b[^.;?\n]{0,80}"
    r"\b(?:have|be|contain|exceed|run|take|of|use|need|write)\s+$",
    r"^\W{0,4}(?:does|do|did|are|was|were|should|must|has|have)\s+(?!you\b)[^.;?\n]{0,120}"
    r"\b(?:have|be|exceed|contain|run|take|of)\s+$",
    r"\bwhat\s+makes?\s+an?\s+$",
    r"\bwho\s+(?:\w+\s+){0,2}(?:cuts?|trims?|limits?|reads?|edits?|keeps?|reduces?|shortens?"
    r"|counts?|produces?|copies|copy)\b[^.;,\n]{0,40}$",
    r"\b(?:asked|begged|called|hoped|paid)\s+for\s+$",
    r"\bhad\s+to\s+(?:\w+\s+){0,2}$",
    r"\btold\s+(?:me|him|her|us|them)\s+to\s+(?!write|prepare|create|produce)[^.;\n]{0,40}$",
    r"\b(?:demanded|required|ordered|expected|received|sent)\s+$",
    r"\b(?:read|reading|wrote|saw|found|bought|owned|published|finished|burned|lost)\s+"
    rf"(?:an?|the|his|her|my|their)\s+{ADJECTIVE}{{0,2}}[a-z]+\s+(?:of|with)\s+$",
    r"\b(?:about|on|ban|say|says|prefer|discuss|read)\s[^.;\n]{0,40}\b(?:novels|books|essays|papers"
    r"|stories|articles|texts|letters|speeches|reports|poems|contracts|scripts)\s+(?:of|with)\s+$",
)
_WITHIN = _regex(r"\bin\s+(?:an?\s+)?$")
_DIARY = _regex(r"(?:日记|周记|日志|周报|月报|笔记)[^。；\n]{0,40}每个?[周天日月]$")
_CHINESE_WRITE = _regex("写|创作|撰|生成|编|作一|起草|给出|输出|完成|提供|请")
_CHINESE_TOLD = _regex("(?:的[^，。；\n]{1,8})?(?:改变|让|使|[^，。；\n]{0,8}了)")
_STATEMENT = _regex(r"\b(?:is|are|has|have|contains?)\s+$")
_STORY = _regex(r"\b(?:gave|took|was|were|had|made|said|went|sent|told|found|lost|delivered)\b")
_DEMAND = _regex(
    r"\b(?:must|should|shall|ensur(?:e|ing)|mak(?:e|ing)\s+sure|needs?|has\s+to|have\s+to"
    r"|to\s+(?:be|have)|may\s+(?:be|have|run)"
    r"|(?<!,)\s(?:that|which)\s+(?:is|has|have)|length|limit|count)\b"
)
_SOURCE_TEXT = _regex(
    rf"\b{_OWNED}\s+{ADJECTIVE}{{0,2}}$",
    rf"\b(?:summari[sz]e|translate|edit|proofread|condense|shorten|abridge|read|review|critique"
    rf"|paraphrase|polish|grade|correct)(?:s|d|ing)?\s+(?:an?\s+|{_OWNED}\s+)?{ADJECTIVE}{{0,2}}$",
    rf"\b(?:summary|analysis|review|version|translation|copy)\s+of\s+an?\s+{ADJECTIVE}{{0,2}}$",
)
_WRITE_IT = _regex(rf"{WRITE}\s+(?:me\s+|us\s+)?{_OWNED}\s+{ADJECTIVE}{{0,2}}$")
_OUTLINE = _regex(
    rf"\b(?:outline|synopsis|pitch|premise|plan|ideas?|concept)\s+(?:for"
    rf"|of)\s+an?\s+{ADJECTIVE}{{0,3}}$"
)
_PICKED = _regex(r"\b(?:use|using|include|including|choose|find|name|pick|define|list)\s+$")

# What stands after the number and its unit.
_RATE = _regex(
    r"\s{0,2}(?:(?:an?|per|each|every)\s+|/\s?|p)"
    r"(?:day|minute|min\b|hour|week|month|second|sentence|line|slide|person)",
    r"\s{1,2}of\s+(?:wisdom|vocabulary)\b",
    r"\s{1,2}(?:(?:or|and)\s+[a-z]+\s+)?(?:(?:be\s+)?(?:written\s+)?(?:in|with)\s+(?:all\s+)?"
    r"(?:capital|upper|lower|bold|italic|caps)"
    r"|that\s+(?:start|begin|end|rhyme))",
    r"\s?/\s?(?:分钟|天|小时)|的?词汇|怎么写|量",
)
_CHOICE = _regex(
    r"\s{1,2}(?:that|which|beginning|starting|ending|rhyming|related|such\s+as|like|from)\b|:"
)
_PHRASES = _regex(r"\s+(?:sentence|phrase|vocabulary|title|name|password|headline|slogan)s?\b")
_CLOSING = _regex(
    r"\*{0,2}\s*(?:$|[.,;:，。；：)）\]!?\n|*]|(?:long|total|please|each|per|altogether|overall)\b"
    r"|in\s+(?:total|all)\b"
    r"|for\s+each)"
)

# What makes a number of words an instruction.
_INSTRUCTION = _regex(
    WRITE,
    r"\b(?:must|should|shall|needs?\s+to|has\s+to|have\s+to|ensure|make\s+sure|please|aim|keep"
    r"|limit"
    r"|target|expand|extend|answer|respond|describe|discuss|explain|summari[sz]e|introduce)\b",
)
_OPENING = _regex(r"(?:^|[.,;:，。；：、!?(（\[\n|>—–]|[-*]\s)\s*\*{0,2}\s*(?:an?\s+)?$")
_ARTICLE = _regex(rf"\b(?:an?|one|your)\s+{ADJECTIVE}{{0,3}}$")
_LEADS = _regex(
    r"\bfill(?:s|ing)?\s+$",
    r"\b(?:in|of|to|into|within|with|for|be|being|total|totall?ing|length|reach(?:es|ing)?|hit"
    r"|span(?:s|ning)?"
    r"|cover(?:s|ing)?|is|has|have|contains?)\s+(?:an?\s+|another\s+|an\s+additional\s+)?$",
    r"\blength\s*[:：]\s*$",
    rf"{WRITE}\s+(?:me\s+|us\s+)?(?:an?\s+)?{ADJECTIVE}{{0,3}}$",
    rf"\b(?:an?|one|your)\s+{ADJECTIVE}?$",
)

# The part of the text, or each of its parts, that a number is about.
_PART = (
    r"(?:abstract|introduction|intro|overview|conclusion|preface|foreword|summary|synopsis|bio"
    r"|caption"
    r"|subtitle|tagline|blurb|epilogue|prologue|paragraph|appendix|headline|title|slogan|sentence"
    r"|excerpt|quote)s?"
)
_CHINESE_PART = (
    "(?:摘要|引言|前言|结论|导语|简介|开头|结尾|按语|概述|序言|后记|总结|推荐语|开场白|附录)"
    "(?:部分)?"
)
_PART_BEFORE = _regex(
    rf"(?:(?<!this )(?<!following )(?<!above )\b{_PART}\b|{_CHINESE_PART})[^.;。；，\n0-9]{{0,30}}$"
)
_PART_AFTER = _regex(rf"\s*(?:[\w-]+\s+)?{_PART}\b", rf"的?{_CHINESE_PART}")
_ADDED = _regex(
    r"\b(?:with|includ(?:e|es|ing)|plus|and|also|add|attach|followed\s+by|then|contain(?:s|ing)?"
    r"|(?:begin|start|end|open|close)(?:s|ning|ing)?\s+with)\s+(?:an?|one|the|its)\s(?!word"
    r"|length|total|limit|target|m[ai][xn])[^.;,\n]{0,40}$",
    r"(?:附(?:上|带)?|包括|包含|外加|另)[^。；，\n]{0,12}$",
)
_ASIDE = _regex(r"^\W{0,6}an?\s")
_LINKS = (
    r"(?:(?:should|must|shall|will|to|be|being|is|has|have|having|needs|containing|of|with|in|at"
    r"|an?)\s+){0,6}"
)
_EACH_BEFORE = _regex(
    rf"\b(?:each|every)\b(?:\s+(?:one\s+)?of\s+(?:the|these|which|them))?(?:\s+[\w-]+){{0,4}}?"
    rf"(?:,\s*|\s*[:(]\s*|\s+{_LINKS})$",
    rf"\ball\s+(?:of\s+)?(?:the\s+)?(?:[0-9a-z]+\s+)?{ENGLISH_SECTION}\s+{_LINKS}$",
    r"每一?个?(?:节课|次课|部分|周|天|日|月|层|站|街区|类|项|点|条|人物|故事|问题|阶段"
    r"|[篇章节部段课幕封集讲首回卷则])[^，。；\n]{0,14}$",
    r"(?:各(?!种|类|国|地|族|方|位|界|省)|分别)[^，。；\n]{0,10}$"
    r"|每[篇章节段幕课封]，[^，。；\n]{0,6}$",
)
_EACH_AFTER = _regex(
    r"\s*(?:long\s+)?(?:each\b|apiece\b|(?:(?:for|in)\s+)?(?:per|each|every|a)\s+"
    rf"(?:{ENGLISH_SECTION}|story|post|poem|item|topic|essay|article)\b"
    r"|per\s+(?:[\w-]+\s+){0,2}(?!person|capita|cent)[a-z]{3,}\b)",
    rf"\s*(?:/|每){CHINESE_SECTION}",
)
_PLURAL = _regex(
    r"\s+(?:(?!(?:of|for|about|on|with|from|in|and)\b)[\w-]+\s+){0,2}?(?:chapters|sections|parts"
    r"|lessons"
    r"|acts|entries|letters|essays|stories|articles|posts|poems|emails|episodes|modules|reviews)\b"
)


_WHOLE = _regex(
    r"[.;。；\n]|全[文书篇剧]|总|[0-9]字|words\b|\b(?:whole|total|altogether|all|rest|remainder|others?)\b"
)


@dataclass(frozen=True, slots=True)
class Setting:
    """The sentence around a number: `left` of its cue, `right` of its cue, and how it is written.

    `compound` tells an adjective (500-word) from a count (500 words), `bare` a number without a
    cue, and `chinese` a Chinese unit.
    """

    left: str
    right: str
    compound: bool
    bare: bool
    chinese: bool


def is_length(setting: Setting) -> bool:
    """Tell whether a number of words is a length that is asked for."""
    left, right = setting.left, setting.right
    if _OTHER_MATTER.search(left) and not _DIARY.search(left):
        return False
    if _RATE.match(right) or (_TALE.search(left) and not _WITHIN.search(left)):
        return False
    if setting.chinese:
        return bool(_CHINESE_WRITE.search(left) or not _CHINESE_TOLD.match(right))
    if setting.compound:
        if _PHRASES.match(right) or (_SOURCE_TEXT.search(left) and not _WRITE_IT.search(left)):
            return False
        return bool(
            not setting.bare
            or _ARTICLE.search(left)
            or _OPENING.search(left)
            or _INSTRUCTION.search(left)
        )
    if _STATEMENT.search(left) and not _DEMAND.search(left):
        return False
    if _PICKED.search(left) and _CHOICE.match(right):
        return False
    if not is_instruction(setting) and _STORY.search(left):
        return False
    if not setting.bare or _LEADS.search(left):
        return True
    return bool(_OPENING.search(left) and _CLOSING.match(right))


def is_instruction(setting: Setting) -> bool:
    """Tell whether the sentence asks for something, or the number is all that it says."""
    if setting.chinese or _INSTRUCTION.search(setting.left) or _INSTRUCTION.search(setting.right):
        return True
    return bool(_OPENING.search(setting.left) and _CLOSING.match(setting.right))


def is_for_each(setting: Setting) -> bool:
    """Tell whether the number holds for each section and not for the whole."""
    if _EACH_AFTER.match(setting.right) or _EACH_BEFORE.search(setting.left):
        return True
    return bool(
        setting.compound and _PLURAL.match(setting.right) and not _ARTICLE.search(setting.left)
    )


def names_part(setting: Setting) -> bool:
    """Tell whether the number is the length of an abstract, an introduction or the like."""
    if setting.compound:
        return bool(_PART_AFTER.match(setting.right))
    after = setting.chinese and _PART_AFTER.match(setting.right)
    return bool(after or _PART_BEFORE.search(setting.left))


def is_addition(setting: Setting) -> bool:
    """Tell whether the number is of something that goes along with the text.

    So does what a sentence begins anew with: "A short note, of 50 words, is required as well."
    """
    return bool(_ADDED.search(setting.left) or _ASIDE.search(setting.left))


def is_of_outlined(setting: Setting) -> bool:
    """Tell whether the number is the length of a text that only an outline is asked of."""
    return bool(_OUTLINE.search(setting.left))


def is_clear(setting: Setting) -> bool:
    """Tell whether the unit is not a noun of the story, as in "200 characters in a city"."""
    return setting.chinese or setting.compound or bool(_CLOSING.match(setting.right))


def one_section(setting: Setting) -> tuple[int | None, bool]:
    """Return the number of the section that the length directly belongs to, if it names one.

    Also tell whether that section is itself what shall be written: "write chapter 3".
    """
    left = setting.left[-60:]
    named = named_sections(left)
    if not named:
        return None, False
    between = left[named[-1].end() :]
    if len(between) > 24 or _WHOLE.search(between):
        return None, False
    return section_number(named[-1]), is_object(left, named[-1])
