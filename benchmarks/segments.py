"""What rows that wait for the longest one cost, whole completions against segments.

python -m benchmarks.segments                     # 16 x 8 rows, three spreads of lengths
python -m benchmarks.segments --batch 128x8 --steps 50

No model is run: the pool and the schedule are the trainer's own, lengths are scripted, each row's
drawn for itself and cut at the limit. A call decodes as many positions as its longest row has
tokens left to draw; at each of them a row of the batch gets a token or is idle. Plain and segments
see the same lengths in the same order and train on as many groups.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import typer

from longwrite.train.segments import Place, SegmentPool, decode_batch

_LIMIT = 512
"""Most tokens of a completion; stands for any limit."""
_STOP, _TOKEN = 0, 1

_COLUMNS = (
    "lengths", "segments", "positions a step", "times fewer", "idle", "idle saved", "calls a step",
    "read again", "older tokens", "steps old", "first step",
)  # fmt: skip
_LEGEND = """
positions a step  decoded one after the other, as a share of the limit
times fewer       than plain GRPO, which is one segment
idle              share of positions x rows at which a row had ended and waited
idle saved        of plain GRPO's idle positions for each token
read again        tokens that a row went on from, for each token of a batch
older tokens      share of a batch's tokens that were sampled before the step
steps old         of all tokens on average / at most
first step        mean length of the first batch, as a share of all batches'"""


def _draw_heavy(random: np.random.Generator, size: int) -> np.ndarray:
    return _LIMIT / 8 * random.lognormal(0.0, 1.0, size)


def _draw_uniform(random: np.random.Generator, size: int) -> np.ndarray:
    return random.uniform(0.0, _LIMIT, size)


def _draw_bimodal(random: np.random.Generator, size: int) -> np.ndarray:
    long = random.random(size) < 0.1
    return _LIMIT * np.where(long, random.normal(0.9, 0.05, size), random.normal(0.1, 0.03, size))


_SPREADS: Mapping[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "heavy-tailed": _draw_heavy, "uniform": _draw_uniform, "bimodal": _draw_bimodal,
}  # fmt: skip
"""Lognormal with its median at 1/8 of the limit and sigma 1; flat up to the limit; nine rows around
0.1 of the limit to one around 0.9."""


class Lengths:
    """The length of each completion, the same whoever asks."""

    def __init__(self, spread: str, size: int, seed: int) -> None:
        """Choose a spread, the completions of a group and a seed."""
        self.spread, self.size, self.seed = spread, size, seed
        self._known: dict[int, list[int]] = {}

    def __getitem__(self, group: int) -> list[int]:
        """Return the lengths of a group's completions."""
        if group not in self._known:
            drawn = _SPREADS[self.spread](np.random.default_rng((self.seed, group)), self.size)
            self._known[group] = np.clip(np.ceil(drawn), 1, _LIMIT).astype(int).tolist()
        return self._known[group]


@dataclass(frozen=True, slots=True)
class Figures:
    """What some steps came to.

    Attributes:
        positions: Decoded one after the other.
        tokens: Decoded in all rows.
        slots: Positions times rows.
        calls: Of ``generate``.
        read: Tokens that rows went on from.
        ages: Tokens of the batches by the steps that they are old.
        sizes: Tokens of each batch.
    """

    positions: int
    tokens: int
    slots: int
    calls: int
    read: int
    ages: Counter[int]
    sizes: list[int]

    @property
    def waste(self) -> float:
        """Idle positions of rows for each token."""
        return (self.slots - self.tokens) / self.tokens


def run(lengths: Lengths, count: int, steps: int, segment: int) -> Figures:
    """Decode batches of a number of groups; with a segment of the limit that is plain GRPO."""
    pool = SegmentPool(lengths.size, _LIMIT, [_STOP])
    positions = calls = read = tokens = step = 0
    ages: Counter[int] = Counter()
    sampled: dict[int, Counter[int]] = defaultdict(Counter)
    sizes: list[int] = []

    def draw(running: Sequence[Place], room: int) -> list[list[int]]:
        nonlocal positions, read, tokens
        drawn = []
        for place in running:
            start, end = len(pool[place].tokens), lengths[place.group][place.completion]
            fresh = min(room, end - start)
            drawn.append([_TOKEN] * (fresh - 1) + [_STOP if start + fresh == end else _TOKEN])
            read += start
            sampled[place.group][step] += fresh
        positions += max(map(len, drawn))
        tokens += sum(map(len, drawn))
        return drawn

    for step in range(steps):
        calls += decode_batch(pool, count, segment, lambda: pool.enter(0, (pool.entered,)), draw)
        taken = [sampled.pop(group.prompt[0]) for group in pool.take(count)]
        sizes.append(sum(map(Counter.total, taken)))
        for then, drawn in sum(taken, Counter()).items():
            ages[step - then] += drawn
    return Figures(positions, tokens, positions * count * lengths.size, calls, read, ages, sizes)


def format_row(name: str, segments: int, one: Figures, plain: Figures) -> list[str]:
    """Return the cells of a row of the table."""
    steps, trained = len(one.sizes), one.ages.total()
    age = sum(age * tokens for age, tokens in one.ages.items()) / trained
    return [
        name,
        f"{segments}",
        f"{one.positions / steps / _LIMIT:.3f}",
        f"{plain.positions / one.positions:.2f}",
        f"{1 - one.tokens / one.slots:.0%}",
        f"{1 - one.waste / plain.waste:.0%}",
        f"{one.calls / steps:.2f}",
        f"{one.read / trained:.2f}",
        f"{1 - one.ages[0] / trained:.0%}",
        f"{age:.1f} / {max(one.ages)}",
        f"{one.sizes[0] * steps / trained:.2f}",
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", default="16x8", help="groups x completions")
    parser.add_argument("--segments", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    count, size = map(int, given.batch.split("x"))
    rows = [list(_COLUMNS)]
    for name in _SPREADS:
        lengths = Lengths(name, size, given.seed)
        plain = run(lengths, count, given.steps, _LIMIT)
        for number in given.segments:
            one = run(lengths, count, given.steps, -(-_LIMIT // number))
            rows.append(format_row(name, number, one, plain))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    typer.echo(f"{given.batch} rows, {given.steps} steps, seed {given.seed}")
    for row in rows:
        cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells))
    typer.echo(_LEGEND)


if __name__ == "__main__":
    main()
