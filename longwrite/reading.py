"""Texts from files, whoever wrote them: one reader for scoring, for data sets and for sources.

What can't be read is told beside what can, so that one bad file of a hundred stops nothing. Files
are hostile until read: pandoc runs in its sandbox, sizes are bounded, nothing in a text is run.
"""

from __future__ import annotations

import glob
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from longwrite.errors import UsageError
from longwrite.strict_json import parse_json

MOST_BYTES = 200 * 2**20
"""Largest file that is read whole; rows of JSONL and parquet are read one by one."""

PROMPT_COLUMNS = ("prompt", "instruction", "query", "question", "input")
"""Columns in which rows hold their prompt, the first that is there counts."""

_TEXTS = ("response", "completion", "text", "output", "answer", "document", "markdown")
_EXTRA = "Install what reads it: pip install 'longwrite[read]'"


@dataclass(frozen=True, slots=True)
class Reading:
    """A text and where it comes from.

    Attributes:
        name: File, and line or row where it holds several.
        text: As Markdown or plain text.
        prompt: What it was asked for in, where that is known.
        columns: What else its row holds.
    """

    name: str
    text: str
    prompt: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)


class UnreadableError(UsageError):
    """A file or a row that gives no text."""


def read_texts(patterns: Sequence[str]) -> Iterator[Reading | UnreadableError]:
    """Yield the texts of files, in the order given; what can't be read is yielded as an error.

    Args:
        patterns: Paths, globs, or ``-`` for standard input.
    """
    for pattern in patterns:
        if pattern == "-":
            yield from _guard("standard input", lambda: iter([_read_stdin()]))
            continue
        paths = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))
        if not paths:
            yield UnreadableError(
                f"{pattern} can't be read", "there is no such file", "Check the path"
            )
        for path in paths:
            yield from _guard(path, partial(_read_file, Path(path)))


def read_file(path: Path) -> str:
    """Return the text of one file that holds one text.

    Raises:
        UnreadableError: It holds none, several, or can't be read.
    """
    found = list(_read_file(path))
    if len(found) != 1 or isinstance(found[0], UnreadableError):
        if found and isinstance(found[0], UnreadableError):
            raise found[0]
        raise UnreadableError(f"{path} holds {len(found)} texts", "one is wanted here")
    return found[0].text


def _guard(
    name: str, read: Callable[[], Iterator[Reading | UnreadableError]]
) -> Iterator[Reading | UnreadableError]:
    try:
        yield from read()
    except UnreadableError as error:
        yield error
    except OSError as error:
        yield UnreadableError(f"{name} can't be read", error.strerror or type(error).__name__)


def _read_stdin() -> Reading:
    return Reading("standard input", _decode("standard input", sys.stdin.buffer.read(MOST_BYTES)))


def _read_file(path: Path) -> Iterator[Reading | UnreadableError]:
    if path.is_dir():
        raise UnreadableError(
            f"{path} can't be read", "it is a folder", f"Name its files: '{path}/*.md'"
        )
    kind = path.suffix.lower()
    if kind in (".jsonl", ".ndjson"):
        yield from _read_rows(path)
    elif kind == ".parquet":
        yield from _read_parquet(path)
    else:
        if path.stat().st_size > MOST_BYTES:
            raise UnreadableError(
                f"{path} can't be read", f"it has more than {MOST_BYTES >> 20} MiB", "Split it"
            )
        reader = _READERS.get(kind, _read_plain)
        text = reader(path)
        if not text.strip():
            raise UnreadableError(f"{path} can't be scored", "it holds no text")
        yield Reading(str(path), text)


def _read_plain(path: Path) -> str:
    return _decode(str(path), path.read_bytes())


def _decode(name: str, data: bytes) -> str:
    """Return text of UTF-8, or of UTF-16 where a mark says so.

    Raises:
        UnreadableError: It is another encoding, or no text at all.
    """
    if not data:
        raise UnreadableError(f"{name} can't be scored", "it is empty")
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if not marked and data[:8192].count(0) > 8:
        raise UnreadableError(f"{name} can't be read", "it is a binary file, not text")
    try:
        return data.decode("utf-16" if marked else "utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UnreadableError(
            f"{name} can't be read",
            f"it isn't {error.encoding.upper().replace('-SIG', '')} from byte {error.start:,} on",
            f"Convert it: iconv -f WINDOWS-1252 -t UTF-8 {name} > fixed.txt",
        ) from None


