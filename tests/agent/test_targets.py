"""The words that the document, its parts and its leaves are to have."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longwrite.agent.targets import set_targets
from longwrite.scoring.length import LengthRange
from longwrite.types import Brief, Constraint, Plan, Section

PLAN = Plan("T", tuple(Section(str(n), f"Part {n}", words=250) for n in range(1, 5)))


def test_leaves_share_the_aim_exactly() -> None:
    targets = set_targets(Brief("x", 1_000), PLAN)
    assert targets.whole == LengthRange(950, 1_000, 1_050)
    assert targets.leaves == {"1": 250, "2": 250, "3": 250, "4": 250}
    assert targets.parts == {}


def test_a_bound_moves_the_aim_of_every_leaf() -> None:
    most = Constraint("length", {"max": 1_000})
    targets = set_targets(Brief("x", 1_000, (most,)), PLAN)
    assert targets.whole.high == 1_000 > targets.whole.aim
    assert sum(targets.leaves.values()) == targets.whole.aim


def test_a_plan_that_was_changed_by_hand_wins() -> None:
    targets = set_targets(Brief("x", 5_000), PLAN)
    assert targets.whole == LengthRange(950, 1_000, 1_050)


def test_a_length_of_each_section_is_aimed_at_in_each() -> None:
    each = Constraint("length", {"target": 250, "min": 240, "max": 260}, scope="each")
    targets = set_targets(Brief("x", 1_000, (each,)), PLAN)
    assert set(targets.parts) == {"1", "2", "3", "4"}
    assert all(part.low >= 240 and part.high <= 260 for part in targets.parts.values())


def test_a_length_of_one_section_leaves_the_others_alone() -> None:
    second = Constraint("length", {"target": 100, "max": 100}, scope="section:2")
    every = Constraint("length", {"target": 300, "min": 300}, scope="every:3")
    targets = set_targets(Brief("x", 1_000, (second, every)), PLAN)
    assert set(targets.parts) == {"2", "3"}
    assert targets.parts["2"].high == 100 and targets.parts["3"].low == 300
    assert targets.leaves["1"] == targets.leaves["4"] == 250


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=40), st.integers(1, 100_000))
def test_shares_add_up_to_the_aim(budgets: list[int], words: int) -> None:
    plan = Plan("", tuple(Section(str(n), "", words=w) for n, w in enumerate(budgets)))
    targets = set_targets(Brief("x", words), plan)
    assert sum(targets.leaves.values()) == targets.whole.aim == sum(budgets)
    assert min(targets.leaves.values()) >= 1
