"""GRPO on composed rewards: a length, a number of paragraphs and a word to be mentioned."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from benchmarks.recipes.commands import NANO, compare, pick_lines, train, write_rows
from benchmarks.recipes.grpo_length import LENGTHS, WRITTEN
from benchmarks.recipes.report import Line, draw_change, show_gain, show_mean
from benchmarks.recipes.sets import LENGTH, Row, ask_for_words, narrow, write_heedless
from longwrite.text import sentences
from longwrite.train.paired import compare_pairs, tell_paired

_ROWS, _PROMPTS, _BRIEFS, _SAMPLES = 1_600, 600, 60, 4
_PARAGRAPHS = (2, 3, 4)
_MEASURES = ("length", "constraints", "ended", "loop_free", "rep_4", "covered_10")


def ask(rng: random.Random, prompt: str) -> str:
    """Return a prompt that requires a length, a number of paragraphs and a word."""
    about = prompt.partition(" about ")[2].partition(f".{LENGTH}")[0].split()
    word = max(about, key=len)
    return (
        f'{prompt} Write exactly {rng.choice(_PARAGRAPHS)} paragraphs. Mention the word "{word}".'
    )


def make_prompts(seed: str, count: int) -> list[Row]:
    """Return so many of them."""
    rng = random.Random(seed)
    asked = ask_for_words(seed, count, LENGTHS)
    return [{"prompt": ask(rng, narrow(one["prompt"]))} for one in asked]


def make_heedless(seed: str, count: int) -> list[Row]:
    """Return rows whose answers keep to the subject and to nothing else that is asked."""
    rng = random.Random(seed)
    return [
        {"prompt": ask(rng, row["prompt"]), "completion": divide(rng, row["completion"])}
        for row in write_heedless(seed, count, LENGTHS, WRITTEN)
    ]


def divide(rng: random.Random, text: str) -> str:
    """Return a text in one to four paragraphs."""
    parts = [part.strip() for part in sentences(" ".join(text.split()))]
    count = min(len(parts), rng.randint(1, 4))
    places = [0, *sorted(rng.sample(range(1, len(parts)), count - 1)), len(parts)]
    return "\n\n".join(" ".join(parts[start:end]) for start, end in pairwise(places))


def run(work: Path, seed: int) -> dict[str, Any]:
    """Return the composed reward, its parts and what is repeated, before and after."""
    heedless = write_rows(work / "heedless.jsonl", make_heedless(f"heedless:{seed}", _ROWS))
    start = train("sft", "heedless.yaml", NANO, heedless, work / "start", seed)
    prompts = write_rows(work / "prompts.jsonl", make_prompts(f"grpo:{seed}", _PROMPTS))
    tuned = train("grpo", "grpo_constraints.yaml", start, prompts, work / "grpo", seed)
    briefs = write_rows(work / "briefs.jsonl", make_prompts(f"grpo briefs:{seed}", _BRIEFS))
    comparison = compare(
        start, tuned, briefs, work / "compare", seed,
        "--samples", str(_SAMPLES), "--max-new-tokens", "224",
    )  # fmt: skip
    sides = [_compose(comparison[side]["replies"]) for side in ("base", "tuned")]
    composed = tell_paired(compare_pairs(sides[0], sides[1], best=1.0))
    return {"composed": composed, **pick_lines(comparison, *_MEASURES)}


def _compose(replies: list[dict[str, Any]]) -> list[float]:
    """Return the reward that was trained on, a mean for each brief; 0 for what was cut."""
    found: dict[int, list[float]] = {}
    for one in replies:
        value = (one["length"] + one["constraints"]) / 2 if one["ended"] else 0.0
        found.setdefault(one["brief"], []).append(value)
    return [statistics.mean(values) for _, values in sorted(found.items())]


def show(figures: dict[str, Any]) -> str:
    """Return a seed's figures in a line."""
    parts = [show_gain(name, figures[name]) for name in ("composed", "length", "constraints")]
    rep = figures["rep_4"]
    return "; ".join(parts) + f"; rep-4 {rep['before']['value']:.3f} to {rep['after']['value']:.3f}"


def summarise(lines: Sequence[Line]) -> str:
    """Return what all seeds come to."""
    parts = [
        f"{name} {show_mean([line[name]['gain']['value'] for line in lines], '.2f')}"
        for name in ("composed", "length", "constraints")
    ]
    return f"gains: {', '.join(parts)}"


def draw(axes: Axes, lines: Sequence[Line]) -> None:
    """Draw the reward."""
    draw_change(axes, lines, lambda line: line["composed"])
    axes.set_ylabel("composed reward")
