"""DPO on stepwise pairs: sections that keep to their plan are preferred to those that don't.

The start is the embedded model, fine-tuned on threads by its build. It writes each section of a
thread several times; the best goes on, the worst is its rejected twin. What is measured are
documents on unseen briefs, planned and written without any help.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from benchmarks.recipes.commands import NANO, call, train, write_rows
from benchmarks.recipes.report import Line, draw_change, show_difference, show_mean
from benchmarks.recipes.sets import ask_for_words
from longwrite.rewards.catalogue import read_composition
from longwrite.train.paired import compare_pairs, tell_paired

LENGTHS = (150, 200, 250)
REWARDS = "length=1"
_PROMPTS, _BRIEFS, _SAMPLES = 100, 40, 2


def run(work: Path, seed: int) -> dict[str, Any]:
    """Return what sections and documents are paid before and after."""
    prompts = write_rows(work / "prompts.jsonl", ask_for_words(f"dpo:{seed}", _PROMPTS, LENGTHS))
    pairs = work / "pairs"
    call(
        "data", "build", "stepwise", "--prompts", str(prompts), "-o", str(pairs),
        "--model", str(NANO), "--seed", str(seed), "--temperature", "0.8", "--top-p", "0.95",
        "--concurrency", "32", "--mode", "thread", "--set", f"rewards={REWARDS}",
        "--set", "width=5", "--set", "depth=1", "--set", "threshold=0", "--set", "memory=false",
        "--json",
    )  # fmt: skip
    tuned = train("dpo", "dpo.yaml", NANO, pairs, work / "dpo", seed)
    rows = ask_for_words(f"dpo briefs:{seed}", _BRIEFS, LENGTHS)
    return measure(NANO, tuned, rows, seed)


def measure(base: Path, tuned: Path, rows: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """Return what both models' documents, and their sections, are paid on the same briefs."""
    from benchmarks.recipes.rollouts import (
        Policy,
        average,
        pay_documents,
        pay_parts,
        write_documents,
    )

    reward = read_composition(REWARDS)
    paid: dict[str, list[list[float]]] = {"sections": [], "documents": []}
    plans = []
    for folder in (base, tuned):
        writings = write_documents(Policy.load(folder), rows, seed, _SAMPLES)
        paid["sections"].append(average(pay_parts(writings, reward), _SAMPLES))
        paid["documents"].append(average(pay_documents(writings, reward), _SAMPLES))
        plans.append(statistics.mean(one.plan is not None for one in writings))
    found = {
        name: tell_paired(compare_pairs(before, after, best=1.0))
        for name, (before, after) in paid.items()
    }
    return {**found, "plans_read": plans}


def show(figures: dict[str, Any]) -> str:
    """Return a seed's figures in a line."""
    return "; ".join(show_difference(name, figures[name]) for name in ("sections", "documents"))


def summarise(lines: Sequence[Line]) -> str:
    """Return what all seeds come to."""
    parts = [
        f"{name} {show_mean([line[name]['difference']['value'] for line in lines], '+.3f')}"
        for name in ("sections", "documents")
    ]
    return f"more by {', '.join(parts)}"


def draw(axes: Axes, lines: Sequence[Line]) -> None:
    """Draw what documents are paid."""
    draw_change(axes, lines, lambda line: line["documents"])
    axes.set_ylabel("whole-document reward")
