"""How fast duplicates are found, and how much memory a row takes: 10,000 and 100,000 rows.

python benchmarks/dedup.py              # rows of about 1,000 words in five sections
python benchmarks/dedup.py --rows 10000

Only the filter is timed, not the making of the rows. Memory is what the process has grown by.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import typer

from longwrite.data.duplicates import Duplicates
from longwrite.data.rows import Row
from longwrite.types import Message

_SOUNDS = [onset + vowel for onset in "bdfghlmnprstvz" for vowel in "aeiou"]
_WORDS, _SECTIONS = 1_000, 5
_COPIES = 50
"""One row in so many is an earlier one with a word in twenty replaced."""
_BATCH = 1_000
"""Rows that are made together; figures are told at multiples of it."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run over some rows came to."""

    rows: int
    megabytes: float
    seconds: float
    cpu: float
    resident: int
    found: int
    copies: int


def make_rows(count: int, seed: int = 0) -> Iterator[tuple[Row, bool]]:
    """Yield rows of made-up words, common ones more often, each with whether it is a copy."""
    rng = np.random.default_rng(seed)
    known = np.array(
        ["".join(rng.choice(_SOUNDS, size)) for size in rng.integers(1, 5, 9_000)], dtype=object
    )
    chances = (1 / np.arange(1, len(known) + 1)).cumsum()
    chances /= chances[-1]
    earlier = known[:_WORDS]
    for number in range(count):
        words = known[np.searchsorted(chances, rng.random(_WORDS))]
        copy = number % _COPIES == _COPIES - 1
        if copy:
            changed = rng.random(_WORDS) < 0.05
            words = np.where(changed, words, earlier)
        elif number % _COPIES == 0:
            earlier = words
        parts = []
        for place, part in enumerate(np.array_split(words, _SECTIONS)):
            lines = [" ".join(part[at : at + 14]) + "." for at in range(0, len(part), 14)]
            parts.append(f"## Part {place + 1} of {number}\n\n" + " ".join(lines))
        prompt = (Message("user", f"Write about {words[0]} and {words[1]}, number {number}."),)
        yield Row(f"row-{number:08}", "completion", prompt, "\n\n".join(parts)), copy


def resident() -> int:
    """Return the bytes of memory that the process holds."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4_096


def run(counts: list[int]) -> list[Figures]:
    """Run the filter over rows and return figures as each count is reached."""
    duplicates = Duplicates()
    for row, _ in list(make_rows(_BATCH, seed=1)):  # tables that are made once, room for a batch
        Duplicates()(row)
    begun = resident()
    size = found = copies = 0
    seconds = cpu = 0.0
    figures = []
    source = make_rows(max(counts))
    number = 0
    while batch := list(islice(source, _BATCH)):
        wall, process = time.perf_counter(), time.process_time()
        found += sum(duplicates(row) is not True for row, _ in batch)
        seconds += time.perf_counter() - wall
        cpu += time.process_time() - process
        size += sum(len(row.completion.encode()) + len(row.request.encode()) for row, _ in batch)
        copies += sum(copy for _, copy in batch)
        number += len(batch)
        if number in counts:
            held = resident() - begun
            figures.append(Figures(number, size / 1e6, seconds, cpu, held, found, copies))
    return figures


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    before: Figures | None = None
    for one in run(sorted(parser.parse_args().rows)):
        typer.echo(
            f"{one.rows:,} rows, {one.megabytes:,.0f} MB: {one.megabytes / one.seconds:.1f} MB/s "
            f"({one.megabytes / one.cpu:.1f} MB a CPU second), "
            f"{one.resident / one.rows:,.0f} bytes a row; "
            f"{one.found:,} refused of {one.copies:,} copies"
        )
        if before is not None:
            grown = (one.resident - before.resident) / (one.rows - before.rows)
            typer.echo(f"  {grown:,.0f} bytes for each row beyond {before.rows:,}")
        before = one


if __name__ == "__main__":
    main()
