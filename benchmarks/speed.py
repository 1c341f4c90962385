"""How fast and how dear a document is at four lengths, longwrite and its peers on one engine.

python -m benchmarks speed              # both tables: exact lengths, then 30 % off either way
python -m benchmarks speed --noisy      # only the second
python -m benchmarks speed --sizes 2000 13000
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import typer

from benchmarks.engine.answers import EXACT, NOISY, Manner
from benchmarks.run import (
    AGENTWRITE,
    AUTO,
    COGWRITER,
    DAG,
    EPOCHS,
    STORM,
    THREAD,
    Taken,
    Way,
    measure,
    measure_depth,
)
from benchmarks.table import Bar, at_least, at_most, lay_out, show_judged

SIZES = (2_000, 13_000, 40_000, 130_000)
"""Tokens of the finished text."""

IN_FLIGHT, MORE = 32, 128
PEERS = (AGENTWRITE, COGWRITER, STORM)

_NONE: list[Bar | None] = [None, None, None, None]
_BARS: dict[tuple[str, str], list[Bar | None]] = {
    ("uncached", THREAD.name): at_most(None, 0.15, 0.11, 0.10),
    ("uncached", EPOCHS.name): at_most(None, None, 0.35, 0.80),
    ("uncached", DAG.name): at_most(None, 0.65, 0.55, 0.42),
    ("speed-up", AUTO.name): at_least(0.98, 4, 8.5, 15),
    ("speed-up at 128", AUTO.name): at_least(None, None, None, 19),
    ("depth", DAG.name): at_most(None, None, None, 5_500),
    ("largest", DAG.name): at_most(None, None, None, 6_000),
    ("written", AUTO.name): at_most(1.5, 1.45, 1.4, 1.38),
}


@dataclass(slots=True)
class Session:
    """Documents written so far, each once.

    Attributes:
        manner: How the engine keeps to lengths.
    """

    manner: Manner
    _taken: dict[tuple[Way, int, int], Taken] = field(default_factory=dict)

    def take(self, way: Way, tokens: int, in_flight: int = IN_FLIGHT) -> Taken:
        """Return what a document takes."""
        key = (way, tokens, in_flight)
        if key not in self._taken:
            self._taken[key] = measure(way, tokens, in_flight, self.manner)
        return self._taken[key]

    def speed_up(self, way: Way, tokens: int, in_flight: int = IN_FLIGHT) -> float:
        """Return how many times faster than AgentWrite a token is written."""
        slow, fast = self.take(AGENTWRITE, tokens, in_flight), self.take(way, tokens, in_flight)
        return (slow.seconds / slow.final) / (fast.seconds / fast.final)


def show(session: Session, sizes: Sequence[int]) -> str:
    """Return the table."""
    Measure = Callable[[Way, int], float]
    measures: dict[str, tuple[str, Measure, Sequence[Way]]] = {
        "uncached": (
            "uncached prompt tokens per final token",
            lambda way, size: session.take(way, size).uncached,
            (THREAD, EPOCHS, DAG, *PEERS),
        ),
        "speed-up": (
            f"speed-up over AgentWrite, {IN_FLIGHT} in flight",
            session.speed_up,
            (AUTO, THREAD, EPOCHS, COGWRITER, STORM),
        ),
        "speed-up at 128": (
            f"speed-up over AgentWrite, {MORE} in flight",
            lambda way, size: session.speed_up(way, size, MORE),
            (AUTO, COGWRITER, STORM),
        ),
        "depth": (
            "depth, tokens one after another",
            lambda way, size: measure_depth(way, size, session.manner),
            (DAG, THREAD, *PEERS),
        ),
        "largest": (
            "largest request with its answer, tokens",
            lambda way, size: session.take(way, size).largest,
            (DAG, THREAD, EPOCHS, *PEERS),
        ),
        "written": (
            "everything written per final token",
            lambda way, size: session.take(way, size).written,
            (AUTO, THREAD, EPOCHS, *PEERS),
        ),
        "seconds": (
            f"seconds, {IN_FLIGHT} in flight",
            lambda way, size: session.take(way, size).seconds,
            (AUTO, *PEERS),
        ),
    }
    rows = []
    for key, (title, figure, ways) in measures.items():
        for way in ways:
            bars = _BARS.get((key, way.name), _NONE) if session.manner == EXACT else _NONE
            named = dict(zip(SIZES, bars, strict=True))
            cells = [show_judged(figure(way, size), named.get(size)) for size in sizes]
            rows.append([title, way.name, *cells])
            title = ""
    defects = [show_defects(session.take(DAG, size)) for size in sizes]
    rows.append(["defects of the document", DAG.name, *defects])
    return lay_out(["", "", *(f"{size:,} tokens" for size in sizes)], rows)


def show_defects(taken: Taken) -> str:
    """Return what is wrong with a document, by kind."""
    return ", ".join(f"{count} {kind}" for kind, count in taken.defects.items()) or "none"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--exact", action="store_true", help="only the first table")
    parser.add_argument("--noisy", action="store_true", help="only the second table")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="TOKENS")
    given = parser.parse_args()
    if not given.noisy:
        typer.echo("An engine that writes exactly the words asked for:\n")
        typer.echo(show(Session(EXACT), given.sizes))
    if not given.exact:
        typer.echo("\nAn engine that misses every length by up to 30 %:\n")
        typer.echo(show(Session(NOISY), given.sizes))


if __name__ == "__main__":
    main()
