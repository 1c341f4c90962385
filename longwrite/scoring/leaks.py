"""What stands in a text and is no prose of the document.

A model wraps what it writes: it greets, promises, counts its words, leaves its tags, or declines,
and a failed call leaves the words of its failure. Each pattern is bound to where such things stand
and to how they are worded, so that speech in a story, a letter's close, or an article about errors
are let be. Code is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from longwrite.scoring.failures import find_errors, find_refusal
from longwrite.scoring.talk import find_closing, find_notes, find_opening
from longwrite.text import Block, blocks

Kind = Literal["tag", "meta", "refusal", "error"]


@dataclass(frozen=True, slots=True)
class Leak:
    """Characters ``start:end`` of a text that are no prose.

    Attributes:
        kind: ``tag`` (markup of a chat, thoughts included), ``meta`` (talk about the writing),
            ``refusal``, or ``error`` (what a failed call says).
        start: Where it begins.
        end: Where it ends.
    """

    kind: Kind
    start: int
    end: int


def find_leaks(text: str) -> tuple[Leak, ...]:
    """Return what is no prose, in order, without overlaps; linear in the length of the text."""
    found = blocks(text)
    bare = _without_code(text, found)
    tags = [*_tags(bare), *_frame(found)]
    notes = list(find_notes(bare))
    opening = list(find_opening(bare, [*tags, *notes]))
    closing = list(find_closing(bare, found, [*tags, *notes]))
    spans: dict[Kind, list[tuple[int, int]]] = {
        "refusal": find_refusal(bare),
        "error": list(find_errors(bare, found)),
        "tag": tags,
        "meta": [*notes, *opening, *closing],
    }
    leaks = [Leak(kind, start, end) for kind, each in spans.items() for start, end in each]
    return tuple(_apart(leaks))


def is_refusal(text: str) -> bool:
    """Tell whether a text, scrubbed, opens by declining; a speaker's words in quotes do not."""
    return any(leak.kind == "refusal" for leak in find_leaks(scrub(text)))


def is_error(text: str) -> bool:
    """Tell whether a text, scrubbed, holds what a failed call says, outside code and prose."""
    return any(leak.kind == "error" for leak in find_leaks(scrub(text)))


def scrub(text: str) -> str:
    """Take the tags and the talk about the writing out of a text, as whole lines and sentences.

    A text without such leaks is returned as it is; refusals, errors and code stay. A text that is
    as a whole fenced as Markdown is no code and loses its fence.
    """
    budget = 1_000_000 + 10 * len(text)
    while budget > 0:  # what is taken away may uncover more
        budget -= len(text)
        leaks = [leak for leak in find_leaks(text) if leak.kind in ("tag", "meta")]
        if not leaks:
            break
        parts: list[str] = []
        end = 0
        for leak in leaks:
            start, stop = _with_space(text, leak)
            parts.append(text[end:start])
            end = max(end, stop)
        text = "".join([*parts, text[end:]]).strip("\n")
    return text


def _with_space(text: str, leak: Leak) -> tuple[int, int]:
    """Widen a leak by the blank space that would be left over."""
    start, end = leak.start, leak.end
    while start and text[start - 1] in " \t":
        start -= 1
    while end < len(text) and text[end] in " \t":
        end += 1
    begins, ends = start == 0 or text[start - 1] == "\n", text[end : end + 1] in ("", "\n")
    if not begins and not ends:
        return leak.start, end
    if begins and ends and (start == 0 or text[max(0, start - 2) : start] == "\n\n"):
        while text[end : end + 1] == "\n":
            end += 1
    elif begins and ends:
        start -= 1
    return start, end


def _apart(leaks: list[Leak]) -> Iterator[Leak]:
    end = 0
    for leak in sorted(leaks, key=lambda leak: leak.start):
        if leak.start >= end:
            yield leak
            end = leak.end


_NOT_NEWLINE = re.compile(r"[^\n]")
_INLINE_CODE = re.compile(r"`[^`\n]+`|``[^`\n]+(?:`[^`\n]+)*``")


