"""A row as a person reads it in a terminal: its texts, its labels, where it comes from.

Texts come from files that nobody vouches for, and a terminal obeys what is printed on it, so every
character that could command it is shown and not sent.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from longwrite.data.examples import ANSWERS, CONVERSATIONS, PROMPTS, Example, read_example
from longwrite.data.labels import read_label
from longwrite.rewards.columns import parse_column
from longwrite.rewards.constraints import check
from longwrite.text import count_words

CLIPPED = 1_200
"""Characters of a text that are shown unless it is wanted whole."""

_COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"
)
_TEXTS = {*PROMPTS, *ANSWERS, *CONVERSATIONS, "chosen", "rejected", "completions", "system"}
_LABELS = {"labels", "constraints", "broken", "target", "language", "genre", "ends", "label"}


def harmless(text: str) -> str:
    r"""Return a text with its control characters, and those that reorder others, written out.

    >>> harmless("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return _COMMANDS.sub(
        lambda match: match.group().encode("unicode_escape").decode(), text.replace("\r\n", "\n")
    )


def show_row(columns: Mapping[str, Any], width: int = 100, *, whole: bool = False) -> str:
    """Return a row for reading in a terminal.

    Args:
        columns: The row of any set; `longwrite.data.export.to_columns` makes it of the builder's.
        width: Columns of the terminal.
        whole: Whether long texts are shown to their end.
    """
    width = max(30, width)
    example = read_example(columns)
    lines: list[str] = []
    for name, text in _parts(columns, example):
        lines += [_rule(name, text, width), *_wrap(text, width, whole=whole), ""]
    lines += _facts(_labels(columns, example), "labels", width)
    lines += _facts(_provenance(columns), "provenance", width)
    return "\n".join(lines).rstrip("\n") + "\n"


def _parts(columns: Mapping[str, Any], example: Example) -> Iterator[tuple[str, str]]:
    if not example.form or example.form == "tokens":
        yield "row", json.dumps(columns, ensure_ascii=False, indent=1, default=str, skipkeys=True)
        return
    for turn in example.prompt:
        yield f"prompt, {turn.role}", turn.content
    if example.shape == "pair":
        yield "chosen", example.answer
        yield "rejected", example.rejected
    elif example.shape != "prompt" and not example.steps:
        yield ("text" if example.form == "text" else "completion"), example.answer
    for place, (text, good) in enumerate(example.steps, 1):
        yield f"step {place}, {'good' if good else 'bad'}", text


def _rule(name: str, text: str, width: int) -> str:
    head = f"── {_line(name)} ({count_words(text):,} words) "
    return head + "─" * max(0, width - len(head))


def _line(text: str) -> str:
    return " ".join(harmless(text).split())


def _wrap(text: str, width: int, *, whole: bool) -> Iterator[str]:
    left_out = 0 if whole else len(text) - CLIPPED
    clipped = left_out > CLIPPED // 10
    shown = text[: CLIPPED * 3 // 4] if clipped else text
    yield from _wrap_lines(shown, width)
    if clipped:
        tail = text[-CLIPPED // 4 :]
        gone = text[CLIPPED * 3 // 4 : -CLIPPED // 4]
        yield f"[… {len(gone):,} characters, about {count_words(gone):,} words, left out …]"
        yield from _wrap_lines(tail, width)


def _wrap_lines(text: str, width: int) -> Iterator[str]:
    for line in harmless(text).split("\n"):
        yield from textwrap.wrap(line, width) or [""]


def _facts(facts: Mapping[str, str], name: str, width: int) -> list[str]:
    if not facts:
        return []
    lines = [f"── {name} " + "─" * max(0, width - len(name) - 4)]
    for key, value in facts.items():
        said = f"{_line(key)}: {_line(value)}"
        lines += textwrap.wrap(said, width, subsequent_indent="    ") or [said]
    return [*lines, ""]


def _labels(columns: Mapping[str, Any], example: Example) -> dict[str, str]:
    text = example.answer or "\n\n".join(step for step, _ in example.steps)
    language = str(columns.get("language") or "")
    facts: dict[str, str] = {}
    for key in columns:
        if key not in _LABELS or columns[key] is None:
            continue
        value = parse_column(columns[key])
        if key == "constraints" and isinstance(value, list):
            for place, entry in enumerate(value, 1):
                facts[f"constraint {place}"] = _say_label(entry, text, language)
        elif key == "broken" and isinstance(value, dict):
            entry = {**value, "holds": False}
            facts["broken by the rejected text"] = _say_label(entry, example.rejected, language)
        else:
            facts[key] = _said(columns[key])
    return facts


def _say_label(entry: Any, text: str, language: str) -> str:
    """Return an entry as `longwrite score` words it: what was found, and the words that ask."""
    label = read_label(entry)
    if label is None:
        return _said(entry)
    one = label.constraint
    unknown = "can't be told" if label.checker else "isn't checked"
    held = {True: "holds", False: "does NOT hold", None: unknown}[label.holds]
    note = f"{held}: {check(one, text, language=language).note}" if text else "is asked for"
    params = {name: value for name, value in one.params.items() if value is not None}
    quote = f"“{one.quote}”" if one.quote else "" if text else _said(params)
    where = "" if one.scope == "document" else f"({one.scope})"
    checker = f"(checker {label.checker})" if label.checker else ""
    return " ".join(filter(None, (one.kind, where, note, quote, checker)))


def _provenance(columns: Mapping[str, Any]) -> dict[str, str]:
    facts = {key: value for key, value in columns.items() if key not in _TEXTS | _LABELS}
    told = parse_column(facts.get("provenance"))
    if isinstance(told, dict):
        del facts["provenance"]
        facts |= told
    return {str(key): _said(value) for key, value in facts.items() if value is not None}


def _said(value: Any) -> str:
    if isinstance(value, str):
        return value[:2_000]
    return json.dumps(value, ensure_ascii=False, default=str, skipkeys=True)[:2_000]
