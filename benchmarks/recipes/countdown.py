"""LDPE: a model that is told how many tokens remain ends where the count does.

The prompts state no length, so nothing but the count can tell it. On briefs that it never saw it is
asked for 50 to 400 tokens through the engine `local`, at temperature 1, and for nothing at all.
"""

from __future__ import annotations

import asyncio
import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from benchmarks.recipes.commands import NANO, train, write_rows
from benchmarks.recipes.report import Line, show_mean
from benchmarks.recipes.sets import LENGTH, Row
from longwrite.engines.local import LocalEngine
from longwrite.nano.bound import write_pair
from longwrite.scoring.endings import is_truncated
from longwrite.text import count_words
from longwrite.types import Message, Request, Sampling

TARGETS = (50, 100, 150, 200, 250, 300, 350, 400)
_WORDS, _BRIEFS = 900_000, 20
_SHORT, _LONG, _SHORT_SHARE = (12, 40), (28, 340), 0.6
_CAP = 800


@dataclass(frozen=True, slots=True)
class Written:
    """A reply to a held-out brief.

    Attributes:
        target: Tokens asked for; 0 for none.
        tokens: Tokens written.
        words: Words written.
        asked: Words that the target comes to.
        ended: Whether it ended itself.
        whole: Whether its last sentence is complete.
    """

    target: int
    tokens: int
    words: int
    asked: float
    ended: bool
    whole: bool


def run(work: Path, seed: int) -> dict[str, Any]:
    """Return how far from its target a reply ends, by target and over all."""
    data = work / "rows.jsonl"
    if not data.is_file():
        write_rows(data, make_rows(f"countdown:{seed}"))
    tuned = train("sft", "countdown.yaml", NANO, data, work / "countdown", seed)
    written = asyncio.run(measure(tuned, seed))
    told = [one for one in written if one.target]
    free = [one.tokens for one in written if not one.target]
    return {
        "all": tell(told),
        "targets": {
            str(target): tell([one for one in told if one.target == target]) for target in TARGETS
        },
        "untold": {"median": statistics.median(free), "least": min(free), "most": max(free)},
    }


def make_rows(seed: str) -> list[Row]:
    """Return rows of prompts that state no length, and answers of any."""
    rng = random.Random(seed)
    rows: list[Row] = []
    total = 0
    while total < _WORDS:
        prompt, answer = write_pair(rng, _draw_words(rng))
        rows.append({"prompt": prompt.content.partition(LENGTH)[0], "completion": answer.content})
        total += count_words(answer.content)
    return rows


def _draw_words(rng: random.Random) -> int:
    if rng.random() < _SHORT_SHARE:
        return rng.randint(*_SHORT)
    shortest, longest = _LONG
    return round(shortest * math.pow(longest / shortest, rng.random()))


async def measure(folder: Path, seed: int) -> list[Written]:
    """Return what a tuned model writes to each target, and to none, on unseen briefs."""
    engine = await LocalEngine.open(folder, device="cpu", batch=32)
    rate = engine.countdown.tokens_per_word if engine.countdown else 0.0
    rng = random.Random(f"held-out:{seed}")
    asked = [write_pair(rng, 100, answer=False)[0].content for _ in range(_BRIEFS)]
    prompts = [Message("user", one.partition(LENGTH)[0]) for one in asked]

    async def write(prompt: Message, target: int, number: int) -> Written:
        extra = {"target_tokens": target} if target else {}
        sampling = Sampling(_CAP, 1.0, 1.0, seed * 1_000 + number, extra)
        reply = await engine.generate(Request((prompt,), sampling))
        ended = reply.finish == "stop"
        tokens = (reply.usage.completion or 0) - ended
        whole = ended and not is_truncated(reply.text)
        return Written(target, tokens, count_words(reply.text), target / rate, ended, whole)

    try:
        # By target, so that the rows of a batch are about as long.
        calls = [
            write(prompt, target, number)
            for target in (*TARGETS, 0)
            for number, prompt in enumerate(prompts)
        ]
        return list(await asyncio.gather(*calls))
    finally:
        await engine.close()


def tell(written: Sequence[Written]) -> dict[str, float]:
    """Return the errors of some replies."""
    errors = [abs(one.tokens - one.target) for one in written]
    return {
        "error": statistics.mean(errors),
        "largest": max(errors),
        "within_3": statistics.mean(error <= 3 for error in errors),
        "error_words": statistics.mean(abs(one.words - one.asked) for one in written),
        "ended": statistics.mean(one.ended for one in written),
        "whole": statistics.mean(one.whole for one in written),
    }


def show(figures: dict[str, Any]) -> str:
    """Return a seed's figures in a line."""
    found, free = figures["all"], figures["untold"]
    by = ", ".join(f"{target}: {one['error']:.1f}" for target, one in figures["targets"].items())
    return (
        f"mean error {found['error']:.2f} tokens ({by}), {found['error_words']:.1f} words; largest "
        f"{found['largest']}, {found['within_3']:.0%} within 3, {found['whole']:.0%} with a whole "
        f"last sentence; without a target {free['least']} to {free['most']} tokens"
    )


def summarise(lines: Sequence[Line]) -> str:
    """Return what all seeds come to."""
    tokens = show_mean([line["all"]["error"] for line in lines], ".2f")
    words = show_mean([line["all"]["error_words"] for line in lines], ".1f")
    return f"{tokens} tokens, {words} words"


def draw(axes: Axes, lines: Sequence[Line]) -> None:
    """Draw the error by target."""
    for line in lines:
        errors = [line["targets"][str(target)]["error"] for target in TARGETS]
        axes.plot(TARGETS, errors, marker="o", label=f"seed {line['seed']}")
    axes.axhline(3, color="0.7", linestyle=":")
    axes.set(xlabel="target, tokens", ylabel="mean error, tokens", ylim=(0, None))
    axes.legend(frameon=False)
