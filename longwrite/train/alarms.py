"""Figures that are watched while a model is trained, and what is said when they go wrong.

Training for length fails in few ways, each of which shows long before the samples are read: the
policy narrows to one text, it is cut instead of ending, it grows without getting better, it repeats
itself, its rewards tell nothing apart, or the steps are too large and what it had learned goes.
Against the medians of the first logs, so that no figure has to be known beforehand.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any, Literal

from transformers import TrainerCallback

from longwrite.errors import LongwriteError, UsageError
from longwrite.rewards.length import SHAPES
from longwrite.train.steps import append_row, find_components
from longwrite.types import Json

_LOG = logging.getLogger(__name__)

Mode = Literal["warn", "stop", "off"]

FIRST = 5
"""Logs whose median a figure is held against."""
RECENT = 3
"""Logs whose median is the figure of now."""

_LENGTHS = frozenset({"length", "overlong", *SHAPES})


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a figure is alarming.

    Attributes:
        entropy: Share of its first median under which it is falling.
        truncated: By how much the share of cut completions may rise.
        most_truncated: Share of them that is too large, however it was at the start.
        growth: Times its first median from which a length has grown.
        quality: By how much the other components may fall while it grows.
        repetition: By how much the share of repeated n-grams may rise.
        reward: Share of its best median that the reward may lose.
        loss: Times its best median that a loss may rise to, where there is no reward.
        chosen: Share by which the chosen texts' log-probability may fall (``dpo``).
    """

    entropy: float = 0.5
    truncated: float = 0.2
    most_truncated: float = 0.8
    growth: float = 1.25
    quality: float = 0.05
    repetition: float = 0.1
    reward: float = 0.3
    loss: float = 1.5
    chosen: float = 0.25


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that went wrong.

    Attributes:
        kind: Which watch saw it.
        step: When.
        message: What, why it matters and what mends it.
    """

    kind: str
    step: int
    message: str


class History:
    """The figures of a run, log by log."""

    def __init__(self) -> None:
        """Begin without any."""
        self._figures: dict[str, list[float]] = {}
        self.lost: list[str] = []

    def add(self, logs: Mapping[str, Any]) -> None:
        """Take in what was logged; `lost` names what isn't finite."""
        self.lost = [
            name
            for name in ("loss", "grad_norm")
            if isinstance(logs.get(name), float) and not math.isfinite(logs[name])
        ]
        for name, value in logs.items():
            if isinstance(value, int | float) and math.isfinite(value):
                self._figures.setdefault(name, []).append(float(value))
        others = [
            float(logs[f"rewards/{name}/mean"])
            for name in find_components(logs)
            if name.rpartition("/")[2] not in _LENGTHS and logs[f"rewards/{name}/mean"] is not None
        ]
        if others:
            self._figures.setdefault("quality", []).append(fmean(others))

    def first(self, name: str) -> float | None:
        """Return the median of a figure's first logs; None until later ones stand beside them."""
        values = self._figures.get(name, [])
        return median(values[:FIRST]) if len(values) >= FIRST + RECENT else None

    def now(self, name: str) -> float:
        """Return the median of a figure's last logs."""
        return median(self._figures[name][-RECENT:])

    def best(self, name: str, better: Callable[..., float] = max) -> float:
        """Return the best that the median of neighbouring logs has been."""
        values = self._figures[name]
        return better(median(values[n : n + RECENT]) for n in range(len(values) - RECENT + 1))

    def last(self, name: str, count: int) -> list[float]:
        """Return the last logs of a figure."""
        return self._figures.get(name, [])[-count:]


def _watch_entropy(history: History, limits: Limits) -> str:
    first = history.first("entropy")
    if first is None or history.now("entropy") >= limits.entropy * first:
        return ""
    return (
        f"The entropy fell from {first:.2f} to {history.now('entropy'):.2f}: soon all completions "
        "of a prompt are the same and nothing is learned. Lower learning_rate, or raise "
        "epsilon_high or temperature."
    )


def _watch_truncated(history: History, limits: Limits) -> str:
    name = "completions/clipped_ratio"
    first = history.first(name)
    if first is None:
        return ""
    if history.now(name) <= min(first + limits.truncated, limits.most_truncated):
        return ""
    return (
        f"{history.now(name):.0%} of the completions are cut by the token limit, {first:.0%} were "
        "at the start: the model unlearns to end, or never learned it. Keep eos_gate on, set "
        "overlong, or raise max_completion_length where the targets need it."
    )


def _watch_growth(history: History, limits: Limits) -> str:
    name = "completions/mean_length"
    first, quality = history.first(name), history.first("quality")
    if first is None or quality is None:
        return ""
    longer = history.now(name) > limits.growth * first
    if not longer or history.now("quality") >= quality - limits.quality:
        return ""
    return (
        f"Completions grew from {first:.0f} to {history.now(name):.0f} tokens while the other "
        f"components fell from {quality:.2f} to {history.now('quality'):.2f}: length is bought "
        "with quality. Give the other components more weight, or make them gates."
    )


