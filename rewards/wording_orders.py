"""Whether a verb in a prompt is an order about the text, or belongs to what the text is about.

"Avoid the word", "the story must mention" and "be sure to use" are orders; "newspapers avoid the
word", "a man who must not mention" and "she lets us use" are tales. English orders stand at the
beginning of a clause, behind "and", or behind a noun for the text; in Chinese only somebody who
acts, a question or a habit right before the verb makes a tale of it.
"""

from __future__ import annotations

import re

from longwrite.rewards.clauses import PLACE, WRITE, Source, sentence

TEXT_NOUN = (
    r"(?:texts?|essays?|articles?|papers?|story|stories|tales?|novels?|books?|reports?|posts?"
    r"|poems?|songs?|lyrics|speech(?:es)?|documents?|pieces?|guides?|handbooks?|manuals?|scripts?"
    r"|plays?|screenplays?|dialogues?|letters?|e-?mails?|reviews?|summary|summaries|responses?"
    r"|answers?|replies|reply|output|proposals?|thesis|dissertation|newsletters?|courses?|text"
    r"|biography|biographies|memoirs?|diary|diaries|journals?|logs?|entry|entries|blogs?"
    r"|descriptions?|analysis|analyses|narratives?|haikus?|sonnets?|limericks?|raps?|odes?"
    r"|ballads?|fables?|scenes?|stanzas?|verses?|paragraphs?|sections?|chapters?|parts?|acts?"
    r"|lessons?|lectures?|episodes?|modules?|pages?|plans?|tutorials?|statements?|toasts?"
    r"|eulogy|obituary|content|writing|draft|version|copy|advertisements?|ads?|tweets?|bio"
    r"|jokes?|riddles?|pitch|resumes?|itinerary|menus?|outline|overview|introduction|conclusion"
    r"|tasks?|work|product"
    r"|brochures?|leaflets?|flyers?|notices?|memos?|manuscripts?|columns?|sermons?|homil(?:y|ies)"
    r"|captions?|synopsis|programmes?|presentations?|interviews?|monologues?|profiles?|abstracts?"
    r"|announcements?|invitations?|complaints?|petitions?|sagas?|thrillers?|myster(?:y|ies)"
    r"|romances?|musicals?|opera|operas)"
)
"""English nouns for what is being written or a part of it: what may be told to contain things."""

DEMAND = (
    r"(?:must|should|shall|please|needs?\s+to|has\s+to|have\s+to"
    r"|(?:be|make|making)\s+(?:sure|certain)\s+(?:to|you|that\s+you|(?:that\s+)?(?:it|(?:the"
    r"|your|each|every)\s+\w+))"
    r"|(?:do\s+not|don['’]t)\s+forget\s+to|remember\s+to|take\s+care\s+to"
    r"|ensur(?:e|ing)\s+(?:that\s+)?(?:it|you|(?:the|your|each|every)\s+\w+))"
)
"""What stands before an English verb that demands something of the text."""

