"""Talk about the writing that stands in a text: greetings, promises, word counts, offers.

Each pattern is bound to where such talk stands, at the edges of a text or on a line of its own,
and to how it is worded: it names a piece of writing, a request or a count of words. So speech in
a story and a letter's close are let be. Positions are (start, end); `bare` is a text whose code is
overwritten, and `known` holds the tags and notes found in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from longwrite.text import Block, sentences

Place = tuple[int, int]

_PIECE = (
    "(?:section|chapter|essay|article|story|draft|continuation|version|text|outline|part|letter|"
    "poem|screenplay|script|speech|report|document|novel|scene|response|content|piece|lesson|"
    "passage|rewrite|revision|introduction|conclusion|blog post|guide)"
)
_ABOUT_EN = "(?:approximately |approx\\.? |about |around |roughly |~ ?)?"

# --- notes on a line -----------------------------------------------------------------------------

_COUNT = (
    r"(?:(?:approximate|approx\.?|total|final|current|estimated|section|chapter) ){0,2}"
    rf"(?:word count|total words)(?: \(\w{{1,20}}\))?[^\w\n]{{0,5}}{_ABOUT_EN}\d[\d,.]*(?: words)?"
    r"(?: ?/ ?\d[\d,]*(?: words)?)?(?: ?\([^()\n]{1,40}\))?"
    r"|(?:全文|本文|本章|本节|正文|总)?字数(?:统计)?(?:约为|约|为)?[：: ]{0,2}(?:约|大约)?\d[\d,]*"
    r"[余多]?(?:个?字|词)?(?:左右|以上)?"
    r"|(?:全文|本文|本章|本节|正文|以上)?(?:共计|总计|共)约?\d[\d,]*[余多]?字(?:左右)?"
)
_MARGINAL = (
    rf"{_COUNT}|{_ABOUT_EN}\d[\d,]* words"
    r"|(?:约|大约|全文约?|本章约?|本节约?)?\d[\d,]*[余多]?字(?:左右)?"
    r"|(?:to be )?continue[ds]?(?: (?:in|on|from|below|next)[^()\[\]\n]{0,40})?"
    rf"|(?:the )?(?:end|start|beginning) of (?:the |this )?(?:{_PIECE}|excerpt)(?: [\w.]{{1,12}})?"
    rf"|(?:the )?{_PIECE}(?: [\w.]{{1,12}})? continue[ds]"
    r"|未完待续|待续|续上文|接上文|接下文|下文继续|本[章节](?:完|结束)|第.{1,5}[章节](?:完|结束)"
)
_IN_BRACKETS = (
    rf"[(\[（【][*_ ]{{0,3}}(?:{_COUNT}|约\d[\d,]*字(?:左右)?|未完待续)[.。]?[*_ ]{{0,3}}"
    r"[)\]）】][ \t*_]{0,6}$"
)
_NOTE = re.compile(
    rf"^[ \t#>*_-]{{0,12}}(?:{_COUNT})[ \t*_.。]{{0,8}}$"
    rf"|^[ \t>*_-]{{0,8}}[(\[（【*_](?:{_MARGINAL})[.…。!]{{0,6}}[)\]）】*_]{{1,4}}[ \t]{{0,8}}$"
    rf"|{_IN_BRACKETS}"
    rf"|^[ \t]{{0,3}}(?:end of {_PIECE}(?: [\w.]{{1,12}})?|to be continued in the next {_PIECE})"
    r"[.…]{0,3}$"
    r"|^[ \t—…*_-]{0,8}(?:未完待续|本[章节]完)[ \t—….。*_-]{0,8}$",
    re.IGNORECASE,
)
_AT_END = re.compile(_IN_BRACKETS, re.IGNORECASE)
_HINT = re.compile("word|contin|d of |g of |t of |字|续|接|完|束")
"""What every note holds, in lower case: words alone, since nothing is looked for as quickly."""
_LONGEST = 240
"""Characters that a note never has."""


def find_notes(bare: str) -> Iterator[Place]:
    """Yield word counts, "[Continued]" and the like, on lines of their own or in end brackets."""
    if not _HINT.search(bare.lower()):
        return
    start = 0
    for line in bare.split("\n"):
        found = None
        if len(line) > _LONGEST:
            found = _AT_END.search(line, len(line) - _LONGEST)
        elif _HINT.search(line.lower()):
            found = _NOTE.search(line)
        if found:
            yield start + found.start(), start + found.end()
        start += len(line) + 1


# --- before the text -----------------------------------------------------------------------------

_YES = (
    "(?:sure(?: thing)?|certainly|of course|absolutely|definitely|okay|ok|alright|great|"
    "understood|got it|no problem|yes)"
)
_WRITE = (
    "(?:write|provide|create|continue|draft|compose|produce|generate|expand|craft|rewrite|present)"
)
_GIVEN = "(?:your|the (?:given|provided)) (?:outline|prompt|plan|instructions|brief|request)"
_GLAD = "(?:I(?:['’]d| would) be|I(?:['’]m| am)) (?:happy|glad|delighted) to"
_WILL = "(?:I(?:['’]ll| will)(?: now)?|let me|allow me to)"
_OWN = "(?:section|chapter|essay|article|draft|continuation|screenplay|passage|document)"
_YES_ALONE = re.compile(rf"{_YES}[!.,:]*", re.IGNORECASE)
_YES_ZH = re.compile("(?:好的|当然可以|当然|没问题|可以的?|明白了?|收到)[，,。！!：:~～]+")
_HERE = re.compile(
    rf"(?P<yes>{_YES}[!.,:—-]* )?(?:here(?:['’]s| is| are| you go)|below (?:is|are)|"
    rf"the following is)\b[^\n]{{0,120}}?\b{_PIECE}s?\b"
    r"(?P<only>(?: [\w.]{1,12})?[*_ ]*"
    r"(?:(?:of|for|on|about|titled|called|with|in|as|that (?:meets|follows)) .*)?[:：])?",
    re.IGNORECASE,
)
_HERE_ZH = re.compile(
    r"(?:以下|下面|接下来)(?:是|为|就是|将是)[^。！？\n]{0,60}(?:章|节|内容|正文|文章|故事|小说|"
    r"全文|部分|稿|版本|续写|作文|报告|信|剧本|演讲|大纲)[^。！？\n]{0,20}[：:]"
    r"|(?:接下来[，,]?)?(?:我(?:将|会|来)|让我)为[您你](?:撰写|写|续写|创作|提供|生成|展开)[^。！？\n]{0,60}[：:。]"
    r"|根据[您你]的[^。！？\n]{0,40}(?:要求|需求|大纲|提示|指示)[^。！？\n]{0,60}[：:]"
    r"|[^。！？\n]{0,40}(?:内容|正文|全文|文章|故事|续写|章节)如下[：:]"
)
_ASKED = re.compile(
    r"\b(?:based on|as requested|you(?:['’]ve)? (?:asked|requested)|prompt|for you|requirements|"
    r"your (?:request|outline|instructions)|instructions|\d+[ -]words?)\b",
    re.IGNORECASE,
)
_PROMISE = re.compile(
    rf"(?:{_YES}[!.,:—-]* )?(?:(?:{_GLAD}|{_WILL}) (?:help|assist)"
    r"(?:[.!:]*$| you\b[^\n]{0,60}$| with (?:this|that|your)\b)"
    rf"|{_GLAD} {_WRITE}\b[^\n]{{0,160}}\b{_PIECE}s?\b"
    rf"|{_WILL} {_WRITE}(?: you| with| writing)? (?:an?|the|this|your|another) "
    rf"(?:[\w,-]{{1,20}} ){{0,6}}{_OWN}\b(?!['’]))"
    rf"|in this {_PIECE}, I(?:['’]ll| will|(?:['’]m| am) going to) (?:now )?"
    r"(?:write|draft|compose|generate|continue writing)\b"
    r"|as an ai(?: language)?(?: model| assistant)?, I\b"
    r"|(?:okay|ok|alright|so|hmm)[,.]? (?:so )?the user (?:wants|asks|asked|is asking|has asked)\b"
    rf"|(?:as (?:you )?(?:requested|instructed)|(?:as )?per {_GIVEN}|following {_GIVEN}|"
    rf"based on {_GIVEN})\b[^\n]{{0,160}}[:：]$"
    r"|continuing (?:from|where)\b[^\n]{0,100}[:：.…]$",
    re.IGNORECASE,
)
_EXCUSE = re.compile(
    r"(?:however, |but |please note|note that|I must point out|I(?:['’]ll| will|['’]ve| have) )"
    rf"[^\n]{{0,200}}\b(?:words?|length|requirements|prompt|{_PIECE})\b",
    re.IGNORECASE,
)
_COLON = re.compile(r"[:：](?=[*_]{0,3}(?:\s|$))|：")
_LIST = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)、]|\||>)[ \t|]")
_RULE = re.compile(r"[ \t]{0,3}(?:-{3,}|\*{3,}|_{3,})[ \t]*$", re.MULTILINE)
_SPACE = re.compile(r"\s*")
_BEGINNING = 160  # characters that usually hold a first sentence


def find_opening(bare: str, known: Sequence[Place]) -> Iterator[Place]:
    """Yield the talk before the document's first sentence, rules after it included."""
    ends = dict(known)
    talked = end = 0
    while (at := _past_space(bare, end)) < len(bare):
        if at in ends:
            end = ends[at]
        elif end and (rule := _RULE.match(bare, at)):
            yield rule.span()
            end = rule.end()
        else:
            line = bare[at : at + 600].partition("\n")[0]
            told = bool(talked) and "\n" not in bare[talked:at]
            size = _talk_before(line, told, listed=bool(_LIST.match(bare, at + len(line))))
            if not size:
                return
            yield at, at + size
            talked = end = at + size


