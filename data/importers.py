"""Sets that others made, read row by row: files of any custom in, the builder's rows out.

A set may be larger than memory and half broken: rows are streamed, and what can't be read is told
in its place among the others and stops nothing.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from longwrite.data.examples import ANSWERS, PROMPTS, Example, read_example, read_wishes
from longwrite.data.rows import SPEAKERS, Drop, Row, Shape
from longwrite.errors import UsageError
from longwrite.language import detect_language
from longwrite.runs.store import digest
from longwrite.strict_json import parse_json
from longwrite.text import count_words
from longwrite.types import Json, Message

MOST_ROW = 64 * 2**20
"""Bytes of the largest row that is read."""

KINDS = (".parquet", ".jsonl", ".ndjson", ".json", ".arrow")
_TEXTS = {*PROMPTS, *ANSWERS, "chosen", "rejected", "system"}
_BATCH = 64
_PIECE = 2**20
_EXTRA = "Install what reads it: pip install 'longwrite[read]'"


class RawRow(NamedTuple):
    """A row as its file has it, and its place: file and number, as in ``train.parquet:12``."""

    place: str
    columns: Mapping[str, Any]


class BrokenRow(NamedTuple):
    """A place where a row should stand and can't be read, and why."""

    place: str
    why: str


def read_set(path: str | Path) -> Iterator[RawRow | BrokenRow]:
    """Yield the rows of a set one by one, what can't be read in its place as a `BrokenRow`.

    Args:
        path: A .jsonl, .json (a list), .parquet or .arrow file, or a folder of such files with all
            its folders, as on the Hub or as ``save_to_disk`` leaves it. Hidden folders are skipped,
            and so is a .json file in a folder that is one object, which is metadata there.

    Raises:
        UsageError: There is no such path, it holds no such file, or what reads it isn't installed;
            raised at once, before the first row.
    """
    files = find_set(path)
    if any(file.suffix.lower() in (".parquet", ".arrow") for file in files):
        _need_pyarrow(path)
    return _read_all(files, inside=Path(path).is_dir())


def find_set(path: str | Path) -> list[Path]:
    """Return the files of a set in order.

    Raises:
        UsageError: There are none.
    """
    path = Path(path)
    if path.is_file():
        if path.suffix.lower() not in KINDS:
            known = ", ".join(KINDS)
            why = f"'{path.suffix}' is no known kind of set"
            raise UsageError(f"{path} can't be read", why, f"Give a folder, or one of {known}.")
        return [path]
    if not path.is_dir():
        raise UsageError(f"{path} can't be read", "there is no such file or folder", "Check it.")
    found: list[Path] = []
    for base, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if _is_shown(name))
        kept = (name for name in sorted(names) if Path(name).suffix.lower() in KINDS)
        found += [Path(base, name) for name in kept if _is_shown(name)]
    if not found:
        known = ", ".join(KINDS)
        raise UsageError(f"{path} can't be read", f"no file in it is one of {known}", "Check it.")
    return found


def _is_shown(name: str) -> bool:
    return not name.startswith((".", "__"))


def _need_pyarrow(path: str | Path) -> None:
    if find_spec("pyarrow") is None:
        raise UsageError(f"{path} can't be read", "it needs pyarrow", _EXTRA)


def _read_all(files: Sequence[Path], *, inside: bool) -> Iterator[RawRow | BrokenRow]:
    for file in files:
        kind = file.suffix.lower()
        try:
            if not file.is_file():
                raise OSError("it is no file")
            if kind in (".parquet", ".arrow"):
                yield from _read_arrow(file)
            elif kind == ".json":
                yield from _read_json(file, inside=inside)
            else:
                yield from _read_lines(file)
        except OSError as error:
            yield BrokenRow(str(file), error.strerror or _said(error))


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _row(place: str, value: Json) -> RawRow | BrokenRow:
    if isinstance(value, dict):
        return RawRow(place, value)
    return BrokenRow(place, f"the row is no object, but a {type(value).__name__}")


# --- JSON ----------------------------------------------------------------------------------------


