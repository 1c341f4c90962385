"""SFT: what a model writes in one reply is bounded by the longest answers that it was tuned on.

Two models from the same weights, the same words and steps: one tuned on answers of 40 to 200 words,
one on answers of 300 to 1,500. Both are asked for 1,200.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from benchmarks.recipes.commands import NANO, compare, pick_lines, train, write_rows
from benchmarks.recipes.report import Line, show_mean
from benchmarks.recipes.sets import ask_for_words, write_texts

SHORT, LONG, ASKED = 200, 1_500, 1_200
_WORDS, _BRIEFS = 190_000, 20
_SHORTEST = 5
"""Times that the shortest answer of a set goes into its longest."""


def run(work: Path, seed: int) -> dict[str, Any]:
    """Return the median words of the replies that ended and run in no loop, by both models."""
    tuned = {}
    for most in (SHORT, LONG):
        name = f"at-most-{most}"
        data = work / f"{name}.jsonl"
        if not data.is_file():
            write_rows(data, write_texts(f"sft:{seed}:{most}", _WORDS, most // _SHORTEST, most))
        tuned[most] = train("sft", "sft.yaml", NANO, data, work / name, seed)
    briefs = write_rows(
        work / "briefs.jsonl", ask_for_words(f"sft briefs:{seed}", _BRIEFS, (ASKED,))
    )
    comparison = compare(tuned[SHORT], tuned[LONG], briefs, work / "compare", seed)
    figures: dict[str, Any] = pick_lines(comparison, "words", "ended", "loop_free")
    medians = []
    for side in ("base", "tuned"):
        words = [one["sound_words"] for one in comparison[side]["replies"]]
        sound = [one for one in words if one is not None]
        medians.append(statistics.median(sound))
        figures[f"sound_{side}"] = {"replies": len(sound), "median": medians[-1]}
    return {**figures, "ratio": medians[1] / medians[0]}


def show(figures: dict[str, Any]) -> str:
    """Return a seed's figures in a line."""
    short, long = figures["sound_base"], figures["sound_tuned"]
    return (
        f"{short['median']:,.0f} words in {short['replies']} sound replies after answers of at "
        f"most {SHORT}, {long['median']:,.0f} in {long['replies']} after at most {LONG:,}: "
        f"{figures['ratio']:.1f} times"
    )


def summarise(lines: Sequence[Line]) -> str:
    """Return what all seeds come to."""
    return f"{show_mean([line['ratio'] for line in lines], '.1f')} times"


def draw(axes: Axes, lines: Sequence[Line]) -> None:
    """Draw the medians."""
    for place, line in enumerate(lines):
        for side, shade, shift in (("base", "0.6", -0.2), ("tuned", "C0", 0.2)):
            axes.bar(place + shift, line[f"sound_{side}"]["median"], 0.35, color=shade)
    axes.axhline(ASKED, color="0.7", linestyle=":")
    axes.set_xticks(range(len(lines)), [f"seed {line['seed']}" for line in lines])
    axes.set_ylabel(f"words after rows of ≤ {SHORT}, ≤ {LONG:,}")