def _first_sentence(line: str) -> str:
    """Return the first sentence; one that another follows is whole, so not all has to be cut."""
    begun = sentences(line[:_BEGINNING])
    return begun[0] if len(begun) > 1 else sentences(line)[0]


def _past_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _talk_before(line: str, told: bool, *, listed: bool) -> int:
    """Return how much of a line's beginning is talk.

    Args:
        line: The line.
        told: Whether talk stands before it on the same line.
        listed: Whether a list or table follows it, which "here is" may well introduce.
    """
    if yes := _YES_ZH.match(line):
        rest = line[yes.end() :].strip()
        alone = not rest or line.startswith(("好的", "当然可以"))
        return yes.end() if alone or _talk_before(rest, True, listed=listed) else 0
    piece = _first_sentence(line)
    colon = _COLON.search(piece)
    head = (piece[: colon.end()] if colon else piece).rstrip()
    core = head.strip(" \t*_")
    rest = line[len(head) :].strip(" \t*_")
    if _YES_ALONE.fullmatch(core):
        follows = _talk_before(f"Sure {rest}", told, listed=listed) if rest else core[-1] in "!:"
        return len(head) if follows else 0
    if _PROMISE.match(core) or (told and _EXCUSE.match(core)):
        return len(head)
    if here := _HERE.match(core):
        asked = told or here["yes"] or _ASKED.search(core)
        return len(head) if asked or (here["only"] and not rest and not listed) else 0
    return len(head) if _HERE_ZH.match(core) and (told or not listed) else 0


