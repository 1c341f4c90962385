"""How fast texts are scored: many of 10,000 words, one of a million, and the worst ones.

python benchmarks/scoring.py            # a tenth of the rows; --full for 1,000
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import typer

from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.trl import DEFAULT
from longwrite.scoring.analysis import Analysis
from longwrite.scoring.documents import read_document
from longwrite.scoring.measures import Wish, measure
from longwrite.verdicts import score_text

_SOUNDS = [onset + vowel for onset in "bdfghlmnprstvz" for vowel in "aeiou"]


def make_text(words: int, seed: int) -> str:
    """Return paragraphs of made-up words, common ones more often."""
    rng = random.Random(seed)
    known = ["".join(rng.choices(_SOUNDS, k=rng.randint(1, 4))) for _ in range(9_000)]
    weights = [1 / rank for rank in range(1, len(known) + 1)]
    row = rng.choices(known, weights, k=words)
    sentences = [" ".join(row[n : n + 14]).capitalize() + "." for n in range(0, words, 14)]
    paragraphs = [" ".join(sentences[n : n + 6]) for n in range(0, len(sentences), 6)]
    for n in range(0, len(paragraphs), 6):
        paragraphs[n] = f"## Part {n}\n\n{paragraphs[n]}"
    return "\n\n".join(paragraphs)


def time_rows(count: int) -> None:
    """Time the command on rows of 10,000 words, process start included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        with path.open("w", encoding="utf-8") as stream:
            for seed in range(count):
                row = {"prompt": "Write 10000 words.", "response": make_text(10_000, seed)}
                stream.write(json.dumps(row) + "\n")
        command = [sys.executable, "-m", "longwrite.cli.main", "score", str(path), "--quiet"]
        begun = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - begun
    typer.echo(f"longwrite score, {count:,} rows of 10,000 words: {seconds:.1f} s")


def median(work: Callable[[], object], times: int = 9) -> float:
    """Return the median seconds of some runs."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def time_compositions() -> None:
    """Time the default composition on fresh documents of 4,000 and of 10,000 words."""
    for words in (4_000, 10_000):
        typer.echo(f"default composition, {words:,} words: {time_composition(words):.1f} ms")


def time_composition(words: int) -> float:
    """Return the milliseconds of the default composition on documents of so many words."""
    brief = compile_brief(f"Write {words} words in English.")
    documents = iter([read_document(brief, make_text(words, seed)) for seed in range(12)])
    DEFAULT(brief, next(documents))
    return 1_000 * median(lambda: DEFAULT(brief, next(documents)))


def time_slope() -> None:
    """Time every measure from 10,000 to 1,000,000 words."""
    points = []
    for words in (10_000, 30_000, 100_000, 300_000, 1_000_000):
        text = make_text(words, 1)

        def work(text: str = text) -> object:
            return measure(Analysis(text), Wish())

        seconds = median(work, 3)
        points.append((math.log(words), math.log(seconds)))
        typer.echo(f"every measure, {words:,} words: {seconds:.3f} s")
    xs, ys = zip(*points, strict=True)
    slope = statistics.linear_regression(xs, ys).slope
    typer.echo(f"slope of log seconds over log words: {slope:.3f}")


def time_worst() -> None:
    """Time texts of 600 kB that were made to be slow."""
    fibonacci = ["a", "b"]
    while len(fibonacci[-1]) < 300_000:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    size = 600_000
    worst = {
        "one letter": "a" * size,
        "one word": "sea " * (size // 4),
        "a loop of a sentence": "The sea was calm and the boat was slow. " * (size // 40),
        "a Fibonacci word": " ".join(fibonacci[-1])[:size],
        "one giant paragraph": make_text(100_000, 1).replace("\n", " ")[:size],
        "Chinese without spaces": "那天海很平静他走了很久" * (size // 33),
        "emoji": "🙂" * (size // 4),
        "NULs": "\x00" * size,
        "line breaks": "\n" * size,
        "headings": "# a\n" * (size // 4),
        "quotes": '"' * size,
        "brackets": "[" * size,
        "full stops": "." * size,
        "pipes": "|" * size,
        "fences": "```\n" * (size // 4),
        "dashes": "-" * size,
        "capitals": "Ada Bo " * (size // 7),
        "empty": "",
    }
    for name, text in worst.items():
        begun = time.perf_counter()
        score_text(text)
        typer.echo(f"{name}, {len(text.encode()):,} bytes: {time.perf_counter() - begun:.3f} s")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="1,000 rows instead of 100")
    parser.add_argument("--only", choices=["rows", "composition", "slope", "worst"])
    given = parser.parse_args()
    works: dict[str, Callable[[], None]] = {
        "composition": time_compositions,
        "slope": time_slope,
        "worst": time_worst,
        "rows": lambda: time_rows(1_000 if given.full else 100),
    }
    for name, work in works.items():
        if given.only in (None, name):
            work()


if __name__ == "__main__":
    main()