def _read_lines(file: Path) -> Iterator[RawRow | BrokenRow]:
    with file.open("rb") as stream:
        number = 0
        while line := stream.readline(MOST_ROW):
            number += 1
            place = f"{file}:{number}"
            if len(line) == MOST_ROW:
                while len(line) == MOST_ROW and not line.endswith(b"\n"):
                    line = stream.readline(MOST_ROW)
                yield BrokenRow(place, f"the line has more than {MOST_ROW >> 20} MiB")
            elif line.strip():
                try:
                    yield _row(place, parse_json(line))
                except ValueError as error:
                    yield BrokenRow(place, f"the line isn't JSON ({_said(error)})")


def _read_json(file: Path, *, inside: bool) -> Iterator[RawRow | BrokenRow]:
    """Yield the rows of a list, of lines, or of the one object that a file is."""
    with file.open("rb") as stream:
        head = stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        size = stream.seek(0, os.SEEK_END)
        if head != b"[":
            stream.seek(0)
            try:
                first: Json = parse_json(stream.readline(MOST_ROW))
            except ValueError:
                first = None
            lines = stream.tell() < size
    if head == b"[":
        yield from _read_list(file)
    elif isinstance(first, dict) and (lines or not inside):
        yield from _read_lines(file)
    elif first is None and not inside:
        yield BrokenRow(str(file), "it is neither a list of rows nor a row on each line")


def _read_list(file: Path) -> Iterator[RawRow | BrokenRow]:
    """Yield the entries of one JSON list, with no more of it in memory than the next entry."""
    decoder = json.JSONDecoder()
    with file.open(encoding="utf-8-sig", errors="replace") as stream:
        text = stream.read(_PIECE)
        at, number = text.index("[") + 1, 0
        while True:
            at = _past(text, at, " \t\r\n,")
            if at < len(text) and text[at] == "]":
                return
            wanted = _PIECE
            while True:
                try:
                    _, end = decoder.raw_decode(text, at)
                    break
                except (ValueError, RecursionError) as error:
                    more = stream.read(wanted) if len(text) - at < MOST_ROW else ""
                    if not more:
                        why = "the list breaks off" if at >= len(text) else "from here no JSON"
                        yield BrokenRow(f"{file}:{number + 1}", f"{why} ({_said(error)})")
                        return
                    text, at, wanted = text[at:] + more, 0, 2 * wanted
                    at = _past(text, at, " \t\r\n,")
                    if text[at : at + 1] == "]":
                        return
            number += 1
            try:
                yield _row(f"{file}:{number}", parse_json(text[at:end].encode("utf-8", "replace")))
            except ValueError as error:
                yield BrokenRow(f"{file}:{number}", f"the entry isn't JSON ({_said(error)})")
            at = end


def _past(text: str, at: int, passed: str) -> int:
    while at < len(text) and text[at] in passed:
        at += 1
    return at


# --- Arrow ---------------------------------------------------------------------------------------


def _read_arrow(file: Path) -> Iterator[RawRow | BrokenRow]:
    number = 0
    try:
        for batch in _batches(file):
            for columns in batch.to_pylist():
                number += 1
                yield RawRow(f"{file}:{number}", columns)
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        # ArrowInvalid, ArrowTypeError, ArrowKeyError and ArrowNotImplementedError, by their bases:
        # pyarrow itself is imported only where a file needs it.
        yield BrokenRow(f"{file}:{number + 1}", f"from here it can't be read ({_said(error)})")


def _batches(file: Path) -> Iterator[Any]:
    if file.suffix.lower() == ".parquet":
        import pyarrow.parquet as parquet

        with parquet.ParquetFile(file) as table:
            yield from table.iter_batches(_BATCH)
        return
    import pyarrow as arrow

    with arrow.memory_map(str(file)) as source:
        try:
            opened = arrow.ipc.open_stream(source)
        except arrow.ArrowInvalid:
            whole = arrow.ipc.open_file(source)
            opened = (whole.get_batch(index) for index in range(whole.num_record_batches))
        for batch in opened:
            batch.validate(full=True)  # else a damaged file crashes the process
            for start in range(0, batch.num_rows, _BATCH):
                yield batch.slice(start, _BATCH)


