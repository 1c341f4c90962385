"""How a text that meets a requirement can be made to miss it, with as small a change as possible.

Code can drop what has to be there and put in what must not; a model is asked to write one passage
again. Neither is trusted: what comes of it is checked like any other text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from longwrite.agent.length import Bounds, trim
from longwrite.rewards.checkers import find_phrase
from longwrite.rewards.constraints import check
from longwrite.scoring.sections import cut_sections
from longwrite.scoring.structure import headings
from longwrite.text import CJK, Block, blocks, count_words, sentences
from longwrite.types import Constraint, Span

_LAST_MARK = re.compile(r"[.!?。！？…]+[\"'”’»)\]）】」』*_]*\s*\Z")
_WIDE = re.compile(f"[{CJK}]")
_GAPS = re.compile(r"\n{3,}")
_ENTRY = re.compile(r"^[ \t]*(?:[-*+]|\d{1,4}[.)、])[ \t]*\S[^\n]*(?:\n|\Z)", re.MULTILINE)
MOST_PASSAGES = 3
"""Passages that an edit by a model may touch."""


@dataclass(frozen=True, slots=True)
class Task:
    """A passage that a model writes again.

    Attributes:
        span: Where it stands.
        wish: What has to be true of it, as a sentence.
        words: The most words that it may come to have.
    """

    span: Span
    wish: str
    words: int


def scope_span(text: str, scope: str) -> Span | None:
    """Return the part of a text in which breaking a requirement of that scope breaks it.

    That is one of the sections that it is about: for ``each`` the shortest one.
    """
    if scope == "document":
        return Span(0, len(text))
    spans = [span for _, span in cut_sections(text)]
    if not spans:
        return None
    if scope == "each":
        return min(spans, key=lambda span: span.end - span.start)
    kind, _, numbers = scope.partition(":")
    step, _, first = numbers.partition(":")
    place = int(first or step) if kind in ("section", "every") and step.isdigit() else 0
    return spans[place - 1] if 1 <= place <= len(spans) else None


# --- by code -------------------------------------------------------------------------------------


def break_by_code(text: str, constraint: Constraint) -> str | None:
    """Return a text that should miss a requirement; None where code knows no way."""
    edit = _EDITS.get(constraint.kind)
    span = scope_span(text, constraint.scope)
    if edit is None or span is None:
        return None
    part = text[span.start : span.end]
    edited = edit(part, constraint)
    if edited is None or edited == part:
        return None
    tail = part[len(part.rstrip()) :]
    whole = text[: span.start] + edited.rstrip() + tail + text[span.end :]
    return _GAPS.sub("\n\n", whole).strip()


def _drop_mention(text: str, constraint: Constraint) -> str | None:
    """Drop the sentences, items and rows that hold the words."""
    places = find_phrase(str(constraint.params["text"]), text)
    parts = blocks(text)
    edited = text
    for part in reversed(parts):
        end = part.start + len(part.text)
        if not any(part.start <= place.start < end for place in places):
            continue
        if part.kind in ("heading", "code"):
            return None
        pieces = _cut(part)
        kept, offset = [], part.start
        for piece in pieces:
            inside = any(offset <= p.start < offset + len(piece) for p in places)
            if not inside:
                kept.append(piece)
            offset += len(piece)
        edited = edited[: part.start] + "".join(kept).rstrip() + edited[end:]
    return edited


def _cut(part: Block) -> list[str]:
    if part.kind in ("list", "table", "quote"):
        return part.text.splitlines(keepends=True)
    return sentences(part.text)


def _insert_avoided(text: str, constraint: Constraint) -> str | None:
    """Put the words, in brackets, before the end of a sentence in the text's middle."""
    part = _middle_paragraph(text)
    if part is None:
        return None
    pieces = sentences(part.text)
    number = len(pieces) // 2
    piece = pieces[number]
    mark = _LAST_MARK.search(piece)
    if mark is None:
        return None
    words = str(constraint.params["text"])
    aside = f"（{words}）" if _WIDE.search(piece) else f" ({words})"
    pieces[number] = piece[: mark.start()] + aside + piece[mark.start() :]
    return _replace(text, part, "".join(pieces))


def _cut_section(text: str, constraint: Constraint) -> str | None:
    """Take out the shortest section, paragraph or item that neither opens nor ends the text."""
    unit = str(constraint.params["unit"])
    if unit == "paragraphs":
        spans = [_span(part) for part in blocks(text) if part.kind == "paragraph"]
    elif unit == "items":
        spans = [Span(*match.span()) for match in _ENTRY.finditer(text)]
    else:
        spans = [span for _, span in cut_sections(text)]
    inner = spans[1:-1]
    if not inner:
        return None
    shortest = min(inner, key=lambda span: span.end - span.start)
    return text[: shortest.start] + text[shortest.end :]


def _drop_blocks(text: str, constraint: Constraint) -> str | None:
    """Take out as few tables, lists or blocks of code as bring their number under the least."""
    if constraint.params.get("wanted") is not True:
        return None
    found = sorted(_needless(text, constraint), key=lambda part: len(part.text))
    for part in sorted(found[: _surplus(constraint, len(found))], key=lambda part: -part.start):
        text = _replace(text, part, "")
    return text


