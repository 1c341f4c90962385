"""What is wrong with a text that a model wrote, told before it can become a row.

A model refuses, loops, stops in mid-sentence, shows its thoughts, or hands back the error page of
the server before it. Each of these has a name here, so that drops can be counted.
"""

from __future__ import annotations

import re

from longwrite.language import is_in
from longwrite.scoring.endings import is_truncated
from longwrite.scoring.leaks import find_leaks, is_error, is_refusal, scrub
from longwrite.scoring.repetition import (
    duplicate_paragraphs,
    duplicated_coverage,
    find_early_loop,
)
from longwrite.text import blocks, count_words
from longwrite.types import UNUSABLE

Fault = tuple[str, str]
"""A short reason, the same for all of its kind, and what is particular to this one."""

RETRIED = UNUSABLE | {"cut"}
"""Kinds of failed calls that another seed may get round."""

REPEATED_MOST = 0.08
"""Share of a text's words in 10-grams that it has twice; people stay under 0.05."""

_HTML = re.compile(
    r"<!doctype\b|</?(?:html|head|body|title|meta|div|span|p|br|hr|script|style|table|tr|td|th|ul"
    r"|ol|li|h[1-6]|a|img|font|center|section|article|iframe)\b[^<>\n]{0,200}>",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(
    r"\s*(?:sure|certainly|of course|okay|ok|absolutely|here(?:['’]s| is| are)|below (?:is|are)"
    r"|好的|当然|没问题|以下|下面|这是)[^\n]{0,160}[:：][*_ \t]*(?:\n|\Z)",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")


def clean_reply(text: str) -> str:
    """Return a reply without the talk around it; tags and thoughts are left for `find_fault`."""
    text = text.replace("\r\n", "\n").strip()
    if any(leak.kind == "tag" for leak in find_leaks(text)):
        return text
    return scrub(text).strip()


def find_fault(text: str, language: str) -> Fault | None:
    """Return why a text can't be trained on, None where nothing is wrong with it.

    Args:
        text: Markdown, cleaned.
        language: Code of the language it should be in; empty when unknown.
    """
    if not count_words(text):
        return "empty text", ""
    if is_error(text):
        return "error message for text", text[:80]
    if is_refusal(text):
        return "refusal", text[:80]
    if html := find_html(text):
        return "HTML in the text", html
    if leaks := find_leaks(text):
        return f"leaked {leaks[0].kind}", text[leaks[0].start : leaks[0].end][:80]
    if talk := _ANNOUNCED.match(text):
        return "talk before the text", talk.group().strip()[:80]
    if found := _CONTROL.search(text):
        return "control characters", f"U+{ord(found.group()):04X}"
    if (at := find_early_loop(text)) is not None:
        return "loop", text[at : at + 80]
    if duplicate_paragraphs(text):
        return "paragraph said twice", ""
    own = duplicated_coverage(text).value
    if own is not None and count_words(text) >= 150 and 1 - own > REPEATED_MOST:
        return "repeats itself", f"{1 - own:.0%} of its words stand in 10-grams that come twice"
    if why := is_truncated(text):
        return "text without its end", why
    if not is_in(text, language):
        return "wrong language", f"not in {language!r}"
    return None


def find_html(text: str) -> str:
    """Return the first HTML tag outside code, or an empty string."""
    if "<" not in text:
        return ""
    prose = "\n".join(block.text for block in blocks(text) if block.kind != "code")
    found = _HTML.search(re.sub(r"`[^`\n]*`", "", prose))
    return found.group()[:80] if found else ""
