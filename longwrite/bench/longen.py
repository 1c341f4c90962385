"""LonGen: lengths asked for in four ways, in English and Chinese (Self-Lengthen, Quan et al. 2024).

About a number allows a fifth on either side, above it up to half more, below it down to half, and
a range is as it stands. Inside the score is 1; outside it falls on a line to 0.
See arXiv:2410.23933.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from longwrite.bench.benchmark import Item, ItemResult, Response
from longwrite.bench.rows import Row, RowError, load_items, prompt_of, text_of
from longwrite.bench.table import Table, tabulate
from longwrite.scoring.counters import find_counter
from longwrite.scoring.length import score_range

SHARES = {"about": (0.8, 1.2), "above": (1.0, 1.5), "below": (0.5, 1.0)}
"""Least and most words of each type, as shares of the number stated."""
TYPES = ("about", "range", "above", "below")

_NUMBER = re.compile(r"\d[\d,]{0,8}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A length as asked for.

    Attributes:
        kind: One of `TYPES`.
        low: Least words that score 1.
        high: Most words that do.
        language: Code of the language, as the file says.
    """

    kind: str
    low: int
    high: int
    language: str


class LonGen:
    """The benchmark; a row is ``{"language", "type", "constraint", "query"}``."""

    name = "longen"
    counter = "self_lengthen"
    verdicts = ()
    source = (
        "Name the items with --items: LonGen.jsonl, from the eval folder of the Self-Lengthen "
        "repository, with 'query', 'type', 'constraint' and 'language' on each line."
    )

    def load(self, path: Path) -> tuple[Item[Wanted], ...]:
        """Return the items of a file.

        Raises:
            UsageError: It can't be read, or a row asks for no length.
        """
        return load_items(path, self.source, _read)

    def score(self, item: Item[Wanted], response: Response) -> ItemResult:
        """Return how well the length is kept to, from 0 to 1."""
        wanted = item.asked
        delivered = find_counter(self.counter)(response.text)
        values = {
            "length": score_range(delivered, wanted.low, wanted.high),
            "words": float(delivered),
        }
        language = wanted.language
        groups = (wanted.kind, language, f"{language} {wanted.kind}") if language else ()
        return ItemResult(item.id, values, groups or (wanted.kind,))

    def summarise(self, results: Sequence[ItemResult], *, how: str, judge: str) -> Table:
        """Return the means by type, and where there are two languages by these and by both."""
        languages = sorted({one.groups[1] for one in results if len(one.groups) > 1})
        if len(languages) < 2:
            languages = []
        parts = [part for code in languages for part in (code, *(f"{code} {t}" for t in TYPES))]
        figures = tabulate(results, ("length", "words"), (*TYPES, *parts))
        return Table(self.name, self.counter, how, judge, len(results), figures)


def range_of(kind: str, numbers: Sequence[int]) -> tuple[int, int]:
    """Return the least and the most words of a constraint.

    Args:
        kind: One of `TYPES`.
        numbers: Those that the constraint states, in its order.

    Raises:
        ValueError: An unknown type, or not the numbers that it needs.

    >>> range_of("about", [4000]), range_of("above", [4000]), range_of("below", [4000])
    ((3200, 4800), (4000, 6000), (2000, 4000))
    """
    if kind == "range":
        low, high = numbers[:2]
        if not 0 < low <= high:
            raise ValueError("the range is empty")
        return low, high
    least, most = SHARES.get(kind, (0.0, 0.0))
    if not most or not numbers or not numbers[0]:
        raise ValueError("a type and a number are needed")
    return round(least * numbers[0]), round(most * numbers[0])


def _read(name: str, row: Row) -> Item[Wanted]:
    kind = text_of(row, "type")
    numbers = [
        int(digits.replace(",", "")) for digits in _NUMBER.findall(text_of(row, "constraint"))
    ]
    try:
        low, high = range_of(kind, numbers)
    except ValueError:
        raise RowError("has no 'type' and 'constraint' that state a length") from None
    wanted = Wanted(kind, low, high, text_of(row, "language"))
    return Item(name, prompt_of(row), wanted, (low + high) // 2)
