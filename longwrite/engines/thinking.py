"""Parts what a model thinks from what it answers, so that no thought lands in a document.

Servers without a reasoning parser leave thoughts in the text, between tags that may be written in
any case, never closed, or closed only (the opening one stood in the prompt's template). The split
is a pure function of the whole text, so that it doesn't matter how a stream was chopped.
"""

from __future__ import annotations

import re

_NAME = r"(?:[a-z]{1,16}:)?(?:think|thinking|thought|reasoning)"
_MARK = re.compile(
    r"^[ \t]*(?P<fence>`{3,8}|~{3,8})"
    r"|(?<!`)(?P<ticks>`{1,2})(?!`)[^`\n]{1,300}(?P=ticks)(?!`)"
    rf"|<(?P<close>/?){_NAME}(?:\s+[\w:-]{{1,40}}=[^<>]{{0,400}})?\s*/?(?:>|\Z)",
    re.IGNORECASE | re.MULTILINE,
)
_UNFINISHED = re.compile(r"<[^<>\n]{0,80}\Z")


def split_thinking(text: str, streaming: bool = False) -> tuple[str, str]:
    r"""Return the answer and the thoughts of a text that may hold think tags.

    A block never closed is thought to its end; before a closing tag that nothing opened all is
    thought; a tag in inline code or in a closed fence is a mention and stays. A text without tags
    comes back untouched. Linear in the length of the text.

    Args:
        text: What the model wrote.
        streaming: Whether more will follow; what may become a tag is then held back.

    >>> split_thinking("<think>Short.</think>\n\nIt rained.")
    ('It rained.', 'Short.')
    >>> split_thinking("Short, then.</think>It rained.")
    ('It rained.', 'Short, then.')
    """
    if "<" not in text:
        return text, ""
    if streaming:
        text = _UNFINISHED.sub("", text)
    answers: list[str] = []
    thoughts: list[str] = []
    unclosed: set[str] = set()
    start = position = opened_inside = 0
    inside = met = False
    while match := _MARK.search(text, position):
        position = match.end()
        if match["fence"]:
            if not inside:
                position = _end_of_fence(text, match["fence"], position, unclosed)
            continue
        if match["ticks"]:
            # A stray backtick must not hide the tag that ends the thoughts.
            if inside and match.group().lstrip("`")[0] != "<":
                position = match.end("ticks")
            continue
        piece = text[start : match.start()]
        if match.group().endswith("/>"):
            (thoughts if inside else answers).append(piece)
        elif match["close"]:
            stray = not inside and met and not opened_inside
            (answers if stray else thoughts).append(piece)
            if not inside:
                opened_inside = max(0, opened_inside - 1)
            inside = False
        elif inside:
            opened_inside += 1
            continue
        else:
            answers.append(piece)
            inside, opened_inside = True, 0
        met = True
        start = position
    (thoughts if inside else answers).append(text[start:])
    if not met:
        return text, ""
    return _join(answers), "\n\n".join(piece.strip() for piece in thoughts if piece.strip())


def _end_of_fence(text: str, fence: str, position: int, unclosed: set[str]) -> int:
    """Return where a fence opened at `position` ends, or `position` when nothing closes it."""
    if fence in unclosed:
        return position
    closing = re.compile(rf"^[ \t]*{fence[0]}{{{len(fence)},}}[ \t]*$", re.MULTILINE)
    found = closing.search(text, position)
    if found is None:
        unclosed.add(fence)
        return position
    return found.end()


def _join(pieces: list[str]) -> str:
    """Join what stood around the thoughts without the blank lines that they leave behind."""
    joined: list[str] = []
    for piece in pieces:
        if not joined:
            piece = piece.lstrip()
        elif joined[-1].endswith("\n"):
            piece = piece.lstrip("\n")
        if piece:
            joined.append(piece)
    return "".join(joined)
