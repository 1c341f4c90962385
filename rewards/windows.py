"""What a judge is shown of a text: all of it, in windows that overlap, the outline beside each.

A judge that sees the first pages only can be served there and cheated afterwards. So every word is
in some window, each but the first begins with the end of the one before, and how many there were is
said with the verdict. A text that fits is one window, the text itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from longwrite.scoring.structure import Heading, headings
from longwrite.text import blocks, count_words, estimate_tokens, sentences
from longwrite.types import Span

OVERLAP = 0.1
"""Share of a window that the one before has shown already, at the most."""
_PIECES = 8
"""A window holds at least so many pieces, so that one of them can be the overlap."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a text.

    Attributes:
        span: Its characters.
        words: Its words.
        fresh: Those among them that no window before has shown.
    """

    span: Span
    words: int
    fresh: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What a judge was shown of a text.

    Attributes:
        windows: How many it was cut into; 1 where it was shown whole.
        words: Words of the text, all of which were shown.
        overlap: Words that were shown twice.
        outlined: Whether the outline stood beside each window; a text shown whole needs none, and
            one without headings has none.
        left_out: Headings that the outline had no room for.
        prompt_cut: Whether the request was too long and was shown without its middle.
    """

    windows: int
    words: int
    overlap: int = 0
    outlined: bool = False
    left_out: int = 0
    prompt_cut: bool = False


def describe_shown(shown: Shown) -> str:
    """Return what was shown as a sentence or two.

    >>> describe_shown(Shown(3, 30_000, 1_800, True))
    'The judge was shown all 30,000 words in 3 windows (1,800 words twice), each with the outline.'
    """
    said = f"The judge was shown all {shown.words:,} words"
    if shown.windows > 1:
        said += f" in {shown.windows} windows ({shown.overlap:,} words twice)"
    said += ", each with the outline." if shown.outlined else "."
    if shown.left_out:
        said += f" The outline is without {shown.left_out:,} of the lower headings."
    if shown.prompt_cut:
        said += " The request was too long and was shown without its middle."
    return said


def parts_of(shown: Shown) -> dict[str, float]:
    """Return what was shown as parts of a `Score`."""
    return {"windows": shown.windows, "words": shown.words, "overlap": shown.overlap}


@dataclass(frozen=True, slots=True)
class _Piece:
    """A paragraph, or as much of one as an eighth of a window holds; `size` is a window's share."""

    start: int
    end: int
    words: int
    size: float


def cut_windows(text: str, tokens: int, words: int | None = None) -> tuple[Window, ...]:
    """Cut a text into as few windows as hold it, each about as long as the others.

    They are cut between paragraphs, and inside one only where it is longer than an eighth of a
    window: at a sentence, and in a sentence of that length anywhere.

    Args:
        text: Markdown or plain text.
        tokens: The most estimated tokens of a window.
        words: The most words, where that is to be less.

    Returns:
        The windows in order; together they cover the text. None for an empty one.
    """
    pieces = _cut_pieces(text, tokens, words)
    total = sum(piece.size for piece in pieces)
    if total <= 1:
        count = sum(piece.words for piece in pieces)
        return (Window(Span(0, len(text)), count, count),) if text.strip() else ()
    count = math.ceil(total)
    while True:
        found = _spread(pieces, count)
        if all(sum(piece.size for piece in pieces[a:c]) <= 1 for a, _, c in found):
            break
        count += 1
    return tuple(_make_window(pieces, *one) for one in found)


def _make_window(pieces: Sequence[_Piece], first: int, fresh: int, end: int) -> Window:
    span = Span(pieces[first].start, pieces[end - 1].end)
    return Window(
        span,
        sum(piece.words for piece in pieces[first:end]),
        sum(piece.words for piece in pieces[fresh:end]),
    )


def _spread(pieces: Sequence[_Piece], count: int) -> list[tuple[int, int, int]]:
    """Return, for each window, its first piece, its first that is new, and its end."""
    upto = list(accumulate((piece.size for piece in pieces), initial=0.0))
    found: list[tuple[int, int, int]] = []
    fresh = 0
    for number in range(1, count + 1):
        goal = upto[-1] * number / count
        end = fresh + 1
        while end < len(pieces) and (number == count or upto[end] < goal):
            end += 1
        first = fresh
        if fresh:
            first -= 1
            while first and upto[fresh] - upto[first - 1] <= OVERLAP:
                first -= 1
        found.append((first, fresh, end))
        if end == len(pieces):
            break
        fresh = end
    return found


def _cut_pieces(text: str, tokens: int, words: int | None) -> list[_Piece]:
    """Cut a text into pieces that follow each other without a gap."""
    starts = [block.start for block in blocks(text)]
    starts[:1] = [0]
    bounds = zip(starts, [*starts[1:], len(text)], strict=True)
    found: list[_Piece] = []

    def add(start: int, end: int, parts: Sequence[str] | None) -> None:
        part = text[start:end]
        counted = count_words(part)
        size = max(estimate_tokens(part) / tokens, counted / words if words else 0.0)
        if size * _PIECES <= 1 or end - start < 2:
            found.append(_Piece(start, end, counted, size))
            return
        if parts is None:
            middle = (start + end) // 2
            add(start, middle, None)
            add(middle, end, None)
            return
        # Sentences of their own would be small for a window: they are joined to halves.
        if len(parts) < 2:
            add(start, end, None)
            return
        half = len(parts) // 2
        border = start + sum(map(len, parts[:half]))
        add(start, border, parts[:half])
        add(border, end, parts[half:])

    for start, end in bounds:
        add(start, end, sentences(text[start:end]))
    return found


def draw_outline(text: str, tokens: int) -> tuple[str, int]:
    """Return the headings of a text, each with the words under it, and how many are left out.

    A text without headings has none. Where they don't fit, the deepest levels are left out first,
    and of one level those at the end.

    Args:
        text: Markdown.
        tokens: Room for the outline.
    """
    found = headings(text)
    if not found:
        return "", 0
    for deepest in sorted({one.level for one in found}, reverse=True):
        kept = [one for one in found if one.level <= deepest]
        lines = _list(kept, text)
        if estimate_tokens("\n".join(lines)) <= tokens:
            break
    while lines and estimate_tokens("\n".join(lines)) > tokens:
        del lines[-max(1, len(lines) // 8) :]
    left = len(found) - len(lines)
    if left:
        lines.append(f"(… {left:,} lower headings are left out.)")
    return "\n".join(lines), left


def _list(kept: Sequence[Heading], text: str) -> list[str]:
    top = min(one.level for one in kept)
    ends = [*(one.offset for one in kept[1:]), len(text)]
    return [
        f"{'  ' * (one.level - top)}- {one.words[:200]} "
        f"({count_words(text[one.offset : end]):,} words)"
        for one, end in zip(kept, ends, strict=True)
    ]