def _drop_headings(text: str, constraint: Constraint) -> str | None:
    """Take out every heading but the title."""
    if constraint.params.get("wanted") is not True:
        return None
    for part in reversed(blocks(text)):
        if part.kind == "heading" and text[: part.start].strip():
            text = _replace(text, part, "")
    return text


def _drop_title(text: str, constraint: Constraint) -> str | None:
    """Take out the line that the text begins with."""
    first = next((line for line in text.splitlines(keepends=True) if line.strip()), "")
    rest = text[text.index(first) + len(first) :] if first else ""
    return rest.lstrip("\n") or None


def _shorten(text: str, constraint: Constraint) -> str | None:
    """Drop sentences until the text is just too short."""
    low = check(Constraint("length", constraint.params), text).parts.get("low")
    if low is None or low < 2:
        return None
    most = int(low) - 1
    return trim(text, Bounds(max(1, most - 30), max(1, most - 4), most))


_EDITS: Mapping[str, Callable[[str, Constraint], str | None]] = {
    "mention": _drop_mention,
    "avoid": _insert_avoided,
    "sections": _cut_section,
    "list": _drop_blocks,
    "table": _drop_blocks,
    "code": _drop_blocks,
    "headings": _drop_headings,
    "title": _drop_title,
    "length": _shorten,
}
"""Kind to the edit that breaks it."""


# --- by a model ----------------------------------------------------------------------------------


def find_tasks(text: str, constraint: Constraint) -> tuple[Task, ...]:
    """Return the passages that a model has to write again to break a requirement; none if unknown.

    What stands in more than three passages is no matter of a small change.
    """
    span = scope_span(text, constraint.scope)
    if span is None:
        return ()
    part = text[span.start : span.end]
    tasks = _find_tasks(part, constraint)
    if not 0 < len(tasks) <= MOST_PASSAGES:
        return ()
    return tuple(
        Task(
            Span(span.start + found.start, span.start + found.start + len(found.text)),
            wish,
            round(1.2 * count_words(found.text)) + spare,
        )
        for found, wish, spare in tasks
    )


def apply_tasks(text: str, tasks: tuple[Task, ...], written: list[str]) -> str:
    """Return a text with passages written again."""
    for task, passage in sorted(
        zip(tasks, written, strict=True), key=lambda entry: -entry[0].span.start
    ):
        text = text[: task.span.start] + passage + text[task.span.end :]
    return text


def _find_tasks(text: str, constraint: Constraint) -> list[tuple[Block, str, int]]:
    kind, phrase = constraint.kind, str(constraint.params.get("text", ""))
    parts = blocks(text)
    middle = _middle_paragraph(text)
    if kind == "mention":
        wish = f'It does not contain the words "{phrase}".'
        return [(part, wish, 20) for part in parts if find_phrase(phrase, part.text)]
    if middle is None:
        return []
    if kind == "avoid":
        return [(middle, f'It contains the words "{phrase}" once, where they make sense.', 30)]
    if kind == "length":
        return _find_length(text, constraint, middle)
    if kind in ("list", "table", "code"):
        name = {"code": "a fenced block of code"}.get(kind, f"a {kind}")
        if constraint.params["wanted"] is not True:
            return [(middle, f"It gives a part of what it says as {name}.", 40)]
        found = sorted(_needless(text, constraint), key=lambda part: len(part.text))
        wish = f"It says the same in plain sentences, without {name}."
        return [(part, wish, 60) for part in found[: _surplus(constraint, len(found))]]
    if kind == "headings" and constraint.params["wanted"] is not True and not headings(text):
        return [(middle, "It has a heading, marked by ##, above its second half.", 20)]
    return []


def _find_length(text: str, constraint: Constraint, middle: Block) -> list[tuple[Block, str, int]]:
    """Return the paragraph whose own length brings the text over or under its bound."""
    parts = check(Constraint("length", constraint.params), text).parts
    words, own = int(parts["words"]), count_words(middle.text)
    high, low = parts.get("high"), parts.get("low")
    over = int(high) - words + 10 if high is not None else None
    under = words - int(low) + 10 if low is not None else None
    if under is not None and under < own / 2 and (over is None or under <= over):
        return [(middle, f"It is shorter: at most {own - under} words.", 0)]
    if over is None:
        return []
    return [(middle, f"It is longer: at least {own + over} words.", 2 * over)]


# --- parts of a text -----------------------------------------------------------------------------


def _middle_paragraph(text: str) -> Block | None:
    """Return the paragraph of several sentences that is nearest to the text's middle."""
    found = [
        part for part in blocks(text) if part.kind == "paragraph" and len(sentences(part.text)) > 1
    ]
    return min(found, key=lambda part: abs(part.start - len(text) // 2), default=None)


def _needless(text: str, constraint: Constraint) -> list[Block]:
    return [part for part in blocks(text) if part.kind == constraint.kind]


def _surplus(constraint: Constraint, count: int) -> int:
    """Return how many have to go for a requirement of a least number to be missed."""
    least = constraint.params.get("min")
    return count - (least if isinstance(least, int) and least > 0 else 1) + 1


def _replace(text: str, part: Block, new: str) -> str:
    return text[: part.start] + new + text[part.start + len(part.text) :]


def _span(part: Block) -> Span:
    return Span(part.start, part.start + len(part.text))