def _read_pandoc(path: Path) -> str:
    try:
        import pypandoc
    except ImportError:
        raise UnreadableError(
            f"{path} can't be read", f"{path.suffix} needs pandoc", _EXTRA
        ) from None
    kind = {".htm": "html", ".xhtml": "html"}.get(path.suffix.lower(), path.suffix.lower()[1:])
    try:
        arguments = ["--sandbox", "--wrap=none"]
        return str(pypandoc.convert_file(str(path), "gfm-raw_html", kind, extra_args=arguments))
    except (RuntimeError, OSError) as error:
        said = " ".join(str(error).split())[:200]
        raise UnreadableError(f"{path} can't be read", f"pandoc says: {said}") from None


def _read_pdf(path: Path) -> str:
    try:
        from pypdf import PdfReader
    except ImportError:
        raise UnreadableError(f"{path} can't be read", ".pdf needs pypdf", _EXTRA) from None
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it tells of all that it could mend
    try:
        pages = [page.extract_text() for page in PdfReader(path).pages]
    except OSError:
        raise
    except Exception as error:  # a damaged file leads pypdf to whatever there is
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnreadableError(f"{path} can't be read", f"the PDF is damaged: {said}") from None
    text = "\n\n".join(pages)
    if not text.strip():
        raise UnreadableError(
            f"{path} can't be scored", "its pages are pictures", "Read them with an OCR first"
        )
    return text


_READERS: Mapping[str, Callable[[Path], str]] = {
    **dict.fromkeys((".html", ".htm", ".xhtml", ".docx", ".epub", ".odt"), _read_pandoc),
    ".pdf": _read_pdf,
}


# --- rows ----------------------------------------------------------------------------------------


def _read_rows(path: Path) -> Iterator[Reading | UnreadableError]:
    with path.open("rb") as stream:
        count = 0
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            count += 1
            name = f"{path}:{number}"
            try:
                row = parse_json(line)
            except ValueError:
                yield UnreadableError(f"{name} can't be read", "the line isn't JSON")
                continue
            yield _take_row(name, row)
        if not count:
            raise UnreadableError(f"{path} can't be scored", "it is empty")


def _read_parquet(path: Path) -> Iterator[Reading | UnreadableError]:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise UnreadableError(f"{path} can't be read", ".parquet needs pyarrow", _EXTRA) from None
    try:
        table = parquet.ParquetFile(path)
        number = 0
        for batch in table.iter_batches(256):
            for row in batch.to_pylist():
                number += 1
                yield _take_row(f"{path}:{number}", row)
    except (ValueError, OSError) as error:  # what pyarrow raises are these
        said = " ".join(str(error).split())[:200]
        raise UnreadableError(f"{path} can't be read", f"no parquet file: {said}") from None
    if not number:
        raise UnreadableError(f"{path} can't be scored", "it has no rows")


def _take_row(name: str, row: Any) -> Reading | UnreadableError:
    """Return the text of a row: of its columns, or the last turn of a conversation."""
    if not isinstance(row, dict):
        return UnreadableError(f"{name} can't be read", "the row is no object")
    turns = next((row[key] for key in ("messages", "conversations") if row.get(key)), None)
    text = _text_of(next((row[key] for key in _TEXTS if row.get(key)), turns))
    prompt = _text_of(
        next((row[key] for key in PROMPT_COLUMNS if row.get(key)), _before_last(turns))
    )
    if not text.strip():
        return UnreadableError(
            f"{name} can't be scored", "the row has no text", f"Name it {_TEXTS[0]!r}"
        )
    others = {key: value for key, value in row.items() if key not in (*PROMPT_COLUMNS, *_TEXTS)}
    return Reading(name, text, prompt, others)


def _text_of(value: Any) -> str:
    """Return a plain text, or the last turn's."""
    while isinstance(value, (list, dict)) and value:
        if isinstance(value, list):
            value = value[-1]
        else:
            value = value.get("content") or value.get("value") or value.get("text")
    return value if isinstance(value, str) else ""


def _before_last(turns: Any) -> Any:
    return turns[:-1] if isinstance(turns, list) else None
