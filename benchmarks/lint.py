"""How fast a set is linted, and what memory a row of it takes.

python benchmarks/lint.py              # 10,000 rows of 1,000 words
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import tempfile
import time
import tracemalloc
from pathlib import Path

import typer

from longwrite.data.lint import LintOptions, lint

_SOUNDS = [onset + vowel for onset in "bdfghlmnprstvz" for vowel in "aeiou"]


def make_text(words: int, rng: random.Random, known: list[str], weights: list[float]) -> str:
    """Return paragraphs of made-up words, common ones more often."""
    row = rng.choices(known, cum_weights=weights, k=words)
    sentences = [" ".join(row[n : n + 14]).capitalize() + "." for n in range(0, words, 14)]
    return "\n\n".join(" ".join(sentences[n : n + 6]) for n in range(0, len(sentences), 6))


def write_set(path: Path, rows: int, words: int) -> None:
    """Write a clean set in which every other prompt states a length."""
    rng = random.Random(7)
    known = ["".join(rng.choices(_SOUNDS, k=rng.randint(2, 4))) for _ in range(9_000)]
    weights = [1.0]
    for rank in range(2, len(known) + 1):
        weights.append(weights[-1] + 1 / rank)
    with path.open("w", encoding="utf-8") as stream:
        for number in range(rows):
            length = f" of about {words:,} words" if number % 2 else ""
            prompt = f"Write an essay{length} about the {number}th harbour and its boats."
            text = make_text(words, rng, known, weights)
            stream.write(json.dumps({"prompt": prompt, "completion": text}) + "\n")


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def time_set(path: Path, cores: int, rows: int) -> None:
    """Print rows a second by the clock, and by the seconds that all processes together computed."""
    begun, used = time.perf_counter(), _cpu()
    report = lint(path, LintOptions(cores=cores))
    seconds, computed = time.perf_counter() - begun, _cpu() - used
    typer.echo(
        f"{rows:,} rows on {cores} core(s): {rows / seconds:,.0f} rows/s by the clock "
        f"({seconds:.1f} s); {1_000 * computed / rows:.2f} ms of computing a row, so "
        f"{cores * rows / computed:,.0f} rows/s on {cores} free core(s); "
        f"{report.errors} errors, {report.warnings} warnings"
    )


def measure_memory(folder: Path) -> None:
    """Print what a further row takes at its peak, from 1,000 to 10,000 rows of 50 words."""
    peaks = []
    for rows in (1_000, 10_000):
        path = folder / f"{rows}.jsonl"
        write_set(path, rows, 50)
        tracemalloc.start()
        lint(path, LintOptions(cores=1))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    each = (peaks[1] - peaks[0]) / 9_000
    typer.echo(f"memory at its peak: {peaks[1] / 2**20:.1f} MiB at 10,000 rows, {each:.0f} B a row")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--words", type=int, default=1_000)
    parser.add_argument("--cores", type=int, default=min(2, os.cpu_count() or 1))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.jsonl"
        write_set(path, given.rows, given.words)
        time_set(path, given.cores, given.rows)
        measure_memory(Path(folder))


if __name__ == "__main__":
    main()
