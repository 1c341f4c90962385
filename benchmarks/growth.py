"""How cost, depth and time grow from 2,000 tokens to 1,000,000 words.

python -m benchmarks growth                         # the table
python -m benchmarks growth --plot docs/growth.svg  # and the plot; needs matplotlib

AgentWrite ends where the machine can't hold its prompt any more.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from benchmarks.engine.machine import H100
from benchmarks.run import AGENTWRITE, AUTO, COGWRITER, STORM, Taken, Way, measure, measure_depth
from benchmarks.table import lay_out, show_figure

SIZES = (2_000, 6_000, 13_000, 40_000, 130_000, 400_000, 1_350_000)
IN_FLIGHT = 32
_FIGURES: dict[str, Callable[[Taken], float]] = {
    "uncached prompt tokens per final token": lambda taken: taken.uncached,
    "everything written per final token": lambda taken: taken.written,
    "seconds, 32 in flight": lambda taken: taken.seconds,
}
_DEPTH = "depth, tokens one after another"
_ENDS = {AGENTWRITE.name: H100.capacity // 2, COGWRITER.name: 400_000, STORM.name: 400_000}
"""Final tokens up to which a peer is asked; two of them for the time that the model takes."""

_WAYS = (AUTO, AGENTWRITE, COGWRITER, STORM)

Curves = dict[str, dict[str, list[tuple[int, float]]]]


def follow_growth(sizes: tuple[int, ...]) -> Curves:
    """Return figure -> way -> points of (final tokens, value)."""
    curves: Curves = {}
    for way in _WAYS:
        for size in sizes:
            if size <= _ENDS.get(way.name, size):
                _add_points(curves, way, size)
    return curves


def _add_points(curves: Curves, way: Way, size: int) -> None:
    taken = measure(way, size, IN_FLIGHT)
    found = {name: figure(taken) for name, figure in _FIGURES.items()}
    found[_DEPTH] = measure_depth(way, size)
    for name, value in found.items():
        curves.setdefault(name, {}).setdefault(way.name, []).append((size, value))


def show(curves: Curves, sizes: tuple[int, ...]) -> str:
    """Return the table."""
    rows = []
    for name, ways in curves.items():
        title = name
        for way, points in ways.items():
            known = dict(points)
            cells = [show_figure(known[size]) if size in known else "–" for size in sizes]
            rows.append([title, way, *cells])
            title = ""
    return lay_out(["", "", *(f"{size:,} tokens" for size in sizes)], rows)


def plot(curves: Curves, path: Path) -> None:
    """Draw the curves, both axes by powers of ten."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "growth"  # the same file every time
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(2, 2, figsize=(10, 7))
    panel: Any
    for panel, (name, ways) in zip(panels.flat, curves.items(), strict=True):
        for way, points in ways.items():
            panel.loglog(*zip(*points, strict=True), marker="o", markersize=3, label=way)
        panel.set_title(name, fontsize=10)
        panel.set_xlabel("final tokens", fontsize=8)
        panel.grid(alpha=0.3)
    panels.flat[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Print the table, and draw it where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="TOKENS")
    parser.add_argument("--plot", type=Path, help="an .svg file to draw")
    given = parser.parse_args()
    sizes = tuple(given.sizes)
    curves = follow_growth(sizes)
    typer.echo(show(curves, sizes))
    if given.plot:
        plot(curves, given.plot)


if __name__ == "__main__":
    main()
