"""What every benchmark has: items to be answered, a score for an answer, a table of the scores.

    path -> load -> Item, Response -> score -> ItemResult -> summarise -> Table

Nothing is dropped on the way. An item without a response is scored as an empty text; a value that
could not be found, for want of a verdict that can be read, is None and counted beside the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from longwrite.bench.table import Table
from longwrite.types import Json

UNJUDGED = "unjudged"
"""Column in which a live judge says why it gave no verdict."""

T = TypeVar("T")
"""What a benchmark asks of one item besides its prompt."""


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """One task of a benchmark.

    Attributes:
        id: Its name, unique in its file: the file's own, or ``row 1`` and so on.
        prompt: What the model is given, word for word.
        asked: What the answer is held against.
        words: Words asked for, 0 where the file doesn't say; bounds a reply, never shown to it.
    """

    id: str
    prompt: str
    asked: T
    words: int = 0


@dataclass(frozen=True, slots=True)
class Response:
    """One answer, as it stood in a file.

    Attributes:
        text: The answer; empty where there is none.
        id: Of the item, where the file says.
        prompt: Of the item, where the file says.
        columns: The whole row, which may hold a judge's words.
        failed: Why there is no whole answer.
    """

    text: str = ""
    id: str = ""
    prompt: str = ""
    columns: Mapping[str, Json] = field(default_factory=dict)
    failed: str = ""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What one answer is worth.

    Attributes:
        id: The item's.
        values: By measure; None where it could not be found.
        groups: The groups of the table that it counts in, besides the whole.
        note: Why a value is None.
    """

    id: str
    values: Mapping[str, float | None]
    groups: tuple[str, ...] = ()
    note: str = ""


class Benchmark(Protocol[T]):
    """A benchmark.

    Attributes:
        name: On the command line.
        counter: How its words are counted; see `longwrite.scoring.counters`.
        verdicts: Columns of a response in which a judge's words may stand.
        source: A sentence on where its items are found.
    """

    @property
    def name(self) -> str: ...

    @property
    def counter(self) -> str: ...

    @property
    def verdicts(self) -> tuple[str, ...]: ...

    @property
    def source(self) -> str: ...

    def load(self, path: Path) -> tuple[Item[T], ...]:
        """Return the items of a file, in its order.

        Raises:
            UsageError: It can't be read, or a row is no item of this benchmark.
        """
        ...

    def score(self, item: Item[T], response: Response) -> ItemResult:
        """Return what an answer is worth."""
        ...

    def summarise(self, results: Sequence[ItemResult], *, how: str, judge: str) -> Table:
        """Return the table of many results.

        Args:
            results: One for each item.
            how: How the responses were made.
            judge: Who gave the verdicts, or ``none``.
        """
        ...
