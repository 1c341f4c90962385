"""Groups without a signal: found, shared out among processes, and put back in their place."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from longwrite.train.resampling import (  # noqa: E402
    Rollouts,
    fill,
    find_silent,
    plan_round,
    splice,
    splice_rewards,
)

NAN = math.nan


def silent(rows: list[list[float]], weights: list[float], **options: Any) -> list[bool]:
    found = find_silent(torch.tensor(rows), torch.tensor(weights), 2, **options)
    listed: list[bool] = found.tolist()
    return listed


def test_a_group_is_silent_when_no_component_tells_its_completions_apart() -> None:
    rows = [[1.0, 0.5], [1.0, 0.5], [1.0, 0.5], [1.0, 0.6]]
    assert silent(rows, [1, 1]) == [True, False]
    assert silent(rows, [1, 0]) == [True, True]


def test_what_does_not_apply_is_no_signal() -> None:
    rows = [[NAN, 0.5], [0.9, 0.5], [NAN, NAN], [NAN, NAN], [0.1, NAN], [0.9, NAN]]
    assert silent(rows, [1, 1]) == [True, True, False]


def test_differences_that_cancel_are_silent_only_in_a_sum() -> None:
    rows = [[1.0, 0.0], [0.0, 1.0]]
    assert silent(rows, [1, 1]) == [False]
    assert silent(rows, [1, 1], summed=True) == [True]


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.randoms(use_true_random=False))
def test_each_silent_row_is_drawn_once_and_all_processes_draw_as_many(
    size: int, groups: int, processes: int, rng: Any
) -> None:
    flags = torch.tensor([rng.random() < 0.5 for _ in range(groups * processes)])
    plan = plan_round(flags, size, processes)
    own = groups * size
    drawn = [process * own + row for process, rows in enumerate(plan.rows) for row in rows]
    wanted = [n for n, again in enumerate(flags.repeat_interleave(size).tolist()) if again]
    assert drawn == wanted
    assert {len(fill(rows, plan.width)) for rows in plan.rows} == {plan.width}


def test_a_group_that_two_processes_share_is_drawn_by_both() -> None:
    plan = plan_round(torch.tensor([True]), 4, 2)
    assert plan.rows == ((0, 1), (0, 1)) and plan.width == 2


def make(names: str) -> Rollouts:
    ids = [[ord(name)] for name in names]
    return Rollouts(
        prompt_ids=ids, completion_ids=ids, tool_mask=None, completions=list(names),
        logprobs=None, extra_fields={"seen": list(names), "all": 1}, images=None, tool_images=[],
    )  # fmt: skip


def test_new_rows_stand_in_the_place_of_the_old_and_padding_is_dropped() -> None:
    mixed = splice(make("abcd"), make("xyz"), (1, 3))
    assert mixed.completions == ["a", "x", "c", "y"]
    assert mixed.completion_ids == [[97], [120], [99], [121]]
    assert mixed.extra_fields == {"seen": ["a", "x", "c", "y"], "all": 1}
    assert mixed.tool_mask is None and mixed.logprobs is None


def test_all_processes_put_the_new_rewards_in_the_same_places() -> None:
    old = torch.arange(8.0)[:, None]
    plan = plan_round(torch.tensor([False, True, False, False]), 2, 2)
    fresh = torch.tensor([[20.0], [30.0], [-1.0], [-1.0]])  # the second process drew padding
    mixed = splice_rewards(old, fresh, plan)
    assert mixed.flatten().tolist() == [0, 1, 20, 30, 4, 5, 6, 7]
