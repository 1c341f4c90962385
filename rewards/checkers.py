"""One pure function for each kind of constraint: does this passage satisfy these parameters?

A value of 1 means satisfied. Where a number is asked for, the value falls with the distance and
keeps a slope everywhere (`longwrite.scoring.length.closeness`), so that a reward can climb it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from longwrite.language import is_in
from longwrite.scoring.length import closeness, tolerance
from longwrite.scoring.structure import headings
from longwrite.text import CJK, Block, blocks, count_words, heading_text
from longwrite.types import Json, Score, Span

Params = Mapping[str, Json]

PLACES = 100
"""Places that the evidence of a score names at the most."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A document or a section as Markdown, its language if known, and the sections inside it."""

    text: str
    language: str = ""
    sections: tuple[str, ...] = ()


def check_length(params: Params, passage: Passage) -> Score:
    """Score the words: 1 in range, delivered/low below it, high/delivered above it.

    A target allows its `tolerance` both ways; ``min`` and ``max`` allow none.
    """
    low, high, target = (_number(params, name) for name in ("min", "max", "target"))
    if target is not None:
        low = max(1, target - tolerance(target)) if low is None else low
        high = target + tolerance(target) if high is None else high
    delivered = count_words(passage.text)
    return Score(
        "length",
        closeness(delivered, low, high),
        {"words": delivered} | _bounds(low, high),
        f"{delivered} words{_asked(low, high)}.",
    )


def check_sections(params: Params, passage: Passage) -> Score:
    """Score the number of sections, paragraphs or items, like a length."""
    unit = str(params["unit"])
    low, high = _number(params, "min"), _number(params, "max")
    if low is None and high is None:
        low = high = _number(params, "count")
    if unit == "items":
        counts = _items(passage)
    elif unit == "paragraphs":
        counts = [sum(block.kind == "paragraph" for block in blocks(passage.text))]
    else:
        counts = [len(passage.sections) or int(bool(passage.text.strip()))]
    found = max(counts, key=lambda count: closeness(count, low, high))
    return Score(
        "sections",
        closeness(found, low, high),
        {"found": found} | _bounds(low, high),
        f"{found} {unit}{_asked(low, high)}.",
    )


def check_mention(params: Params, passage: Passage) -> Score:
    """Score 1 if the words occur, else 0; whole words, case and line breaks aside."""
    wanted = str(params["text"])
    places = find_phrase(wanted, passage.text)
    note = f"{wanted!r} occurs {len(places)} times." if places else f"{wanted!r} does not occur."
    return Score("mention", float(bool(places)), {"found": len(places)}, note)


def check_avoid(params: Params, passage: Passage) -> Score:
    """Score 1/(1 + n) for n places where the words occur."""
    unwanted = str(params["text"])
    places = find_phrase(unwanted, passage.text)
    note = f"{unwanted!r} occurs {len(places)} times."
    value = 1 / (1 + len(places))
    return Score("avoid", value, {"found": len(places)}, note, tuple(places[:PLACES]))


def check_language(params: Params, passage: Passage) -> Score:
    """Score 1 if the text can pass as written in the language, else 0; no code is the brief's."""
    code = str(params["code"]) or passage.language
    value = float(is_in(passage.text, code))
    return Score("language", value, note=f"{'Written' if value else 'Not written'} in {code!r}.")


def check_headings(params: Params, passage: Passage) -> Score:
    """Score whether there are headings, a title at the very beginning not counted."""
    heads = headings(passage.text)
    if heads and not passage.text[: heads[0].offset].strip():
        heads = heads[1:]
    places = [Span(head.offset, head.offset + len(head.words)) for head in heads]
    return _presence("headings", bool(params["wanted"]), 1, places)


def check_table(params: Params, passage: Passage) -> Score:
    """Score the number of tables."""
    return _presence(
        "table", bool(params["wanted"]), _least(params), _places("table", passage.text)
    )


def check_code(params: Params, passage: Passage) -> Score:
    """Score the number of fenced blocks of code."""
    return _presence("code", bool(params["wanted"]), _least(params), _places("code", passage.text))


def check_list(params: Params, passage: Passage) -> Score:
    """Score the number of lists; items with blank lines between them are one list."""
    return _presence("list", bool(params["wanted"]), _least(params), _places("list", passage.text))


def check_form(params: Params, passage: Passage) -> Score:
    """Score the share of what shows a letter, a script or a poem; other forms show in no line."""
    name = str(params["name"])
    lines = [line.strip(" \t*_#>") for line in passage.text.splitlines() if line.strip()]
    if not lines or name not in {"letter", "script", "poem"}:
        return Score("form", None, note=f"Whether it is a {name} can't be told by rule.")
    if name == "letter":
        value = any(_GREETING.match(line) for line in lines[:8]) / 2
        value += any(_FAREWELL.match(line) for line in lines[-6:]) / 2
    elif name == "script":
        value = min(1.0, 4 * sum(bool(_SPEAKER.match(line)) for line in lines) / len(lines))
    else:
        short = sum(count_words(line) <= _VERSE_WORDS for line in lines)
        value = min(1.0, short / len(lines) / 0.8)
    return Score("form", value, note=f"Looks {value:.0%} like a {name}.")


