"""Alarms on scripted figures: each rings where it should, once, and can stop a run."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from longwrite.errors import UsageError

pytest.importorskip("transformers")

from longwrite.train.alarms import WATCHES, Alarms
from longwrite.train.steps import read_rows

STEADY = {
    "loss": 0.1, "grad_norm": 0.5, "entropy": 1.5, "reward": 0.6, "reward_std": 0.2,
    "completions/clipped_ratio": 0.1, "completions/mean_length": 200.0,
    "completions/repetition": 0.05, "rewards/length/mean": 0.6, "rewards/format/mean": 0.8,
}  # fmt: skip


def ring(
    folder: Path, runs: list[dict[str, Any]], mode: str = "warn", **state: Any
) -> tuple[Alarms, Any]:
    """Log figures one after the other; each is what differs from a steady run."""
    alarms = Alarms(mode)
    args = SimpleNamespace(output_dir=str(folder))
    control = SimpleNamespace(should_training_stop=False, should_save=False)
    here = SimpleNamespace(global_step=0, is_world_process_zero=True, log_history=[], **state)
    alarms.on_train_begin(args, here, control)
    for changed in runs:
        here.global_step += 1
        alarms.on_log(args, here, control, {**STEADY, **changed})
    return alarms, control


BEFORE: list[dict[str, Any]] = [{}] * 6


@pytest.mark.parametrize(
    ("kind", "changed", "mend"),
    [
        ("entropy", {"entropy": 0.5}, "learning_rate"),
        ("truncated", {"completions/clipped_ratio": 0.9}, "eos_gate"),
        (
            "growth",
            {"completions/mean_length": 300.0, "rewards/length/mean": 0.9,
             "rewards/format/mean": 0.6},
            "weight",
        ),
        ("repetition", {"completions/repetition": 0.4}, "'repetition'"),
        ("spread", {"reward_std": 0.0}, "resample_rounds"),
        ("reward", {"reward": 0.3}, "learning_rate"),
    ],
)  # fmt: skip
def test_what_goes_wrong_rings_once_and_says_what_mends_it(
    kind: str, changed: dict[str, Any], mend: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        alarms, control = ring(tmp_path, [*BEFORE, *[changed] * 5])
    assert [one.kind for one in alarms.raised] == [kind]
    assert mend in alarms.raised[0].message and alarms.raised[0].message in caplog.text
    assert not control.should_training_stop
    (row,) = read_rows(tmp_path)
    assert (row["alarm"], row["step"]) == (kind, alarms.raised[0].step)


def test_a_steady_run_and_a_single_odd_log_are_quiet(tmp_path: Path) -> None:
    odd = {"entropy": 0.1, "completions/clipped_ratio": 1.0, "reward": 0.0, "reward_std": 0.0}
    alarms, _ = ring(tmp_path, [*BEFORE, odd, {}, {}, {}, odd, {}, {}])
    assert alarms.raised == []


def test_a_run_that_is_cut_from_its_start_rings_too(tmp_path: Path) -> None:
    alarms, _ = ring(tmp_path, [{"completions/clipped_ratio": 0.94}] * 10)
    assert [(one.kind, one.step) for one in alarms.raised] == [("truncated", 8)]


def test_longer_and_better_is_no_alarm(tmp_path: Path) -> None:
    better = {"completions/mean_length": 400.0, "rewards/format/mean": 0.9, "reward": 0.8}
    assert ring(tmp_path, [*BEFORE, *[better] * 5])[0].raised == []


def test_an_alarm_rings_again_after_it_was_well(tmp_path: Path) -> None:
    low = [{"entropy": 0.5}] * 3
    alarms, _ = ring(tmp_path, [*BEFORE, *low, *[{}] * 3, *low])
    assert [one.kind for one in alarms.raised] == ["entropy", "entropy"]


def test_stop_ends_the_run_with_a_checkpoint(tmp_path: Path) -> None:
    _, control = ring(tmp_path, [*BEFORE, *[{"entropy": 0.5}] * 3], "stop")
    assert control.should_training_stop and control.should_save


def test_off_says_nothing(tmp_path: Path) -> None:
    alarms, control = ring(tmp_path, [*BEFORE, *[{"entropy": 0.0}] * 3], "off")
    assert alarms.raised == [] and not control.should_training_stop


def test_a_supervised_run_is_watched_by_its_loss(tmp_path: Path) -> None:
    alarms = Alarms("stop")
    args = SimpleNamespace(output_dir=str(tmp_path))
    control = SimpleNamespace(should_training_stop=False, should_save=False)
    state = SimpleNamespace(global_step=0, is_world_process_zero=True, log_history=[])
    alarms.on_train_begin(args, state, control)
    for loss in (2.0, 1.8, 1.6, 1.5, 1.4, 1.4, 1.3, 1.3, 1.2, 4.0, 5.0, 6.0):
        alarms.on_log(args, state, control, {"loss": loss})
    assert [one.kind for one in alarms.raised] == ["loss"] and control.should_training_stop


def test_a_gradient_that_is_no_number_rings_at_once(tmp_path: Path) -> None:
    alarms, _ = ring(tmp_path, [{"grad_norm": float("nan")}])
    assert [one.kind for one in alarms.raised] == ["loss"]


def test_a_resumed_run_remembers_how_it_began(tmp_path: Path) -> None:
    alarms = Alarms()
    args, control = SimpleNamespace(output_dir=str(tmp_path)), SimpleNamespace()
    logged = [dict(STEADY) for _ in range(8)]
    state = SimpleNamespace(global_step=8, is_world_process_zero=True, log_history=logged)
    alarms.on_train_begin(args, state, control)
    for _ in range(3):
        alarms.on_log(args, state, control, {**STEADY, "entropy": 0.4})
    assert [one.kind for one in alarms.raised] == ["entropy"]


def test_figures_that_are_missing_or_odd_are_borne(tmp_path: Path) -> None:
    runs = [{"rewards/format/mean": None, "entropy": None, "reward": "x"}] * 10
    assert ring(tmp_path, runs)[0].raised == []
    assert set(WATCHES) >= {"entropy", "truncated", "growth", "repetition", "spread"}


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(UsageError, match="'alarms: loud' is unknown"):
        Alarms("loud")