# --- after the text ------------------------------------------------------------------------------

_ON_TEXT = re.compile(
    rf"(?:this|the above) {_PIECE} (?:is|has|contains|totals|comes|runs|stands)\b[^\n]{{0,80}}"
    r"\b\d[\d,]* ?words\b"
    rf"|this {_PIECE} (?:meets|fulfil{{1,2}}s|satisfies|adheres to|follows)\b[^\n]{{0,80}}"
    r"\b(?:your (?:requirements?|request|instructions|prompt|outline)|the (?:given |provided )?"
    r"prompt|the (?:given|provided|specified) (?:requirements?|instructions)|word (?:count|limit)|"
    r"\d[\d,]* words)\b"
    r"|this is (?:just |only )?(?:the|a) (?:beginning|start|first part|end) of (?:the|this|your) "
    r"(?:screenplay|script|essay|article|draft|document|section|text)\b"
    rf"|(?:please )?note(?:: | that )(?:I(?:['’]ve| have)|(?:this|the) (?:above )?(?:{_PIECE}|word "
    r"count)\b[^\n]{0,80}\b(?:words?|length|requirements|prompt|request|instructions))"
    r"|I(?:['’]ve| have) (?:written|kept|tried|aimed|included|made sure|ensured|expanded|followed|"
    r"maintained)\b[^\n]{0,120}\b(?:word count|words|as requested|(?:your|the) (?:request|prompt|"
    r"instructions|outline|requirements))\b"
    r"|(?:注|备注|说明)[：:][^\n]{0,30}(?:字数|本[文章节]|以上|篇幅)"
    r"|(?:本[文章节]|以上(?:内容|文章|章节)?|全文)[^。\n]{0,12}(?:约|共|共计)\d+字",
    re.IGNORECASE,
)
_PARTING = re.compile(
    r"(?:I )?(?:sincerely |really )?hope (?:this|that|these) [^\n]{0,60}"
    r"\b(?:helps?|meets|useful|looking for)\b"
    r"|(?:please )?let me know (?:if|what|how|whether)\b(?![^\n]*\bcomments?\b)"
    r"|(?:please )?feel free to (?:ask|reach out|let me know)\b"
    r"|(?:please )?do(?:n['’]t| not) hesitate to\b"
    r"|if you(?:['’]d| would)? (?:like|need|want|have)\b[^\n]{0,150}\b(?:let me know|I can|"
    r"I['’]d be|feel free|just ask)\b"
    r"|希望(?:这|以上|本)[^。！？\n]{0,40}(?:帮助|满意|喜欢|要求|需求)"
    r"|(?:如果|如)[您你][^。！？\n]{0,40}(?:修改|意见|调整|补充|建议|需求|疑问|问题)[^。！？\n]{0,40}"
    r"(?:告诉我|随时|提出|联系)|请随时(?:告诉我|联系我|提出)",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"(?:would you like|do you want|shall I|should I)\b[^\n]{0,40}\b(?:continue|proceed|expand|"
    r"revise|go on|elaborate|write|adjust|next (?:section|chapter|part))\b[^\n]{0,80}\?"
    r"|(?:需要|要不要|是否|[您你]希望|请问)[^。！？\n]{0,30}(?:继续|修改|调整|展开|续写)[^。\n]{0,20}[？?]",
    re.IGNORECASE,
)
_OFFER = re.compile(
    "would you|do you want|hall |hould |hope |let me|free to|tate to|f you|"
    "需要|要不要|是否|希望|请|如"
)
"""A part of each way to end, in lower case; without i, k and s, of which there are more forms."""
_SALUTATION = re.compile(
    r"\s*+[*_#>]{0,4} ?(?:(?:dear|hi|hello|hey|to whom)\b|尊敬的|亲爱的|敬爱的|您好|你好)",
    re.IGNORECASE,
)
_TAIL = 1500  # characters of a last paragraph that are looked at