def _watch_repetition(history: History, limits: Limits) -> str:
    name = "completions/repetition"
    first = history.first(name)
    if first is None or history.now(name) <= first + limits.repetition:
        return ""
    return (
        f"{history.now(name):.0%} of the 10-grams in completions are repeats, {first:.0%} were at "
        "the start: the model loops to fill its length. Add the reward 'repetition' or raise its "
        "weight, and lower learning_rate."
    )


def _watch_spread(history: History, limits: Limits) -> str:
    spreads = history.last("reward_std", RECENT)
    if len(spreads) < RECENT or any(spreads):
        return ""
    return (
        f"The rewards of the last {RECENT} logs don't differ at all, so nothing is learned. Raise "
        "temperature or num_generations, set resample_rounds, or look whether the rewards apply to "
        "this data."
    )


def _watch_reward(history: History, limits: Limits) -> str:
    if history.first("reward") is None:
        return ""
    best, now = history.best("reward"), history.now("reward")
    if now >= best - limits.reward * abs(best):
        return ""
    return (
        f"The reward fell from {best:.2f} to {now:.2f}: the steps are too large. Go back to an "
        "earlier checkpoint and lower learning_rate or max_grad_norm."
    )


def _watch_loss(history: History, limits: Limits) -> str:
    if history.lost:
        return (
            f"{' and '.join(history.lost)} is no finite number any more. Go back to an earlier "
            "checkpoint and lower learning_rate; with fp16, use bf16."
        )
    if history.first("loss") is None or history.first("reward") is not None:
        return ""
    best, now = history.best("loss", min), history.now("loss")
    if now <= best + (limits.loss - 1) * abs(best):
        return ""
    return (
        f"The loss rose from {best:.2f} to {now:.2f}: the steps are too large. Go back to an "
        "earlier checkpoint and lower learning_rate."
    )


def _watch_chosen(history: History, limits: Limits) -> str:
    first = history.first("logps/chosen")
    if first is None or history.now("logps/chosen") >= first - limits.chosen * abs(first):
        return ""
    return (
        f"The chosen texts' log-probability fell from {first:.0f} to "
        f"{history.now('logps/chosen'):.0f}: what is preferred is unlearned with what isn't. Lower "
        "learning_rate, raise beta, or add the loss of the chosen texts: "
        "loss_type: [sigmoid, sft]."
    )


WATCHES: Mapping[str, Callable[[History, Limits], str]] = {
    "entropy": _watch_entropy,
    "truncated": _watch_truncated,
    "growth": _watch_growth,
    "repetition": _watch_repetition,
    "spread": _watch_spread,
    "reward": _watch_reward,
    "loss": _watch_loss,
}
"""Each says what is wrong with rollouts or their reward, or nothing."""

LOSS_WATCHES: Mapping[str, Callable[[History, Limits], str]] = {
    "loss": _watch_loss,
    "chosen": _watch_chosen,
}
"""Of training on texts that are given: that its entropy falls is what it is for."""


class AlarmError(LongwriteError):
    """An alarm stopped a run; the checkpoint of that step is kept."""

    exit_code = 3


class Alarms(TrainerCallback):
    """Watches what any trainer logs.

    An alarm is logged once, and again only after its figure was well in between. With ``stop`` the
    run ends after the step, its checkpoint saved; `raised` says why.

    Args:
        mode: ``warn``, ``stop`` or ``off``.
        limits: From where on a figure is alarming.
        watches: By name.

    Raises:
        UsageError: There is no such mode.
    """

    def __init__(
        self,
        mode: str = "warn",
        limits: Limits | None = None,
        watches: Mapping[str, Callable[[History, Limits], str]] = WATCHES,
    ) -> None:
        """Set the watches up."""
        if mode not in ("warn", "stop", "off"):
            raise UsageError(f"'alarms: {mode}' is unknown", "", "Use warn, stop or off.")
        self.mode = mode
        self.limits, self.watches = limits or Limits(), watches
        self.raised: list[Alarm] = []
        self._history = History()
        self._ringing: set[str] = set()

    def check(self) -> None:
        """Tell that the run was stopped.

        Raises:
            AlarmError: It was.
        """
        if self.mode == "stop" and self.raised:
            last = self.raised[-1]
            raise AlarmError(f"Stopped at step {last.step} by an alarm", last.message.rstrip("."))

    def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Take in what a run that is resumed had logged before."""
        self._history = History()
        for logs in state.log_history:
            if "loss" in logs:
                self._history.add(logs)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **rest: Any
    ) -> Any:
        """Look at a step's figures, and say and do what has to be."""
        if self.mode == "off" or not logs or "loss" not in logs:
            return control
        self._history.add(logs)
        said = {kind: watch(self._history, self.limits) for kind, watch in self.watches.items()}
        new = [
            Alarm(kind, state.global_step, message)
            for kind, message in said.items()
            if message and kind not in self._ringing
        ]
        self._ringing = {kind for kind, message in said.items() if message}
        self.raised += new
        if state.is_world_process_zero:
            for alarm in new:
                _LOG.warning("Step %d: %s", alarm.step, alarm.message)
                row: dict[str, Json] = {
                    "step": alarm.step,
                    "alarm": alarm.kind,
                    "message": alarm.message,
                }
                append_row(Path(args.output_dir), row)
        if new and self.mode == "stop":
            control.should_training_stop = control.should_save = True
        return control