def _without_code(text: str, found: list[Block]) -> str:
    """Return the text with all code overwritten, each character and line in its place."""
    parts: list[str] = []
    end = 0
    for block in found:
        if block.kind == "code":
            parts += [text[end : block.start], _NOT_NEWLINE.sub("\0", block.text)]
            end = block.start + len(block.text)
    bare = "".join([*parts, text[end:]])
    return _INLINE_CODE.sub(lambda match: "\0" * len(match.group()), bare) if "`" in bare else bare


_THOUGHT_TAG = re.compile(
    r"<(/?)(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis)\b[^<>\n]{0,80}>",
    re.IGNORECASE,
)
_ROLE = "(?:(?:assistant|user|system|model|analysis|commentary|final)\\b)?"
_TAG = re.compile(
    rf"<[|｜][^<>|｜\n]{{1,40}}[|｜]>{_ROLE}|<(?:start_of_turn|end_of_turn)>{_ROLE}"
    r"|<(?:bos|eos|pad|unk|extra_id_\d{1,3}|begin_of_text|end_of_text)>"
    r"|</?tool_(?:call|response)>|\[/?INST\]|<</?SYS>>|\A\s*<s>",
    re.IGNORECASE,
)
_TURN = re.compile(
    r"\n\#\#\#{0,2} ?(?:instruction|response|input|assistant|human|user|system)s?:[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_SPEAKER = re.compile(r"\s*assistant[:：](?=\s)", re.IGNORECASE)
_STRAY_END = re.compile("</s>")
_WRAPPER = re.compile(
    r"(?:</?(?:answer|final_answer|output|response|results?|section|chapter|document|article|essay|"
    r"story|text|content|draft|assistant|user|system|human|instructions?|prompt|input|context|"
    r"task|plan|outline|canon|writing|rewrite|revised|section_(?:text|content)|"
    r"brief|before|opening|beginning|past|wish|sample|said|paragraph|passage|chapters|last_words|"
    r"request|critique)"  # the names of our own fences
    r"(?:\s[^<>\n]{0,80})?>[ \t]*)+",
    re.IGNORECASE,
)
_MARKDOWN = re.compile(
    r"(?:`{3,}|~{3,})[ \t]*(?:markdown|md)[ \t]*\n(?:[^\n]*+\n)*+ {0,3}[`~]{3,}[ \t]*\Z"
)


def _tags(bare: str) -> Iterator[tuple[int, int]]:
    opened: int | None = None
    closed = 0
    for match in _THOUGHT_TAG.finditer(bare) if "<" in bare else ():
        if not match.group(1):
            opened = match.start() if opened is None else opened
            continue
        if opened is None and not closed and bare[match.end() :].strip():
            opened = 0  # the opening tag stood in the prompt
        yield (match.start() if opened is None else opened, match.end())
        closed, opened = match.end(), None
    if opened is not None:
        yield opened, len(bare)
    for match in _TAG.finditer(bare) if "<" in bare or "[" in bare else ():
        yield match.end() - len(match.group().lstrip()), match.end()
    yield from _turns(bare)
    if "<s>" not in bare.lstrip()[3:]:  # struck words are between two
        for match in _STRAY_END.finditer(bare):
            yield match.span()
    for match in _WRAPPER.finditer(bare) if "<" in bare else ():
        if _at_line_edge(bare, *match.span()):
            yield match.span()


def _turns(bare: str) -> Iterator[tuple[int, int]]:
    """Yield the marks of a turn: "### Response:" as a line, "assistant:" before all."""
    if match := _SPEAKER.match(bare):
        yield match.end() - len(match.group().lstrip()), match.end()
    for match in _TURN.finditer(f"\n{bare}"):
        yield match.start(), match.end() - 1


def _frame(found: list[Block]) -> Iterator[tuple[int, int]]:
    """Yield the two fence lines of a text that is one block of Markdown source."""
    if len(found) == 1 and _MARKDOWN.match(found[0].text):
        first, *_, last = found[0].text.split("\n")
        end = found[0].start + len(found[0].text)
        yield found[0].start, found[0].start + len(first)
        yield end - len(last), end


def _at_line_edge(bare: str, start: int, end: int) -> bool:
    before, after = bare[max(0, start - 80) : start], bare[end : end + 80]
    begins = not before.rpartition("\n")[2].strip() and ("\n" in before or start <= 80)
    return begins or after.lstrip(" \t")[:1] in ("", "\n")
