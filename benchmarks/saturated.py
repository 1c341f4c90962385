"""A server with more to do than it can at once: many documents, written as the command line does.

python -m benchmarks saturated

Both may have as many calls in flight; AgentWrite can use one for each of its documents. longwrite
opens as many documents as its batches do by default. The bars are those of the last row, where it
is the server that decides how much runs at once and no longer the client.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from benchmarks.engine.clock import run_virtual
from benchmarks.engine.modelled import ModelledEngine
from benchmarks.engine.tokens import count_tokens
from benchmarks.peers import PEERS
from benchmarks.run import TOKENS_PER_WORD, WISH, make_press
from benchmarks.table import Bar, lay_out, show_figure, show_judged
from longwrite.agent.budget import Budget
from longwrite.agent.settings import Settings
from longwrite.cli.batch import Row, write_rows
from longwrite.cli.ordering import Order
from longwrite.types import Brief

DOCUMENTS, TOKENS = 48, 13_000
_MOST_UNCACHED, _LEAST_GAIN = Bar("most", 0.8), Bar("least", 2.4)


def write_batch(words: int, documents: int, in_flight: int) -> tuple[float, ...]:
    """Return seconds a token and uncached prompt tokens a token of longwrite's batch.

    Args:
        words: Of each document.
        documents: How many.
        in_flight: Calls at the same time.
    """
    engine = ModelledEngine()
    settings = Settings(concurrency=in_flight)
    order = Order({}, Budget(), settings, quiet=True)
    briefs = (Brief(f"{WISH}, volume {n}", words, language="en") for n in range(documents))
    rows = [Row(number, {}, brief) for number, brief in enumerate(briefs, 1)]
    results: dict[int, dict[str, Any]] = {}

    async def write(folder: Path) -> None:
        press = make_press(engine, in_flight)
        await write_rows(order, rows, folder, press.models, press, in_flight, results)

    with tempfile.TemporaryDirectory() as folder:
        _, seconds = run_virtual(write(Path(folder)))
    return _sum_up(engine, seconds, [result["response"] for result in results.values()])


def write_peers(name: str, words: int, documents: int, in_flight: int) -> tuple[float, ...]:
    """Return the same of a peer, all its documents side by side as far as calls allow."""
    engine = ModelledEngine()
    places = asyncio.Semaphore(in_flight)

    async def write(number: int) -> str:
        # A document that goes on step by step is one call in flight.
        async with places:
            return await PEERS[name](f"{WISH}, volume {number}", words, engine, in_flight)

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*map(write, range(documents)))

    texts, seconds = run_virtual(all_of_them())
    return _sum_up(engine, seconds, texts)


def _sum_up(engine: ModelledEngine, seconds: float, texts: Sequence[str]) -> tuple[float, ...]:
    final = sum(map(count_tokens, texts))
    return seconds / final, sum(call.uncached for call in engine.calls) / final


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[32, 48, 128])
    given = parser.parse_args()
    words = round(given.tokens / TOKENS_PER_WORD)
    rows = []
    for in_flight in given.in_flight:
        slow, uncached = write_peers("AgentWrite", words, given.documents, in_flight)
        told = [str(in_flight), "AgentWrite"]
        rows.append([*told, f"{1 / slow:,.0f}", "1", show_figure(uncached)])
        each, uncached = write_batch(words, given.documents, in_flight)
        full = in_flight == max(given.in_flight)
        gain = show_judged(slow / each, _LEAST_GAIN if full else None)
        told = ["", "longwrite", f"{1 / each:,.0f}", gain]
        rows.append([*told, show_judged(uncached, _MOST_UNCACHED if full else None)])
    typer.echo(f"{given.documents} documents of {given.tokens:,} tokens:\n")
    head = ["calls in flight", "", "final tokens/s", "times AgentWrite", "uncached per final token"]
    typer.echo(lay_out(head, rows))


if __name__ == "__main__":
    main()
