"""What keeps a text from ever becoming training text, found by rules alone.

The agent mends what a model wraps around its text, for a document needs every section. A data set
doesn't: there is always another row, so here nothing is mended. A text at fault, whoever wrote it,
is dropped with the name of its worst fault.
"""

from __future__ import annotations

import re

from longwrite.language import is_in
from longwrite.scoring.endings import is_truncated
from longwrite.scoring.leaks import find_leaks
from longwrite.scoring.repetition import duplicated_coverage, find_early_loop
from longwrite.text import count_words

TRUNCATED = "truncated"

_REPEATED_MOST = 0.25
"""Share of a text's words in its own 10-grams that come twice; what people write stays far below,
and a section of the agent under a third of it."""

_WHOLE_WORDS = 150
"""Words under which a text isn't judged by what it repeats of itself."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_MARKUP = re.compile(
    r"<!doctype\b|</?(?:html|head|body|script|style|div|span|p|br|h[1-6]|ul|ol|li|font|iframe)"
    r"(?:\s[^<>\n]{0,200})?/?>",
    re.IGNORECASE,
)
_TAG_LINE = re.compile(r"^[ \t]*</?[a-z][a-z_-]{1,30}>[ \t]*$", re.IGNORECASE | re.MULTILINE)
"""What prompts fence their material with, alone in a line."""

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,200}`", re.DOTALL)

_NAMES = {
    "error": "error message instead of text",
    "refusal": "refusal",
    "tag": "leaked tags",
    "meta": "talk about the writing",
}


def normalise(text: str) -> str:
    """Return a text with plain line ends and nothing around it, otherwise as it is."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def find_fault(text: str, language: str = "") -> tuple[str, str] | None:
    """Return the worst fault of a text: a reason, and what gives it away; None for a sound text.

    Args:
        text: Markdown or plain text, of any length.
        language: Code of the language that it should be in; empty where nobody knows.
    """
    if not text.strip() or not count_words(text):
        return "empty reply", ""
    if found := _CONTROL.search(text):
        return "control characters", repr(found.group())
    leaks = {leak.kind: leak for leak in reversed(find_leaks(text))}
    for kind, name in _NAMES.items():
        if leak := next((one for one in leaks.values() if one.kind == kind), None):
            return name, _show(text[leak.start : leak.end])
    bare = _CODE.sub("", text)
    if markup := _MARKUP.search(bare):
        return "HTML", _show(markup.group())
    if tag := _TAG_LINE.search(bare):
        return _NAMES["tag"], _show(tag.group())
    offset = find_early_loop(text)
    if offset is not None:
        return "loop", f"from character {offset:,} on"
    if why := is_truncated(text):
        return TRUNCATED, why
    if not is_in(text, language):
        return "wrong language", f"not in {language}"
    if count_words(text) >= _WHOLE_WORDS:
        own = duplicated_coverage(text).value
        if own is not None and 1.0 - own > _REPEATED_MOST:
            return "repetition", f"{1.0 - own:.0%} of its words stand in 10-grams that come twice"
    return None


def _show(piece: str) -> str:
    return " ".join(piece.split())[:120]