def check_title(params: Params, passage: Passage) -> Score:
    """Score 1 if the first heading or line has the title's words, else 0."""
    wanted = _plain(str(params["text"]))
    first = next((line for line in passage.text.splitlines() if line.strip()), "")
    found = bool(wanted) and wanted in _plain(heading_text(first))
    return Score("title", float(found), note=f"The text begins with {first.strip()[:80]!r}.")


def check_judged(params: Params, passage: Passage) -> Score:
    """Score None: a rule can't answer the question; `longwrite.rewards.checklist` asks a judge."""
    return Score("judged", None, note=f"Only a judge can tell: {params['question']}")


# --- phrases -------------------------------------------------------------------------------------

_CJK = re.compile(f"[{CJK}]")
_SPACE = re.compile(r"\s+")


def find_phrase(phrase: str, text: str) -> list[Span]:
    """Find a phrase: Latin words only whole, CJK anywhere, case and runs of space aside.

    >>> find_phrase("net zero", "Net  zero is not a magnet zero.")
    [Span(start=0, end=9)]
    """
    words = [re.escape(word) for word in _SPACE.split(phrase.strip()) if word]
    if not words:
        return []
    body = r"\s{1,9}".join(words)
    left = rf"(?<![^\W{CJK}])" if _is_bounded(phrase.strip()[0]) else ""
    right = rf"(?![^\W{CJK}])" if _is_bounded(phrase.strip()[-1]) else ""
    pattern = re.compile(left + body + right, re.IGNORECASE)
    return [Span(*match.span()) for match in pattern.finditer(text)]


def _is_bounded(char: str) -> bool:
    return char.isalnum() and not _CJK.match(char)


# --- forms and counts ----------------------------------------------------------------------------

_GREETING = re.compile(
    r"(?:dear|hello|hi|hey|to\s+whom|to\s+the|subject)\b|尊敬|敬爱|亲爱|主题[：:]|.{1,20}[：:]$",
    re.IGNORECASE,
)
_FAREWELL = re.compile(
    r"(?:yours|sincerely|best|kind|warm|regards|love|respectfully|thank|with\s+(?:love"
    r"|gratitude))\b"
    r"|此致|敬礼|祝|谨上|敬上|你的|您的|.{1,12}\d{4}年",
    re.IGNORECASE,
)
_SPEAKER = re.compile(
    r"[^\s:：.!?。！？][^:：.!?。！？\n]{0,30}[:：]|[A-Z][A-Z '.-]{1,30}$|[(（\[【]|(?:INT|EXT)\."
    r"|第.{1,4}[幕场]"
)
_VERSE_WORDS = 18
_ENTRY = r"[ \t]*(?:(?:[-*+]|\d{1,4}[.)])[ \t]+|\d{1,4}、)\S"
_ITEM = re.compile(rf"^{_ENTRY}", re.MULTILINE)
_INSIDE = {
    "list": re.compile(rf"\n{_ENTRY}[^\n]*\n{_ENTRY}"),
    "table": re.compile(r"\n[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*\|[ \t]*:?-{2,}[-:| \t]*(?:\n|\Z)"),
}
_NUMBERED = re.compile(r"^[ \t]{0,3}(?:#{1,6}[ \t]+|\*{2})\D{0,12}\d{1,4}\b", re.MULTILINE)


def _items(passage: Passage) -> list[int]:
    """Return what may have been meant as items: entries of a list, numbered heads, sections."""
    found = [block for block in blocks(passage.text) if block.kind == "list"]
    lists = [len(_ITEM.findall(block.text)) for block in found]
    numbered = len(_NUMBERED.findall(passage.text))
    return [*lists, sum(lists), numbered, len(passage.sections)]


def _places(kind: str, text: str) -> list[Span]:
    """Find the blocks of a kind, those too that follow a line of prose directly."""
    found: list[Span] = []
    before = False
    for block in blocks(text):
        inside = block.kind == "paragraph" and kind in _INSIDE and _INSIDE[kind].search(block.text)
        here = block.kind == kind or bool(inside)
        if here and not (before and kind == "list"):
            found.append(_span(block))
        before = here
    return found


def _span(block: Block) -> Span:
    return Span(block.start, block.start + len(block.text))


def _presence(name: str, wanted: bool, least: int, found: list[Span]) -> Score:
    count = len(found)
    parts = {"found": count}
    if wanted:
        return Score(name, min(1.0, count / least), parts, f"{count} found, {least} wanted.")
    note = f"{count} found, none wanted."
    return Score(name, 1 / (1 + count), parts, note, tuple(found[:PLACES]))


def _least(params: Params) -> int:
    return max(1, _number(params, "min") or 1)


def _number(params: Params, name: str) -> int | None:
    value = params.get(name)
    return value if isinstance(value, int) else None


def _bounds(low: int | None, high: int | None) -> dict[str, float]:
    return {name: value for name, value in (("low", low), ("high", high)) if value is not None}


def _asked(low: int | None, high: int | None) -> str:
    if low == high:
        return f", asked for {low}"
    if low is None or high is None:
        return f", asked for at least {low}" if high is None else f", asked for at most {high}"
    return f", asked for {low} to {high}"


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
