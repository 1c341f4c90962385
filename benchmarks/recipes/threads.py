"""Plan-then-write GRPO against GRPO on single replies, with as many tokens drawn for each.

Both begin from the embedded model and get the same reward of the whole document. The runs are as
long as the tokens last: a plan and its sections take more of them than one reply does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from benchmarks.recipes.commands import NANO, train, write_rows
from benchmarks.recipes.report import Line, draw_change, show_difference, show_mean
from benchmarks.recipes.sets import Row, ask_for_words
from longwrite.rewards.catalogue import read_composition
from longwrite.train.paired import compare_pairs, tell_paired

LENGTHS = (60, 80, 100, 120)
REWARDS = "length=1, repetition=0.5"
_PROMPTS, _BRIEFS, _SAMPLES = 300, 24, 2
_STEPS = {"thread": 16, "reply": 50}
_REPLY_TOKENS = 320
_GROUP = 16


def run(work: Path, seed: int) -> dict[str, Any]:
    """Return what documents are paid before and after, both ways, and the tokens that it took."""
    prompts = write_rows(
        work / "prompts.jsonl", ask_for_words(f"threads:{seed}", _PROMPTS, LENGTHS)
    )
    ways = {
        "thread": ("--rollouts", "thread", "--plan_tokens", "128"),
        "reply": ("--rollouts", "reply", "--max_completion_length", str(_REPLY_TOKENS)),
    }
    tokens: dict[str, list[float]] = {}
    for way, options in ways.items():
        out = work / way
        train(
            "grpo", "threads.yaml", NANO, prompts, out, seed,
            "--max_steps", str(_STEPS[way]), *options,
        )  # fmt: skip
        tokens[way] = read_tokens(out)
    spent = min(sum(one) for one in tokens.values())
    rows = ask_for_words(f"threads briefs:{seed}", _BRIEFS, LENGTHS)
    figures: dict[str, Any] = {}
    for way in ways:
        folder, used = find_checkpoint(work / way, tokens[way], spent)
        before = measure(NANO, way, rows, seed)
        after = measure(folder, way, rows, seed)
        figures[way] = {
            **tell_paired(compare_pairs(before, after, best=1.0)),
            "checkpoint": folder.name,
            "tokens": used,
        }
    return figures


def read_tokens(folder: Path) -> list[float]:
    """Return the tokens that each step's completions had in all."""
    state = json.loads(max(folder.glob("checkpoint-*/trainer_state.json"), key=_step).read_text())
    return [
        _GROUP * log["completions/mean_length"]
        for log in state["log_history"]
        if "completions/mean_length" in log
    ]


def find_checkpoint(folder: Path, tokens: list[float], most: float) -> tuple[Path, float]:
    """Return the last checkpoint that was reached with so many tokens, and those it took."""
    reached = [
        (sum(tokens[: _step(path)]), path)
        for path in folder.glob("checkpoint-*/trainer_state.json")
        if sum(tokens[: _step(path)]) <= most
    ]
    used, path = max(reached)
    return path.parent, used


def _step(path: Path) -> int:
    return int(path.parent.name.rpartition("-")[2])


def measure(folder: Path, way: str, rows: list[Row], seed: int) -> list[float]:
    """Return what a model's documents are paid, a mean for each brief."""
    from benchmarks.recipes.rollouts import (
        Policy,
        average,
        pay_documents,
        pay_replies,
        write_documents,
        write_replies,
    )

    reward, policy = read_composition(REWARDS), Policy.load(folder)
    if way == "thread":
        paid = pay_documents(write_documents(policy, rows, seed, _SAMPLES), reward)
    else:
        replies = write_replies(policy, rows, seed, _SAMPLES, _REPLY_TOKENS)
        paid = pay_replies(replies, reward)
    return average(paid, _SAMPLES)


def show(figures: dict[str, Any]) -> str:
    """Return a seed's figures in a line."""
    return "; ".join(
        f"{show_difference(way, figures[way])} with {figures[way]['tokens']:,.0f} tokens"
        for way in ("thread", "reply")
    )


def summarise(lines: Sequence[Line]) -> str:
    """Return what all seeds come to."""
    parts = [
        f"{way} {show_mean([line[way]['difference']['value'] for line in lines], '+.3f')}"
        for way in ("thread", "reply")
    ]
    return f"more by {', '.join(parts)}"


def draw(axes: Axes, lines: Sequence[Line]) -> None:
    """Draw both ways side by side."""
    both = [{**line[way], "seed": f"{line['seed']}\n{way}"} for line in lines for way in _STEPS]
    draw_change(axes, both, lambda line: line)
    axes.set(ylabel="whole-document reward", ylim=(0, 1.1))
