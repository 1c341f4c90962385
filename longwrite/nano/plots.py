"""The plots of the documentation, drawn from figures that a command has just measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from longwrite.nano.bound import Reach
from longwrite.nano.training import Point

_SIZE = (7.2, 4.2)


def plot_curve(points: Sequence[Point], path: Path) -> None:
    """Draw the loss of all stages, one after the other."""
    figure, axes = _draw()
    before = 0
    for stage in dict.fromkeys(point.stage for point in points):
        own = [point for point in points if point.stage == stage]
        axes.plot(
            [before + point.step for point in own], [point.loss for point in own], label=stage
        )
        before += own[-1].step
        axes.axvline(before, color="0.85", linewidth=1)
    axes.set(xlabel="step", ylabel="cross-entropy of the tokens learned (nats)", ylim=(0, None))
    axes.legend(frameon=False)
    _save(figure, path)


def plot_reach(reaches: Sequence[Reach], path: Path) -> None:
    """Draw what was written against what was asked for, a line for each training set."""
    figure, axes = _draw()
    most = max(reach.asked for reach in reaches)
    axes.plot([0, most], [0, most], color="0.7", linestyle=":", label="as asked")
    for number, cap in enumerate(sorted({reach.cap for reach in reaches})):
        own = [reach for reach in reaches if reach.cap == cap]
        asked = [reach.asked for reach in own]
        colour = f"C{number}"
        axes.plot(asked, [reach.median for reach in own], "o-", color=colour,
                  label=f"saw at most {cap:,} words")  # fmt: skip
        axes.fill_between(asked, [reach.least for reach in own], [reach.most for reach in own],
                          color=colour, alpha=0.15)  # fmt: skip
        axes.axhline(cap, color=colour, linewidth=0.6, linestyle="--")
    axes.set(xlabel="words asked for", ylabel="words written in one reply")
    axes.legend(frameon=False)
    _save(figure, path)


def _draw() -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE, layout="tight")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    # No date and fixed ids, so that the same figures make the same file.
    with matplotlib.rc_context({"svg.hashsalt": "longwrite"}):
        figure.savefig(path, format="svg", metadata={"Date": None})
