"""GRPO: a model that ignores the length asked for learns to keep it, from the reward alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from benchmarks.recipes.commands import NANO, compare, pick_lines, train, write_rows
from benchmarks.recipes.report import Line, draw_change, show_gain, show_mean
from benchmarks.recipes.sets import Row, ask_for_words, narrow, write_heedless

LENGTHS = tuple(range(15, 46, 5))
WRITTEN = range(20, 101)
"""Words of the answers that the start is tuned on, whatever was asked."""

_ROWS, _PROMPTS, _BRIEFS, _SAMPLES = 1_600, 600, 60, 4
_MEASURES = ("length", "ended", "loop_free", "rep_4", "miss")


def run(work: Path, seed: int) -> dict[str, Any]:
    """Return what the length reward and its neighbours were before and after."""
    start = make_start(work, seed)
    prompts = write_rows(work / "prompts.jsonl", make_prompts(f"grpo:{seed}", _PROMPTS))
    tuned = train("grpo", "grpo.yaml", start, prompts, work / "grpo", seed)
    briefs = write_rows(work / "briefs.jsonl", make_prompts(f"grpo briefs:{seed}", _BRIEFS))
    comparison = compare(
        start, tuned, briefs, work / "compare", seed,
        "--samples", str(_SAMPLES), "--max-new-tokens", "224",
    )  # fmt: skip
    return pick_lines(comparison, *_MEASURES)


def make_prompts(seed: str, count: int) -> list[Row]:
    """Return prompts that ask for a narrow range of words."""
    return [{"prompt": narrow(one["prompt"])} for one in ask_for_words(seed, count, LENGTHS)]


def make_start(work: Path, seed: int) -> Path:
    """Return the model to begin with."""
    rows = write_heedless(f"heedless:{seed}", _ROWS, LENGTHS, WRITTEN)
    return train(
        "sft",
        "heedless.yaml",
        NANO,
        write_rows(work / "heedless.jsonl", rows),
        work / "start",
        seed,
    )


def show(figures: dict[str, Any]) -> str:
    """Return a seed's figures in a line."""
    return show_gain("length reward", figures["length"])


def summarise(lines: Sequence[Line]) -> str:
    """Return what all seeds come to."""
    return f"gain {show_mean([line['length']['gain']['value'] for line in lines], '.2f')}"


def draw(axes: Axes, lines: Sequence[Line]) -> None:
    """Draw the reward."""
    draw_change(axes, lines, lambda line: line["length"])
    axes.set_ylabel("length reward")
