"""LongBench-Write: does a text have the length asked for, and is it good (Bai et al. 2024).

S_l falls linearly on both sides of the length asked for and is 0 from four times as long and from
a third as long; S_q is a judge's six marks from 1 to 5, spread over 0 to 100. The published tables
cut the items by length, and so does this one. See arXiv:2408.07055.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from longwrite.bench.benchmark import UNJUDGED, Item, ItemResult, Response
from longwrite.bench.rows import Row, load_items, number_of, prompt_of, text_of, whole_number_of
from longwrite.bench.table import Table, tabulate
from longwrite.rewards.quality import DIMENSIONS
from longwrite.scoring.counters import find_counter
from longwrite.scoring.length import score_length
from longwrite.types import Json

BUCKETS = (
    (0, "[0, 500)"),
    (500, "[500, 2000)"),
    (2_000, "[2000, 4000)"),
    (4_000, "[4000, 20000]"),
    (20_001, "over 20000"),
)
"""Least length asked for, and name, of the groups; the last is not the benchmark's own."""

JUDGED = "s_q"
"""Column that holds a ready S_q, from 0 to 100."""
MARKS = ("scores", "quality", "judge_scores")
"""Columns that may hold the six marks."""


class LongBenchWrite:
    """The benchmark; a row is ``{"prompt", "type", "length"}``."""

    name = "longbench_write"
    counter = "longbench_write"
    verdicts = (JUDGED, *MARKS)
    source = (
        "Name the items with --items: longbench_write.jsonl, from the evaluation folder of the "
        "LongWriter repository, with a 'prompt' and a 'length' on each line."
    )

    def load(self, path: Path) -> tuple[Item[int], ...]:
        """Return the items of a file.

        Raises:
            UsageError: It can't be read, or a row has no prompt or no length.
        """
        return load_items(path, self.source, _read)

    def score(self, item: Item[int], response: Response) -> ItemResult:
        """Return S_l, S_q and their mean."""
        delivered = find_counter(self.counter)(response.text)
        length = 100 * score_length(delivered, item.asked)
        quality, note = find_quality(response)
        values = {
            "S_l": length,
            "S_q": quality,
            "S_mean": None if quality is None else (length + quality) / 2,
            "words": float(delivered),
        }
        return ItemResult(item.id, values, (bucket_of(item.asked),), note)

    def summarise(self, results: Sequence[ItemResult], *, how: str, judge: str) -> Table:
        """Return the means by length asked for; S_mean is over the items that have both."""
        figures = tabulate(results, ("S_l", "S_q", "S_mean", "words"), [n for _, n in BUCKETS])
        return Table(self.name, self.counter, how, judge, len(results), figures)


def bucket_of(asked: int) -> str:
    """Return the group of a length asked for.

    >>> bucket_of(499), bucket_of(500), bucket_of(20_000)
    ('[0, 500)', '[500, 2000)', '[4000, 20000]')
    """
    return next(name for least, name in reversed(BUCKETS) if asked >= least)


def find_quality(response: Response) -> tuple[float | None, str]:
    """Return S_q from what a judge said, or None and why there is none.

    The mean of the six marks m is taken to (m - 1) * 25. A mark that is missing or out of range
    leaves the answer unjudged; the published code takes a 3 for it.
    """
    if not response.text.strip():
        return None, "There is no response."
    if why := text_of(response.columns, UNJUDGED):
        return None, why
    if JUDGED in response.columns:
        ready = number_of(response.columns[JUDGED])
        if ready is None or not 0 <= ready <= 100:
            return None, "The judge's score is no number from 0 to 100."
        return ready, ""
    given = next((response.columns[key] for key in MARKS if key in response.columns), None)
    if given is None:
        return None, "No judge's scores are given."
    if not isinstance(given, dict):
        return None, "The judge's scores are no object."
    marks = _read_marks(given)
    missing = [name for name in DIMENSIONS if name not in marks]
    if missing:
        return None, f"The judge gave no mark from 1 to 5 for {', '.join(missing)}."
    return (fmean(marks[name] for name in DIMENSIONS) - 1) * 25, ""


def _read_marks(given: Mapping[str, Json]) -> dict[str, float]:
    """Return the usable marks by dimension, however the dimension's name is written."""
    found = {"_".join(key.lower().split()): number_of(value) for key, value in given.items()}
    return {key: mark for key, mark in found.items() if mark is not None and 1 <= mark <= 5}


def _read(name: str, row: Row) -> Item[int]:
    asked = whole_number_of(row, "length")
    return Item(name, prompt_of(row), asked, asked)
