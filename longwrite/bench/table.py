"""The table that a benchmark ends in, and the interval that each of its means stands in.

A mean over some dozens of items says little without its spread, so none is printed alone: beside
it stand a bootstrap interval, the number of items, and how many of them could not be judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

RESAMPLES = 2_000
SEED = 20_240_808
"""Fixed, so that the same values always have the same interval."""
_CHUNK = 4_000_000
"""Values drawn at a time."""

ALL = "all"
"""The group that every item counts in."""


class Measured(Protocol):
    """What has values and belongs to groups."""

    @property
    def values(self) -> Mapping[str, float | None]: ...

    @property
    def groups(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table.

    Attributes:
        measure: What was measured.
        group: Of which items.
        mean: Over the items that have a value; None where none has.
        low: Lower end of the 95 % interval.
        high: Upper end.
        items: Items in the group, judged or not.
        unjudged: Those among them without a value.
    """

    measure: str
    group: str
    mean: float | None
    low: float | None
    high: float | None
    items: int
    unjudged: int


@dataclass(frozen=True, slots=True)
class Table:
    """What a benchmark found.

    Attributes:
        benchmark: Its name.
        counter: How words were counted.
        how: How the responses were made.
        judge: Who gave the verdicts, or ``none``.
        items: How many.
        figures: The lines.
        notes: What a reader has to know, a sentence each.
    """

    benchmark: str
    counter: str
    how: str
    judge: str
    items: int
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()


def find_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of a mean by the percentile bootstrap (Efron 1979).

    Raises:
        ValueError: There is no value.

    >>> find_interval([3.0])
    (3.0, 3.0)
    """
    import numpy as np

    if not values:
        raise ValueError("no value, no interval")
    rng = np.random.default_rng(SEED)
    sample = np.asarray(values, dtype=float)
    count = len(sample)
    step = max(1, _CHUNK // count)
    means = [
        sample[rng.integers(0, count, (min(step, RESAMPLES - done), count))].mean(axis=1)
        for done in range(0, RESAMPLES, step)
    ]
    low, high = np.quantile(np.concatenate(means), (0.025, 0.975))
    return float(low), float(high)


def tabulate(
    results: Sequence[Measured], measures: Iterable[str], groups: Iterable[str] = ()
) -> tuple[Figure, ...]:
    """Return each measure's mean over all items and over each group that has any.

    A measure that no item has a value for gets one line, which says so.
    """
    figures: list[Figure] = []
    groups = tuple(groups)
    for measure in measures:
        whole = _figure(measure, ALL, results)
        figures.append(whole)
        if whole.mean is None:
            continue
        parts = ((name, [one for one in results if name in one.groups]) for name in groups)
        figures += [_figure(measure, name, part) for name, part in parts if part]
    return tuple(figures)


def _figure(measure: str, group: str, results: Sequence[Measured]) -> Figure:
    given = (one.values.get(measure) for one in results)
    found = [value for value in given if value is not None]
    unjudged = len(results) - len(found)
    if not found:
        return Figure(measure, group, None, None, None, len(results), unjudged)
    low, high = find_interval(found)
    return Figure(measure, group, fmean(found), low, high, len(results), unjudged)


def render_table(table: Table) -> str:
    """Return a table as lines for a person."""
    lines = [
        f"{table.benchmark}: {table.items:,} item{'' if table.items == 1 else 's'}",
        f"  counter    {table.counter}",
        f"  responses  {table.how}",
        f"  judge      {table.judge}",
        *(f"  note       {note}" for note in table.notes),
        "",
    ]
    wide = max((len(figure.group) for figure in table.figures), default=0)
    long = max((len(figure.measure) for figure in table.figures), default=0)
    head = f"{'mean':>9}  {'95 % interval':<20}{'items':>7}{'not judged':>12}"
    lines.append(f"{'':<{long}}  {'':<{wide}}{head}")
    lines += [_line(figure, long, wide) for figure in table.figures]
    return "\n".join(lines)


def _line(figure: Figure, long: int, wide: int) -> str:
    span = "–"
    if figure.low is not None and figure.high is not None:
        span = f"[{_number(figure.low)}, {_number(figure.high)}]"
    mean = "–" if figure.mean is None else _number(figure.mean)
    name = f"{figure.measure:<{long}}  {figure.group:<{wide}}"
    return f"{name}{mean:>9}  {span:<20}{figure.items:>7,}{figure.unjudged:>12,}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.2f}"
