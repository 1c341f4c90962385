"""Briefs that no model was trained on, as they are put to each of those that are compared.

A model can only keep a length that it was told. So a length that stands in a row's column and not
in its prompt is added to the prompt in words, and what is asked, what is measured and what a person
reads are one and the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from longwrite.data.examples import read_example
from longwrite.data.importers import KINDS, BrokenRow, read_set
from longwrite.data.prompt_files import state_length
from longwrite.data.rows import SPEAKERS
from longwrite.errors import UsageError
from longwrite.reading import read_file
from longwrite.rewards.briefs import compile_brief
from longwrite.runs.store import digest
from longwrite.train.measuring import find_asked
from longwrite.types import Brief, Message

_LENGTHS = ("length", "words")
_MEND = "Give a JSONL or Parquet of rows with a prompt, or a text file with one prompt a line."


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A brief to compare models on.

    Attributes:
        id: The row's own, or its number; unique in its file.
        brief: What is asked for, compiled from the words that the model reads.
        messages: The conversation that the model reads, the user's turn last.
    """

    id: str
    brief: Brief
    messages: tuple[Message, ...]

    @property
    def key(self) -> str:
        """What seeds come from: the words asked, wherever they stand in the file."""
        return digest(*(part for one in self.messages for part in (one.role, one.content)))[:16]


def read_held_out(path: Path, limit: int | None = None) -> tuple[HeldOut, ...]:
    """Return the briefs of a file in its order, each once.

    Args:
        path: Rows in any form that `longwrite.data.importers` reads, a folder of such files, or a
            text file with one prompt a line.
        limit: Only the first so many.

    Raises:
        UsageError: It can't be read, has no brief, or a row of it is none.
    """
    found: dict[str, HeldOut] = {}
    names: Counter[str] = Counter()
    for place, columns in _read_rows(path):
        one = _take(place, columns, len(found) + 1)
        if one.key in found:
            continue
        names[one.id] += 1
        unique = one.id if names[one.id] == 1 else f"{one.id} #{names[one.id]}"
        found[one.key] = replace(one, id=unique)
        if limit is not None and len(found) >= limit:
            break
    if not found:
        raise UsageError(f"{path} holds no brief", "it has no rows", _MEND)
    return tuple(found.values())


def _read_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if path.is_file() and path.suffix.lower() not in KINDS:
        for number, line in enumerate(read_file(path).split("\n"), 1):
            if line.strip():
                yield f"{path}:{number}", {"prompt": line.strip()}
        return
    for row in read_set(path):
        if isinstance(row, BrokenRow):
            raise UsageError(f"{row.place} can't be read", row.why, _MEND)
        yield row.place, row.columns


def _take(place: str, columns: Mapping[str, Any], number: int) -> HeldOut:
    prompt = read_example(columns).prompt
    if any(turn.role not in SPEAKERS for turn in prompt):
        raise UsageError(f"{place} is no brief", "a turn is nobody's that a model knows", _MEND)
    turns = [Message(SPEAKERS[turn.role], turn.content) for turn in prompt]
    if not turns or turns[-1].role != "user" or not turns[-1].content.strip():
        raise UsageError(f"{place} is no brief", "it has no prompt of a user", _MEND)
    told = columns.get("language")
    language = told if isinstance(told, str) else ""
    given = next((n for key in _LENGTHS if _is_count(n := columns.get(key))), None)
    try:
        brief = compile_brief(turns[-1].content, language=language)
        if given is not None and find_asked(brief) is None:
            turns[-1] = Message("user", state_length(brief.prompt, given, brief.language))
            brief = compile_brief(turns[-1].content, language=language)
    except UsageError as error:
        raise UsageError(f"{place} is no brief", str(error)) from error
    name = columns.get("id")
    own = name.strip()[:80] if isinstance(name, str) else ""
    return HeldOut(own or f"brief {number}", brief, tuple(turns))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