def find_closing(bare: str, found: Sequence[Block], known: Sequence[Place]) -> Iterator[Place]:
    """Yield the talk after the document's last sentence, rules before it included."""
    starts = {end: start for start, end in known}
    letter = bool(_SALUTATION.match(bare))
    told = False
    for block in reversed(found):
        end = block.start + len(block.text.rstrip())
        if starts.get(end, end) <= block.start:
            told = True
        elif block.kind == "rule" and told:
            yield block.start, end
        elif block.kind == "paragraph":
            offset = _talk_after(bare[block.start : end], letter=letter)
            if offset is not None:
                yield block.start + offset, end
            if offset != 0:
                return
            told = True
        elif block.kind != "rule":
            return


def _talk_after(body: str, *, letter: bool) -> int | None:
    """Return where a last paragraph turns to talk, None where it does not."""
    if len(body) <= _TAIL and _ON_TEXT.match(body.replace("*", "").lstrip("_[(（【 ")):
        return 0
    tail = body[-_TAIL:]
    if not _OFFER.search(tail.lower()):
        return None
    start, found = len(body), None
    for piece in reversed(sentences(tail)):
        core = piece.strip().lstrip("*_[(（【 ")
        more = _MORE.match(core)
        if core[-1:] in '"”’」』' or not (more or (not letter and _PARTING.match(core))):
            break
        start -= len(piece)
        if more or start == 0 or body[start - 1] == "\n":
            found = start
    return found
