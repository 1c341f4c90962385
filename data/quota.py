"""A set that is even over length, language, genre and kind of constraint.

What is easy to make would fill a set: short English essays with a length. So the set is a grid, and
a cell that is full takes no more. Lengths are bucketed by their logarithm, since twice as long is
the same step for a writer of 1,000 words as for one of 16,000.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from longwrite.data.filters import Reason, judged_text
from longwrite.data.rows import Row, Verdict
from longwrite.errors import UsageError
from longwrite.text import count_words
from longwrite.types import Json

LEAST, MOST = 1_000, 32_000
_MOST_BUCKETS = 1_000
FULL = "its cell of the quota grid is full"


@dataclass(frozen=True, slots=True)
class Cell:
    """A place in the grid.

    Attributes:
        low: Words of the bucket, from.
        high: Up to, not included; None where it has no end.
        language: Code, ``unknown`` where there is none.
        genre: In a word, ``unknown`` where there is none.
        kind: Of a constraint, ``none`` for rows without.
    """

    low: int
    high: int | None
    language: str
    genre: str
    kind: str

    def __str__(self) -> str:
        """Return it as a person reads it."""
        length = f"{self.low:,}–{self.high:,}" if self.high else f"{self.low:,} and more"
        return f"{length} words, {self.language}, {self.genre}, {self.kind}"


def cut_lengths(buckets: int, least: int = LEAST, most: int = MOST) -> tuple[int, ...]:
    """Return the bounds of buckets of the same ratio.

    >>> cut_lengths(5)
    (1000, 2000, 4000, 8000, 16000, 32000)
    """
    return tuple(round(least * (most / least) ** (n / buckets)) for n in range(buckets + 1))


class Quota:
    """A filter that takes rows until their cell is full, in the order in which they come.

    A row with constraints of several kinds counts for one: the kind whose cell has most room, the
    first by name among equals. So a rare kind is not crowded out by a common one beside it. Rows
    shorter or longer than the grid have buckets of their own.
    """

    def __init__(self, per_cell: int, buckets: int = 5) -> None:
        """Set the rows of a cell, and the buckets of length from 1,000 to 32,000 words.

        Raises:
            UsageError: One of them is not positive, or there are too many buckets.
        """
        if per_cell < 1 or not 1 <= buckets <= _MOST_BUCKETS:
            raise UsageError(
                "A quota can't be kept",
                f"it asks for {per_cell} rows a cell and {buckets} buckets of length",
                f"Give positive numbers, and at most {_MOST_BUCKETS} buckets.",
            )
        self._per_cell = per_cell
        self._bounds = cut_lengths(buckets)
        self._taken: dict[Cell, int] = {}
        self._refused: dict[Cell, int] = {}

    def __call__(self, row: Row) -> Verdict:
        """Take a row or tell that its cell is full; the detail of the reason is the cell."""
        cell = min(self.cells(row), key=lambda cell: (self._taken.get(cell, 0), cell.kind))
        taken = self._taken.get(cell, 0)
        if taken >= self._per_cell:
            self._refused[cell] = self._refused.get(cell, 0) + 1
            return False, Reason(FULL, str(cell))
        self._taken[cell] = taken + 1
        return True

    def cells(self, row: Row) -> tuple[Cell, ...]:
        """Return the cells that a row fits, by kind of constraint."""
        count = row.target if row.shape == "prompt" else count_words(judged_text(row))
        low, high = self._bucket(count or 0)
        kinds = sorted({one.kind for one in row.constraints}) or ["none"]
        language, genre = row.language or "unknown", row.genre or "unknown"
        return tuple(Cell(low, high, language, genre, kind) for kind in kinds)

    def _bucket(self, count: int) -> tuple[int, int | None]:
        bounds: Iterable[int] = (0, *self._bounds)
        low = max(bound for bound in bounds if bound <= max(0, count))
        return low, next((bound for bound in self._bounds if bound > count), None)

    def describe(self) -> list[dict[str, Json]]:
        """Return the cells that rows came for, each with its rows, its room and what it refused."""
        return [
            {
                **asdict(cell),
                "rows": self._taken.get(cell, 0),
                "wanted": self._per_cell,
                "refused": self._refused.get(cell, 0),
            }
            for cell in sorted(self._taken, key=lambda cell: (cell.low, str(cell)))
        ]