_ACTOR = re.compile(
    r"\b(?:who|whom|whose|why|whether|he|she|they|people|everyone|someone|nobody|somebody|I"
    r"(?!['’]d)"
    r"|lets?|allow(?:s|ed)?|ask(?:s|ed)|tells|told|taught|teaches|forc(?:es|ed)|promis(?:es|ed)"
    r"|swore|vow(?:s|ed)|refus(?:es|ed)|decid(?:es|ed)|forbids?|forbidden"
    r"|how\s+(?:to|do|does|did|can))\b"
    r"(?!\s+(?:want|need|would|wish|expect|prefer|require)\b)[^.;:,]{0,80}$",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"\W{0,4}(?:does|do|did|is|are|was|were|should|must|has|have)\s+(?!you\b)", re.IGNORECASE
)
_IMPERATIVE = re.compile(
    rf"\W{{0,4}}(?:please\s+|kindly\s+|(?:can|could|would)\s+you\s+)*(?:{WRITE}|(?:explain|describe"
    r"|discuss|summari[sz]e|introduce|compare|analy[sz]e|argue|answer|reply|respond|rewrite|continue"
    r"|retell)\b)",
    re.IGNORECASE,
)
_AND = re.compile(r"\b(?:and|but|then)\s+(?:please\s+|also\s+|then\s+)?$", re.IGNORECASE)
_ORDER = re.compile(
    r"(?:^|[.!?;:,()\[\]—–\n\"”'’•*>#-]|[^\x00-\x7f]"
    r"|\b(?:(?:sure|certain|ensure|ensuring)(?:\s+that)?"
    r"|(?:essential|important|crucial|vital|necessary|imperative|required)\s+(?:that|to)|and|but"
    r"|or|then|also|always|please|kindly|just|so|while|by|you|it|not|never|only"
    rf"|instead|therefore|finally|additionally|{TEXT_NOUN})"
    rf"|\b(?:{TEXT_NOUN}|something|one)\s+(?:that|(?:in\s+)?which|where)"
    r"|\b(?:sure|forget|remember|needs?|has|have|careful|try|required|supposed|expected|is|are|"
    r"(?:want"
    r"|like|need|expect|prefer|wish)\b[^.;:,]{0,40})\s+to)\s*$",
    re.IGNORECASE,
)
_AT_PLACE = re.compile(
    rf"\b(?:{PLACE}\s+(?:[0-9]{{1,3}}|[ivx]{{1,5}}|[a-z]{{3,9}})(?:\s?(?:-|–|,|to"
    rf"|and)\s?[0-9]{{1,3}})*"
    rf"|(?:each|every)\s+(?:[0-9a-z]{{1,9}}\s+)?{PLACE}|the\s+[0-9a-z]{{3,9}}\s+{PLACE})\s*$",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"(?:^|[.!?;:,\n]\s*|\b(?:and|that|but|sure|ensure)\s+)"
    r"(?:the|your|this|each|every|all|any|our|my|its|no|an?)\s+"
    rf"(?:(?!(?:about|on|of|for|with)\b)[\w-]+\s+){{0,3}}?{TEXT_NOUN}\b"
    r"(?:(?!\b(?:that|says?|said|states?|who|which)\b)[^.;:,]){0,60}$",
    re.IGNORECASE,
)
_CHINESE_ACTOR = re.compile(
    r"(?:[他她它]们?|(?<![帮为给替请])我们?(?!想|希|要|需)|主人公|主角|老师|学生|孩子|女孩|男孩|作者|人(?![物称设生工类])"
    r"|总是|从来|一直|从|关于|有关)[^，。；：\n的]{0,4}$"
    r"|[这那该][份本篇部封个](?![^，。]{0,6}(?:文|故事|小说|报告|信|诗|稿))[^，。；：\n]{1,8}[里中内上]$"
    r"|(?:规定|要求|命令|让|叫)(?![^，。；\n]{0,6}[文篇章中内里])[^，。；：\n]{1,5}$"
    r"|(?:为什么|为何|如何|怎[么样])[^，。；：\n]{0,16}$"
)


def is_told(source: Source, start: int) -> bool:
    """Tell whether what stands at `start` is told of somebody: "a man who must mention"."""
    begin, finish = sentence(source, start, start)
    left = source.text[begin:start]
    if _CHINESE_ACTOR.search(left):
        return True
    if _QUESTION.match(left) and "?" in source.text[start:finish]:
        return True
    return bool(_ACTOR.search(left)) and not _AND.search(left)


def is_order(source: Source, start: int) -> bool:
    """Tell whether the sentence around `start` begins with an order: "Write", "Please explain"."""
    begin, _ = sentence(source, start, start)
    return bool(_IMPERATIVE.match(source.text, begin))


def is_asked(source: Source, start: int) -> bool:
    """Tell whether the verb at `start` asks something of the text, and does not tell of somebody.

    "Avoid the word", "the story must mention" and "sure to use" ask; "newspapers avoid the word"
    and "she lets us use" tell.

    >>> from longwrite.rewards.clauses import read_source
    >>> is_asked(read_source("Write a tale and mention the sea."), 17)
    True
    >>> is_asked(read_source("Write about sailors who mention the sea."), 24)
    False
    """
    begin, _ = sentence(source, start, start)
    left = source.text[begin:start]
    if is_told(source, start):
        return False
    return any(pattern.search(left) for pattern in (_ORDER, _AT_PLACE, _SUBJECT))
