"""How far the soundness of a text agrees with a judge: rank correlation, with its interval.

python benchmarks/agreement.py FILE     # JSONL: response, judge_checklist_scores, target_words
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from longwrite.verdicts import score_text

Floats = NDArray[np.float64]

PARTS = ("soundness", "rep_4", "repeats", "types", "cohesion", "words")
"""What is compared: the composite, some of what it is made of, and the length alone."""


def rank(values: Floats) -> Floats:
    """Return the ranks, ties shared."""
    order = np.sort(values)
    left, right = np.searchsorted(order, values), np.searchsorted(order, values, "right")
    ranks: Floats = (left + right - 1) / 2
    return ranks


def correlate(left: Floats, right: Floats) -> float:
    """Return Spearman's rank correlation, nan without spread."""
    a, b = rank(left), rank(right)
    return float(np.corrcoef(a, b)[0, 1]) if a.std() and b.std() else float("nan")


def interval(left: Floats, right: Floats, times: int = 2_000) -> tuple[float, float]:
    """Return the 95 % bootstrap interval."""
    rng = np.random.default_rng(0)
    places = rng.integers(0, len(left), (times, len(left)))
    found = [correlate(left[row], right[row]) for row in places]
    low, high = np.nanpercentile(found, (2.5, 97.5))
    return float(low), float(high)


def main(path: str) -> None:
    """Print the table."""
    rows = [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]
    judged = np.array([np.mean(row["judge_checklist_scores"]) for row in rows])
    values: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        scored = score_text(row["response"])
        for name in PARTS:
            if name == "soundness":
                found = scored.report.soundness
            elif name == "words":
                found = scored.delivered
            else:
                found = scored.report.scores[name].value
            values[name].append(0.0 if found is None else found)
    targets = np.array([row["target_words"] for row in rows])
    typer.echo(f"{len(rows)} texts; Spearman with the judge's mean, 95 % interval")
    for name, row in values.items():
        column = np.array(row)
        low, high = interval(column, judged)
        fixed = "  ".join(
            f"{target:,}: {correlate(column[targets == target], judged[targets == target]):+.2f}"
            for target in sorted(set(targets.tolist()))
        )
        typer.echo(
            f"{name:<10} {correlate(column, judged):+.2f} ({low:+.2f} to {high:+.2f})  {fixed}"
        )


if __name__ == "__main__":
    main(sys.argv[1])
