"""A run told step by step."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("transformers")

from longwrite.train.steps import (
    FILE,
    StepLog,
    append_row,
    format_head,
    format_step,
    measure_repetition,
    quantiles,
    read_rows,
    tell_step,
)

LOGS = {
    "loss": 0.1, "entropy": 1.5, "completions/clipped_ratio": 0.25,
    "completions/p10_length": 100.0, "completions/p50_length": 180.0,
    "completions/p90_length": 192.0,
    "rewards/length/mean": 0.61, "rewards/length/std": 0.2,
    "rewards/a_long_component_name/mean": None, "rewards/a_long_component_name/std": None,
    "groups/zero_signal": 0.5, "rewards/late": 0.0,
}  # fmt: skip


def test_a_step_is_a_row_of_what_there_is() -> None:
    row = tell_step(7, LOGS)
    assert row["rewards"] == {
        "length": {"mean": 0.61, "std": 0.2}, "a_long_component_name": {"mean": None, "std": None}
    }  # fmt: skip
    assert row["tokens"] == {"p10": 100.0, "p50": 180.0, "p90": 192.0}
    assert (row["truncated"], row["entropy"], row["zero_signal"]) == (0.25, 1.5, 0.5)
    assert "grad_norm" not in row
    assert "rewards" not in tell_step(1, {"loss": 2.0})


def test_the_line_stands_under_its_head() -> None:
    row = tell_step(7, LOGS)
    head, line = format_head(row), format_step(row)
    assert len(head) == len(line)
    assert "0.61±0.20" in line and "100/180/192" in line and "25%" in line and "1.50" in line
    assert "a_long_com…" in head


def make_state(step: int = 0, main: bool = True) -> Any:
    return SimpleNamespace(global_step=step, is_world_process_zero=main)


def test_a_log_writes_rows_and_tells_lines(tmp_path: Path) -> None:
    lines: list[str] = []
    log, args = StepLog(lines.append), SimpleNamespace(output_dir=str(tmp_path))
    log.on_log(args, make_state(1), None, LOGS)
    log.on_log(args, make_state(2), None, LOGS)
    log.on_log(args, make_state(2), None, {"eval_loss": 1.0})
    log.on_log(args, make_state(3, main=False), None, LOGS)
    assert [row["step"] for row in read_rows(tmp_path)] == [1, 2]
    assert len(lines) == 4 and lines[0].split()[0] == "step"
    assert lines[3].split()[0] == "2" and lines[3].endswith("  evaluated")


def test_a_resumed_run_tells_nothing_twice(tmp_path: Path) -> None:
    for step in range(1, 6):
        append_row(tmp_path, {"step": step})
    with (tmp_path / FILE).open("a") as stream:
        stream.write('{"step": 6, "los')
    args = SimpleNamespace(output_dir=str(tmp_path))
    StepLog().on_train_begin(args, make_state(3), None)
    assert [row["step"] for row in read_rows(tmp_path)] == [1, 2, 3]
    StepLog().on_train_begin(args, make_state(0), None)
    assert read_rows(tmp_path) == []


@given(st.dictionaries(st.sampled_from(sorted(LOGS)), st.floats() | st.none() | st.text()))
def test_any_log_can_be_told_and_is_json(logs: dict[str, Any]) -> None:
    row = tell_step(1, logs)
    json.dumps(row, allow_nan=False)
    format_head(row)
    format_step(row)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_quantiles_are_ordered_and_inside(lengths: list[float]) -> None:
    low, middle, high = quantiles(lengths).values()
    assert min(lengths) <= low <= middle <= high <= max(lengths)


@given(st.lists(st.integers(0, 3)), st.integers(1, 5))
def test_repetition_is_a_share(ids: list[int], size: int) -> None:
    assert 0 <= measure_repetition(ids, size) < 1
    assert measure_repetition(list(range(50)), size) == 0
