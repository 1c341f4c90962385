"""DPO on stepwise pairs: passages that come near their lengths are preferred to shorter ones.

The start is the embedded model, fine-tuned on threads whose passages fall short, as those of models
do that were tuned on short answers. It writes each passage several times; the best goes on, the
worst is its rejected twin. What is measured are threads on unseen briefs, with the plans given.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from benchmarks.recipes.commands import NANO, call, train, write_rows
from benchmarks.recipes.passages import PassagePlanner, write_passages, write_short_threads
from benchmarks.recipes.report import Line, draw_change, show_difference, show_mean
from benchmarks.recipes.rollouts import Policy, average
from benchmarks.recipes.sets import ask_for_words
from longwrite.rewards.catalogue import read_composition
from longwrite.train.paired import compare_pairs, tell_paired

LENGTHS = (240, 300, 360)
REWARDS = "length=1"
_ROWS, _RATIO, _SPREAD = 800, 1 / 3, 0.3
_PROMPTS, _WIDTH = 100, 5
_BRIEFS, _SAMPLES = 60, 2
_PLANNER = f"{PassagePlanner.__module__}:{PassagePlanner.__name__}"


def run(work: Path, seed: int) -> dict[str, Any]:
    """Return what passages and documents are paid before and after."""
    threads = write_short_threads(f"dpo start:{seed}", _ROWS, LENGTHS, _RATIO, _SPREAD)
    rows = write_rows(work / "threads.jsonl", threads)
    start = train("sft", "dpo_start.yaml", NANO, rows, work / "start", seed)
    prompts = write_rows(work / "prompts.jsonl", ask_for_words(f"dpo:{seed}", _PROMPTS, LENGTHS))
    pairs = work / "pairs"
    call(
        "data", "build", "stepwise", "--prompts", str(prompts), "-o", str(pairs),
        "--model", str(start), "--seed", str(seed), "--temperature", "1", "--top-p", "1",
        "--concurrency", "32", "--mode", "thread", "--planner", _PLANNER,
        "--set", f"rewards={REWARDS}", "--set", f"width={_WIDTH}", "--set", "depth=1",
        "--set", "threshold=0", "--set", "memory=false", "--json",
    )  # fmt: skip
    tuned = train("dpo", "dpo.yaml", start, pairs, work / "dpo", seed)
    return measure(start, tuned, ask_for_words(f"dpo briefs:{seed}", _BRIEFS, LENGTHS), seed)


def measure(base: Path, tuned: Path, rows: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """Return what both models' documents, and their passages, are paid on the same briefs."""
    reward = read_composition(REWARDS)
    before, after = (
        write_passages(Policy.load(folder), rows, seed, _SAMPLES, reward)
        for folder in (base, tuned)
    )
    return {
        "passages": compare([one.passages for one in before], [one.passages for one in after]),
        "documents": compare([one.document for one in before], [one.document for one in after]),
    }


def compare(before: Sequence[float], after: Sequence[float]) -> dict[str, Any]:
    """Return the difference that was made, paired by brief."""
    return tell_paired(compare_pairs(average(before, _SAMPLES), average(after, _SAMPLES), best=1.0))


def show(figures: dict[str, Any]) -> str:
    """Return a seed's figures in a line."""
    return "; ".join(show_difference(name, figures[name]) for name in ("passages", "documents"))


def summarise(lines: Sequence[Line]) -> str:
    """Return what all seeds come to."""
    parts = [
        f"{name} {show_mean([line[name]['difference']['value'] for line in lines], '+.3f')}"
        for name in ("passages", "documents")
    ]
    return f"more by {', '.join(parts)}"


def draw(axes: Axes, lines: Sequence[Line]) -> None:
    """Draw what documents are paid."""
    draw_change(axes, lines, lambda line: line["documents"])
    axes.set_ylabel("whole-document reward")
