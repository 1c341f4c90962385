"""Real documents as a source of rows: read from files, folders or a data set, cut, shown in part.

What can't be read is told beside what can. A long document is cut only where one of its own
sections begins, and what a model isn't shown of it is said.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

from longwrite.errors import UsageError
from longwrite.reading import Reading, UnreadableError, read_texts
from longwrite.rewards.windows import draw_outline
from longwrite.scoring.sections import cut_sections
from longwrite.text import blocks, count_words, estimate_tokens

SUFFIXES = frozenset(
    {".txt", ".md", ".markdown", ".html", ".htm", ".xhtml", ".docx", ".epub", ".odt", ".pdf",
     ".jsonl", ".ndjson", ".parquet"}
)  # fmt: skip
"""Files of a folder that are read."""

_ROWS = frozenset({".jsonl", ".ndjson", ".parquet"})
"""Files of rows; what stands beside them in a folder tells of the set."""


def read_documents(patterns: Sequence[str]) -> Iterator[Reading | UnreadableError]:
    """Yield the texts of files, globs and whole folders, in a fixed order.

    Raises:
        UsageError: A path or glob names nothing.
    """
    yield from read_texts([str(path) for path in find_files(patterns)])


def read_answers(patterns: Sequence[str]) -> Iterator[Reading | UnreadableError]:
    """Yield texts with their prompts, in a fixed order; of a folder with rows only those.

    Raises:
        UsageError: A path or glob names nothing.
    """
    for pattern in patterns:
        found = find_files([pattern])
        rows = [path for path in found if path.suffix.lower() in _ROWS]
        yield from read_texts([str(path) for path in rows or found])


def find_files(patterns: Sequence[str]) -> list[Path]:
    """Return the files that paths and globs name, and those of whole folders, in a fixed order.

    Raises:
        UsageError: A path or glob names nothing.
    """
    paths: list[Path] = []
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES)
            found = [one for one in inside if one.is_file()]
        elif path.exists():
            found = [path]
        else:
            found = [Path(one) for one in sorted(glob.glob(pattern, recursive=True))]
        if not found:
            why = "it holds no text files" if path.is_dir() else "there is no such file or folder"
            raise UsageError(f"Can't read {pattern}", why, "Check the path in the recipe.")
        paths += found
    return paths


def read_dataset(
    name: str, config: str, split: str, column: str
) -> Iterator[Reading | UnreadableError]:
    """Yield the rows of a data set of the Hub, or of a folder that `datasets` reads, streamed.

    Raises:
        UsageError: `datasets` isn't installed, or can't load it.
    """
    try:
        datasets: Any = import_module("datasets")
    except ImportError:
        raise UsageError(
            f"Can't read the data set {name}",
            "datasets is not installed",
            "Install it: pip install 'longwrite[train]'",
        ) from None
    try:
        rows = datasets.load_dataset(name, config or None, split=split, streaming=True)
        for number, row in enumerate(rows):
            text = row.get(column)
            place = f"{name}:{split}:{number}"
            if isinstance(text, str) and text.strip():
                others = {key: value for key, value in row.items() if key != column}
                yield Reading(place, text, columns=others)
            else:
                yield UnreadableError(f"{place} can't be read", f"it has no text in {column!r}")
    except UsageError:
        raise
    except Exception as error:  # what datasets raises has no common class
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise UsageError(
            f"Can't read the data set {name}", said, "Check its name, config and split."
        ) from error


def cut_document(text: str, most: int) -> list[str]:
    """Cut a text into pieces of at most so many words, each beginning with a section of its own.

    As many sections as fit follow one another in a piece; a longer section is a piece by itself.
    What stands before the first section goes with it. A text without sections is one piece.

    Args:
        text: Markdown.
        most: Words of a piece; 0 for no limit.
    """
    spans = [span for _, span in cut_sections(text)] if most and count_words(text) > most else []
    if not spans:
        return [text.strip()]
    stops = [0, *(span.start for span in spans[1:]), len(text)]
    pieces: list[str] = []
    size = 0
    for start, end in pairwise(stops):
        section = text[start:end]
        words = count_words(section)
        if pieces and size + words <= most:
            pieces[-1] += section
            size += words
        else:
            pieces.append(section)
            size = words
    return [piece.strip() for piece in pieces]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What a model is shown of a document.

    Attributes:
        text: The whole, or its beginning and end with the outline between.
        words: Words of the document that are shown.
        of: Words of the document.
    """

    text: str
    words: int
    of: int

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self.words == self.of


def excerpt(text: str, tokens: int) -> Excerpt:
    """Return as much of a document as fits: all, or its beginning, its outline and its end."""
    words = count_words(text)
    if estimate_tokens(text) <= tokens:
        return Excerpt(text, words, words)
    outline, _ = draw_outline(text, tokens // 5)
    room = max(1, tokens - estimate_tokens(outline) - 60)
    pieces = [block.text for block in blocks(text)]
    head = _fill(pieces, room * 3 // 5, last=False)
    tail = _fill(pieces, room * 2 // 5, last=True)
    listed = f"(Its outline)\n{outline}\n\n" if outline else ""
    seen = min(words - 1, count_words(head) + count_words(tail))
    gap = f"(… {words - seen:,} words are not shown here.)"
    return Excerpt(f"{head}\n\n{gap}\n\n{listed}(Its end)\n\n{tail}", seen, words)


def _fill(pieces: Sequence[str], tokens: int, *, last: bool) -> str:
    taken: list[str] = []
    for piece in reversed(pieces) if last else pieces:
        cost = estimate_tokens(piece) + 1
        if cost > tokens:
            if not taken:
                cut = max(1, len(piece) * tokens // cost)
                taken.append(piece[-cut:] if last else piece[:cut])
            break
        taken.append(piece)
        tokens -= cost
    return "\n\n".join(reversed(taken) if last else taken)
