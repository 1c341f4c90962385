"""What keeps a text from ever becoming training text, found by rules alone.

A model refuses, loops, stops in mid-sentence, shows its thoughts, or hands back the error page of
the server before it. The agent mends some of that, for a document needs every section. A data set
doesn't: there is always another row, so a text at fault, whoever wrote it, is dropped with the name
of its worst fault.
"""

from __future__ import annotations

import re

from longwrite.language import is_in
from longwrite.scoring.endings import is_truncated
from longwrite.scoring.leaks import find_leaks, scrub
from longwrite.scoring.loops import spot_loop
from longwrite.scoring.repetition import duplicate_paragraphs, duplicated_coverage
from longwrite.text import blocks, count_words

Fault = tuple[str, str]
"""A short reason, the same for all of its kind, and what is particular to this one."""

TRUNCATED = "truncated"
ANNOUNCED = "talk before the text"

_OF_PARTS = frozenset({TRUNCATED, ANNOUNCED})
"""What is no fault in the middle of a document."""

_LEAKS = {
    "error": "error message",
    "refusal": "refusal",
    "tag": "leaked tags",
    "meta": "talk about the writing",
}
"""Kinds of leaks, the worst one first, and their reasons."""

_REPEATED_MOST = 0.1
"""Share of a text's words in its own 10-grams that come twice.

Of 24,000 windows of 150 to 1,000 words of two novels one has more, 0.11, and none from 200 words
on. Of 48 outputs of HelloBench 16 have more, all marked 0.5 or less by their judge, and the others
0.08 at most; documents of the agent have 0.03 at most.
"""

_WHOLE_WORDS = 150
"""Words under which a text isn't judged by what it repeats of itself."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")
_INLINE_CODE = re.compile(r"`[^`\n]{1,200}`")
_HTML = re.compile(
    r"<!doctype\b|</?(?:html|head|body|title|meta|div|span|p|br|hr|script|style|table|tr|td|th|ul"
    r"|ol|li|h[1-6]|img|font|center|section|article|iframe)(?:\s[^<>\n]{0,200})?/?>"
    r"|</a>|<a\s[^<>\n]{0,200}=[^<>\n]{0,200}>",
    re.IGNORECASE,
)
_TAG_LINE = re.compile(r"^[ \t]*</?[a-z][a-z_-]{1,30}>[ \t]*$", re.IGNORECASE | re.MULTILINE)
"""What prompts fence their material with, alone in a line."""

_LETTER = r"[^\W\d_\u3040-\u30ff\u3400-\u9fff]"
_STUTTER = re.compile(
    rf"({_LETTER}{{1,8}}?)\1{{15,}}|(?<!\w)({_LETTER}{{1,40}}+)(?:[ \t]+\2(?!\w)){{3,}}"
)
"""A few letters sixteen times in one word, or a word four times in a row; in two novels no word
stands there three times. Signs of Chinese and Japanese are words themselves."""

_ANNOUNCED = re.compile(
    r"\s*(?:sure|certainly|of course|okay|ok|absolutely|here(?:['’]s| is| are)|below (?:is|are)"
    r"|好的|当然|没问题|以下|下面|这是)[^\n]{0,160}[:：][*_ \t]*(?:\n|\Z)",
    re.IGNORECASE,
)


def normalise(text: str) -> str:
    """Return a text with plain line ends and nothing around it, otherwise as it is."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def clean_reply(text: str) -> str:
    """Return a reply without the talk around it; tags and thoughts are left for `find_fault`."""
    text = normalise(text)
    if any(leak.kind == "tag" for leak in find_leaks(text)):
        return text
    return scrub(text).strip()


def find_fault(text: str, language: str = "") -> Fault | None:
    """Return the worst fault of a text, None for a sound one.

    Args:
        text: Markdown or plain text, of any length.
        language: Code of the language that it should be in; empty where nobody knows.
    """
    count = count_words(text)
    if not count:
        return "empty text", ""
    if found := _CONTROL.search(text):
        return "control characters", f"U+{ord(found.group()):04X}"
    leaks = find_leaks(text)
    for kind, reason in _LEAKS.items():
        if leak := next((one for one in leaks if one.kind == kind), None):
            return reason, _show(text[leak.start : leak.end])
    if talk := _ANNOUNCED.match(text):
        return ANNOUNCED, _show(talk.group())
    prose = _without_code(text) if "<" in text else ""
    if html := _HTML.search(prose):
        return "HTML", _show(html.group())
    if tag := _TAG_LINE.search(prose):
        return _LEAKS["tag"], _show(tag.group())
    if stutter := _STUTTER.search(text):
        return "stutter", _show(stutter.group())
    if (at := spot_loop(text)) is not None:
        return "loop", _show(text[at:])
    if again := duplicate_paragraphs(text):
        return "repetition", _show(text[again[0].start : again[0].end])
    own = duplicated_coverage(text).value
    if own is not None and count >= _WHOLE_WORDS and 1 - own > _REPEATED_MOST:
        return "repetition", f"{1 - own:.0%} of its words stand in 10-grams that come twice"
    if not is_in(text, language):
        return "wrong language", f"not in {language}"
    if why := is_truncated(text):
        return TRUNCATED, why
    return None


def find_new_fault(part: str, before: str, language: str) -> Fault | None:
    """Return the worst fault of what is to stand for a part of a document, None for a sound one.

    A part may end with a colon, or begin with "Here are three of them:", where the part before it
    did one of the two.
    """
    fault = find_fault(part, language)
    if fault and fault[0] in _OF_PARTS:
        own = find_fault(before, language)
        return None if own and own[0] in _OF_PARTS else fault
    return fault


def _without_code(text: str) -> str:
    prose = "\n".join(block.text for block in blocks(text) if block.kind != "code")
    return _INLINE_CODE.sub("", prose)


def _show(piece: str) -> str:
    return " ".join(piece[:300].split())[:120]
