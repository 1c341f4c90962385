"""Rows of JSON from files that anybody may have written, and the items in them.

A benchmark is a list whose length is the denominator of every mean, so a row that can't be read is
an error with its number, and never left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias, TypeVar

from longwrite.bench.benchmark import Item
from longwrite.errors import UsageError
from longwrite.reading import PROMPT_COLUMNS
from longwrite.strict_json import parse_json
from longwrite.types import Json

Row: TypeAlias = "dict[str, Json]"

T = TypeVar("T")


class RowError(ValueError):
    """Why a row can't be used."""


def read_rows(path: Path, mend: str = "") -> list[Row]:
    """Return the objects of a JSONL file, or of a JSON file that is one list.

    Args:
        path: The file.
        mend: What to do where it can't be used.

    Raises:
        UsageError: It can't be read, is empty, or a line is no object.
    """
    where = f"{path} can't be read"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(where, error.strerror or type(error).__name__, mend) from error
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        found = _parse(data, where, "it is no JSON", mend)
        listed = found if isinstance(found, list) else []
        parts = [(f"entry {n}", row) for n, row in enumerate(listed, 1)]
    else:
        lines = [(n, line) for n, line in enumerate(data.split(b"\n"), 1) if line.strip()]
        parts = [(f"line {n}", _parse(x, where, f"line {n} is no JSON", mend)) for n, x in lines]
    if not parts:
        raise UsageError(where, "it has no rows", mend)
    rows: list[Row] = []
    for name, row in parts:
        if not isinstance(row, dict):
            raise UsageError(where, f"{name} is no object", mend)
        rows.append(row)
    return rows


def _parse(data: bytes, where: str, why: str, mend: str) -> Json:
    try:
        return parse_json(data)
    except ValueError as error:
        raise UsageError(where, f"{why} ({str(error)[:120]})", mend) from error


def load_items(path: Path, source: str, read: Callable[[str, Row], Item[T]]) -> tuple[Item[T], ...]:
    """Return the items of a benchmark's file.

    An id that stands twice gets a number, so that every item has one of its own.

    Args:
        path: The file.
        source: Where the official one is found, for a person.
        read: Makes an item of an id and a row, or raises `RowError`.

    Raises:
        UsageError: The file can't be read, or a row is no item.
    """
    rows = read_rows(path, source)
    seen: Counter[str] = Counter()
    items = []
    for number, row in enumerate(rows, 1):
        own = text_of(row, "id") or f"row {number}"
        seen[own] += 1
        try:
            items.append(read(own if seen[own] == 1 else f"{own} #{seen[own]}", row))
        except RowError as error:
            raise UsageError(f"{path} can't be used", f"row {number} {error}", source) from error
    return tuple(items)


def prompt_of(row: Row) -> str:
    """Return the prompt of a row.

    Raises:
        RowError: It has none.
    """
    found = next((text for key in PROMPT_COLUMNS if (text := text_of(row, key)).strip()), "")
    if not found:
        raise RowError("has no prompt")
    return found


def text_of(row: Mapping[str, Json], key: str) -> str:
    """Return a text or a number of a row as text; empty for anything else."""
    value = row.get(key)
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return ""


def whole_number_of(row: Row, key: str) -> int:
    """Return a whole number from 1 on.

    Raises:
        RowError: There is none.
    """
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10**9:
        raise RowError(f"has no whole number as {key!r}")
    return value


def number_of(value: Json) -> float | None:
    """Return a finite number, one that stands as text included; None for anything else.

    >>> number_of(4), number_of("4.5"), number_of("four"), number_of(True)
    (4.0, 4.5, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
