"""A row as a person reads it in a terminal: its texts, its labels, where it comes from.

Texts come from files that nobody vouches for, and a terminal obeys what is printed on it, so every
character that could command it is shown and not sent.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from longwrite.data.examples import ANSWERS, CONVERSATIONS, PROMPTS, Turn, read_example
from longwrite.data.rows import Label, Row
from longwrite.text import count_words
from longwrite.types import Constraint

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


def show_row(row: Row | Mapping[str, Any], width: int = 100, *, whole: bool = False) -> str:
    """Return a row for reading in a terminal.

    Args:
        row: A row of the builder, or a raw one of any set.
        width: Columns of the terminal.
        whole: Whether long texts are shown to their end.
    """
    width = max(30, width)
    parts = _parts(row) if isinstance(row, Row) else _raw_parts(row)
    lines: list[str] = []
    for name, text in parts:
        lines += [_rule(name, text, width), *_wrap(text, width, whole=whole), ""]
    lines += _facts(_labels(row), "labels", width)
    lines += _facts(_provenance(row), "provenance", width)
    return "\n".join(lines).rstrip("\n") + "\n"


def _parts(row: Row) -> Iterator[tuple[str, str]]:
    yield from _turns(tuple(Turn(message.role, message.content) for message in row.prompt))
    if row.completion:
        yield "completion", row.completion
    if row.shape == "pair":
        yield "chosen", row.chosen
        yield "rejected", row.rejected
    yield from _steps(row.steps)


def _raw_parts(columns: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    example = read_example(columns)
    if not example.form or example.form == "tokens":
        yield "row", json.dumps(columns, ensure_ascii=False, indent=1, default=str, skipkeys=True)
        return
    yield from _turns(example.prompt)
    if example.shape == "pair":
        yield "chosen", example.answer
        yield "rejected", example.rejected
    elif example.shape != "prompt" and not example.steps:
        yield ("text" if example.form == "text" else "completion"), example.answer
    yield from _steps(example.steps)


def _turns(turns: tuple[Turn, ...]) -> Iterator[tuple[str, str]]:
    for turn in turns:
        yield f"prompt, {turn.role}", turn.content


def _steps(steps: tuple[tuple[str, bool], ...]) -> Iterator[tuple[str, str]]:
    for place, (text, good) in enumerate(steps, 1):
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


def _labels(row: Row | Mapping[str, Any]) -> dict[str, str]:
    if not isinstance(row, Row):
        return {key: _said(row[key]) for key in row if key in _LABELS and row[key] is not None}
    facts: dict[str, str] = {"shape": row.shape}
    if row.target is not None:
        facts["target"] = f"{row.target:,} words"
    facts |= {key: value for key in ("language", "genre") if (value := getattr(row, key))}
    if not row.ends:
        facts["ends"] = "no, it is a turn of a longer thread"
    for place, label in enumerate(row.labels, 1):
        facts[f"label {place}"] = _say_label(label)
    if not row.labels:
        for place, constraint in enumerate(row.constraints, 1):
            facts[f"claim {place}, not checked"] = _say_constraint(constraint)
    if row.broken:
        facts["broken by the rejected text"] = _say_constraint(row.broken)
    return facts


def _provenance(row: Row | Mapping[str, Any]) -> dict[str, str]:
    if isinstance(row, Row):
        return {"id": row.id} | {key: _said(value) for key, value in row.provenance.items()}
    return {
        str(key): _said(value)
        for key, value in row.items()
        if key not in _TEXTS and key not in _LABELS and value is not None
    }


def _say_label(label: Label) -> str:
    held = {True: "holds", False: "does NOT hold", None: "can't be told"}[label.holds]
    return f"{_say_constraint(label.constraint)} {held} (checker {label.checker})"


def _say_constraint(constraint: Constraint) -> str:
    said = asdict(constraint)
    params = {key: value for key, value in said["params"].items() if value is not None}
    quote = f" “{constraint.quote}”" if constraint.quote else ""
    return f"{constraint.kind} {_said(params)} of {constraint.scope}{quote}"


def _said(value: Any) -> str:
    if isinstance(value, str):
        return value[:2_000]
    return json.dumps(value, ensure_ascii=False, default=str, skipkeys=True)[:2_000]
