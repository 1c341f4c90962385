"""Near-duplicates within a document: chapters side by side against one conversation.

python -m benchmarks duplicates             # 5 briefs x 3 seeds, by the embedded model; minutes
python -m benchmarks duplicates --briefs 2 --seeds 1

A paragraph of at least 20 words is a near-duplicate when an earlier one shares half of their runs
of three words (Jaccard). What is paid for speed would show here first.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

import typer

from benchmarks.table import lay_out
from longwrite.agent.settings import Settings
from longwrite.api import open_press, write_run
from longwrite.engines.choice import Choice
from longwrite.rewards.briefs import compile_brief
from longwrite.scoring.repetition import duplicated_coverage
from longwrite.text import blocks, words

BRIEFS = (
    "A handbook on keeping a small harbour",
    "A history of salt and of those who traded it",
    "A guide to beekeeping for beginners",
    "A story about a lighthouse keeper and a storm",
    "A report on night buses in a small town",
)
WORDS, SEEDS = 5_000, 3
_SHINGLE, _LEAST, _SAME = 3, 20, 0.5


def near_duplicates(text: str) -> float:
    r"""Return the share of a text's paragraphs that nearly repeat an earlier one.

    >>> one = "The tide came in over the flats and the men went home with their nets " * 2
    >>> near_duplicates(f"{one}\n\n{one}again")
    0.5
    """
    seen: list[set[tuple[str, ...]]] = []
    again = 0
    for block in blocks(text):
        row = words(block.text)
        if block.kind != "paragraph" or len(row) < _LEAST:
            continue
        runs = {tuple(row[n : n + _SHINGLE]) for n in range(len(row) - _SHINGLE + 1)}
        again += any(len(runs & other) >= _SAME * len(runs | other) for other in seen)
        seen.append(runs)
    return again / max(1, len(seen))


async def _write(prompt: str, mode: str, seed: int, length: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        press = await open_press({"write": Choice("nano", in_flight=4)})
        try:
            settings = Settings(mode=mode, seed=seed, concurrency=4)
            brief = compile_brief(prompt, words=length)
            return (await write_run(Path(folder) / "run", press, brief, settings)).markdown
        finally:
            await press.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--briefs", type=int, default=len(BRIEFS))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--words", type=int, default=WORDS)
    given = parser.parse_args()
    rates: dict[str, list[tuple[float, float]]] = {"dag": [], "thread": []}
    for prompt in BRIEFS[: given.briefs]:
        for seed in range(given.seeds):
            for mode, found in rates.items():
                text = asyncio.run(_write(prompt, mode, seed, given.words))
                once = duplicated_coverage(text).value
                found.append((near_duplicates(text), 1.0 - (1.0 if once is None else once)))
    rows = [
        [mode, *(f"{statistics.mean(values):.4f}" for values in zip(*found, strict=True))]
        for mode, found in rates.items()
    ]
    documents = given.briefs * given.seeds
    typer.echo(f"{documents} documents of {given.words:,} words in each mode, means:\n")
    head = ["", "near-duplicate paragraphs", "words in 10-grams that come twice"]
    typer.echo(lay_out(head, rows))
    dag, thread = (statistics.mean(rate for rate, _ in rates[mode]) for mode in rates)
    typer.echo(f"\ndag not higher than thread: {'yes' if dag <= thread else 'NO'}")


if __name__ == "__main__":
    main()
