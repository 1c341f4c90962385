"""Prompts in files: JSONL with a ``prompt`` column, or plain text with one prompt a line."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from longwrite.data.rows import Drop
from longwrite.errors import UsageError
from longwrite.runs.store import digest


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt, the length that its row gives (None for none), and where it stands."""

    text: str
    length: int | None
    place: str


def read_prompts(patterns: Sequence[str]) -> Iterator[Prompt | Drop]:
    """Yield the prompts of files, each text once; a line that can't be used is a drop.

    Raises:
        UsageError: A file isn't there or can't be read, or there is no line in any.
    """
    seen: set[str] = set()
    for pattern in patterns:
        names = sorted(glob.glob(pattern, recursive=True)) or [pattern]
        for name in names:
            for number, line in enumerate(_read_file(Path(name)).splitlines(), 1):
                if not line.strip():
                    continue
                prompt = _read(line, name, f"{Path(name).name}:{number}")
                key = prompt.id if isinstance(prompt, Drop) else f"{prompt.length} {prompt.text}"
                if key in seen:
                    place = f"{Path(name).name}:{number}"
                    yield Drop(digest(place)[:16], "recipe", "prompt given twice", place)
                    continue
                seen.add(key)
                yield prompt
    if patterns and not seen:
        raise UsageError(
            f"{patterns[0]} has no prompts", "it is empty", 'Write {"prompt": "…"} on a line.'
        )


def _read(line: str, name: str, place: str) -> Prompt | Drop:
    if not name.endswith((".jsonl", ".json")):
        return Prompt(line.strip(), None, place)
    unusable = Drop(digest(place, line)[:16], "recipe", "unusable line", place)
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return unusable
    if not isinstance(row, dict) or not isinstance(row.get("prompt"), str):
        return unusable
    length = row.get("length")
    if length is not None and (not isinstance(length, int) or isinstance(length, bool)):
        return unusable
    return Prompt(row["prompt"], length, place)


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"{path} can't be read", why, "See the name; save it as UTF-8.") from error
