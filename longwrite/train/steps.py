"""A run told step by step: one line for a person, one row of ``steps.jsonl`` for a program.

What goes wrong in reinforcement learning for length shows in a few figures side by side: each
component's mean and spread, the quantiles of the lengths, the share that was cut, the entropy.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from longwrite.runs.folder import replace_file
from longwrite.types import Json

FILE = "steps.jsonl"
_HEAD_EVERY = 20
_EVALUATED = "eval_"
"""Before the names in the log of an evaluation."""

_SINGLE = {
    "loss": "loss",
    "reward": "reward",
    "reward_std": "reward_std",
    "truncated": "completions/clipped_ratio",
    "repetition": "completions/repetition",
    "entropy": "entropy",
    "zero_signal": "groups/zero_signal",
    "zero_signal_after": "groups/zero_signal_after",
    "resampled_tokens": "resampling/tokens",
    "plans_unread": "threads/unread",
    "sections": "threads/sections",
    "sections_ended": "threads/sections_ended",
    "section_reward": "threads/section_reward",
    "segment_calls": "segments/calls",
    "segments_going_on": "segments/going_on",
    "older_tokens": "segments/older_tokens",
    "late": "rewards/late",
    "failed": "rewards/failed",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
}
"""Name in the row, and in the trainer's log."""

QUANTILES = (10, 50, 90)
"""Percentiles of the lengths of completions."""


def tell_step(step: int, logs: Mapping[str, Any]) -> dict[str, Json]:
    """Return what a trainer logged of a step as a row: the figures that there are.

    >>> tell_step(3, {"rewards/length/mean": 0.5, "rewards/length/std": 0.1, "entropy": 1.5})
    {'step': 3, 'rewards': {'length': {'mean': 0.5, 'std': 0.1}}, 'entropy': 1.5}
    """
    row: dict[str, Json] = {"step": step}
    names = find_components(logs)
    if names:
        row["rewards"] = {
            name: {part: _figure(logs.get(f"rewards/{name}/{part}")) for part in ("mean", "std")}
            for name in names
        }
    lengths = {
        f"p{share}": _figure(logs.get(f"completions/p{share}_length")) for share in QUANTILES
    }
    if lengths["p50"] is not None:
        row["tokens"] = dict(lengths)
    for name, source in _SINGLE.items():
        if source in logs:
            row[name] = _figure(logs[source])
    return row


def find_components(logs: Mapping[str, Any]) -> list[str]:
    """Return the names of the rewards in a trainer's log, in its order."""
    ends = ("rewards/", "/mean")
    return [
        name.removeprefix(ends[0]).removesuffix(ends[1])
        for name in logs
        if name.startswith(ends[0]) and name.endswith(ends[1])
    ]


def format_head(row: Mapping[str, Any]) -> str:
    """Return the line above the lines of `format_step`."""
    names = [f"{_shorten(name):>11}" for name in row.get("rewards", {})]
    return "  ".join([f"{'step':>6}", *names, f"{'tokens 10/50/90 %':>17}", "  cut", "entropy"])


def format_step(row: Mapping[str, Any]) -> str:
    """Return a row as a line: components as mean±std, lengths, share cut, entropy.

    >>> format_step({"step": 3, "rewards": {"length": {"mean": 0.5, "std": 0.1}}, "entropy": 1.5})
    '     3    0.50±0.10                  -      -     1.50'
    """
    components = [
        f"{_show(one['mean']):>6}±{_show(one['std']):<4}" for one in row.get("rewards", {}).values()
    ]
    tokens = row.get("tokens")
    lengths = "/".join(f"{_show(tokens[f'p{n}'], '.0f')}" for n in QUANTILES) if tokens else "-"
    cells = [f"{row['step']:>6}", *components, f"{lengths:>17}"]
    cells += [f"{_show(row.get('truncated'), '.0%'):>5}", f"{_show(row.get('entropy')):>7}"]
    return "  ".join(cells)


def append_row(folder: Path, row: Mapping[str, Json]) -> None:
    """Add a row to a run's steps."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def cut_rows(folder: Path, step: int) -> None:
    """Drop the rows after a step, so that a run resumed from it tells nothing twice."""
    path = folder / FILE
    if not path.exists():
        return
    lines = path.read_text("utf-8", "replace").splitlines()
    replace_file(path, "".join(f"{line}\n" for line in lines if _read_step(line) <= step))


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a run; none where it has no file."""
    path = folder / FILE
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


class StepLog(TrainerCallback):
    """Writes ``steps.jsonl`` and tells each step in a line.

    Args:
        tell: Takes a line; None to say nothing.
    """

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        """Set the log up."""
        self.tell = tell or _write_line
        self._told = 0
        self._head = ""

    def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Forget what a run that is resumed will do again."""
        if state.is_world_process_zero:
            cut_rows(Path(args.output_dir), state.global_step)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **rest: Any
    ) -> None:
        """Tell and write a step of training; tell an evaluation, which TRL's history holds."""
        if not state.is_world_process_zero or not logs:
            return
        evaluated = {
            name.removeprefix(_EVALUATED): one
            for name, one in logs.items()
            if name.startswith(_EVALUATED)
        }
        if evaluated:
            self.tell(f"{format_step(tell_step(state.global_step, evaluated))}  evaluated")
        if "loss" not in logs:
            return
        row = tell_step(state.global_step, logs)
        append_row(Path(args.output_dir), row)
        head = format_head(row)
        if head != self._head or self._told % _HEAD_EVERY == 0:
            self.tell(head)
        self._head, self._told = head, self._told + 1
        self.tell(format_step(row))


def quantiles(lengths: Sequence[float]) -> dict[str, float]:
    """Return the percentiles of some lengths under the names of the log.

    >>> quantiles([1, 2, 3, 4, 5])["completions/p50_length"]
    3.0
    """
    ordered = sorted(lengths)

    def at(share: int) -> float:
        place = (len(ordered) - 1) * share / 100
        low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
        return low + (high - low) * (place - math.floor(place))

    return {f"completions/p{share}_length": float(at(share)) for share in QUANTILES}


def measure_repetition(ids: Sequence[int], size: int = 10) -> float:
    """Return the share of a completion's n-grams of tokens that stood in it before.

    >>> measure_repetition([1, 2] * 10, 2)
    0.8947368421052632
    """
    total = len(ids) - size + 1
    if total < 1:
        return 0.0
    different = len({tuple(ids[start : start + size]) for start in range(total)})
    return 1 - different / total


def _figure(value: Any) -> float | None:
    """Return a number that JSON can hold."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _show(value: float | None, form: str = ".2f") -> str:
    return "-" if value is None else format(value, form)


def _shorten(name: str) -> str:
    return name if len(name) <= 11 else f"{name[:10]}…"


def _read_step(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return sys.maxsize  # a line that was cut


def _write_line(line: str) -> None:
    tqdm: Any = import_module("tqdm").tqdm
    tqdm.write(line)  # above the bar, where there is one