# --- the builder's rows --------------------------------------------------------------------------


def import_rows(patterns: Sequence[str]) -> Iterator[Row | Drop]:
    """Yield the rows of other sets as the builder's, and a `Drop` for each that can't become one.

    Known are LongWriter-6k (``messages``), Suri (``instruction``, ``constraints``, ``response``),
    ShareGPT (``conversations``), Alpaca, prompt and response, and all shapes of TRL. A row's id is
    a hash of its texts, so that it is the same wherever it stands; a conversation gives one row, of
    its last answer.

    Args:
        patterns: Files, folders, or globs.

    Raises:
        UsageError: A pattern fits nothing, or a file can't be opened at all.
    """
    for pattern in patterns:
        paths = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))
        if not paths:
            raise UsageError(f"{pattern} can't be read", "there is no such file", "Check the path.")
        for path in paths:
            root = Path(path) if Path(path).is_dir() else Path(path).parent
            for raw in read_set(path):
                place = os.path.relpath(raw.place, root)
                if isinstance(raw, BrokenRow):
                    yield Drop(place, "recipe", "unreadable", raw.why)
                else:
                    yield make_row(raw.columns, place)


def make_row(columns: Mapping[str, Any], place: str) -> Row | Drop:
    """Return the builder's row of a raw one.

    Args:
        columns: The raw row.
        place: Where it stands, for its provenance; the same for the same set in another folder.
    """
    example = read_example(columns)
    problem = _find_problem(columns, example)
    if problem or example.shape is None:
        return Drop(place, "recipe", *(problem or ("no prompt", "")))
    shape: Shape = example.shape
    prompt = tuple(Message(SPEAKERS[role], text) for role, text in example.prompt)
    completion = example.answer if shape == "completion" else ""
    chosen = example.answer if shape == "pair" else ""
    text = example.answer or "\n\n".join(step for step, _ in example.steps)
    parts = [part for turn in example.prompt for part in turn]
    marks = [f"{good}{step}" for step, good in example.steps]
    identity = digest(shape, *parts, "", completion, chosen, example.rejected, *marks)[:16]
    return Row(
        identity,
        shape,
        prompt,
        completion=completion,
        chosen=chosen,
        rejected=example.rejected,
        steps=example.steps,
        target=count_words(text) if text else None,
        language=detect_language(text or example.request),
        provenance={"source": place, "form": example.form, "columns": _others(columns)},
    )


def _find_problem(columns: Mapping[str, Any], example: Example) -> tuple[str, str] | None:
    """Return reason and detail where an example can't become a row."""
    if not example.form or example.form == "tokens":
        return "unknown shape", f"its columns are {', '.join(map(str, columns))[:200] or 'none'}"
    if not any(turn.content.strip() for turn in example.prompt if turn.role == "user"):
        return "no prompt", ""
    if example.fault:
        return "turns out of order", example.fault
    if any(turn.role == "tool" for turn in example.prompt):
        return "turns of tools", ""
    if not example.good:
        return "marked as a bad answer", ""
    texts = [example.answer] if example.shape in ("completion", "pair") else []
    texts += [example.rejected] if example.shape == "pair" else []
    texts += [step for step, _ in example.steps]
    if not all(text.strip() for text in texts) or (example.shape == "steps" and not texts):
        return "no text", ""
    if example.shape == "pair" and example.answer == example.rejected:
        return "chosen is rejected", ""
    return None


def _others(columns: Mapping[str, Any]) -> dict[str, Json]:
    """Return the short columns beside the texts: ids, licences, sources, scores."""
    kept: dict[str, Json] = {}
    for name, value in columns.items():
        short = isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value))
        if short or (isinstance(value, str) and len(value) <= 200 and name not in _TEXTS):
            kept[str(name)] = value
    if wishes := read_wishes(columns.get("constraints")):
        kept["constraints"] = list[Json](wishes)
    return kept
