"""What a token is told: its document's advantage, and its section's share of it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="torch isn't installed")

if find_spec("torch") is not None:
    from longwrite.train.advantages import (
        PaidSection,
        average_groups,
        spread_advantages,
        tally_sections,
    )


def tensor(values: Any) -> Any:
    return import_module("torch").tensor(values)


def test_a_token_of_a_section_has_what_its_section_adds() -> None:
    # A plan of two tokens, a turn of one; the first document has a better second section.
    rows = [
        [PaidSection(2, 4, 0.2), PaidSection(5, 7, 1.0)],
        [PaidSection(2, 3, 0.6)],
    ]
    tallies = tally_sections(rows)
    assert tallies[:, 1].tolist() == [2, 1]
    means = average_groups(tallies, 2)
    assert means.tolist() == pytest.approx([0.6, 0.6])  # (0.2 + 1.0 + 0.6) / 3
    spread = spread_advantages(tensor([1.0, -1.0]), rows, means, 0.5, 8)
    assert spread[0].tolist() == pytest.approx([1, 1, 0.8, 0.8, 1, 1.2, 1.2, 1])
    assert spread[1].tolist() == pytest.approx([-1] * 8)  # its section is as good as the mean


def test_what_is_not_paid_is_not_told() -> None:
    rows = [[PaidSection(0, 2, None), PaidSection(2, 3, 1.0)], [], [], []]
    tallies = tally_sections(rows)
    assert tallies.tolist() == [[1, 1, 2, 2], [0] * 4, [0] * 4, [0] * 4]
    means = average_groups(tallies, 2)
    assert means.tolist() == [1, 1, 0, 0]
    spread = spread_advantages(tensor([0.5, 0.25, 0.0, 0.0]), rows, means, 1.0, 3)
    assert spread.tolist() == [[0.5] * 3, [0.25] * 3, [0.0] * 3, [0.0] * 3]


@given(
    st.lists(
        st.lists(st.floats(0, 1, width=32), max_size=4), min_size=4, max_size=4
    ),
    st.floats(0, 2),
)  # fmt: skip
def test_the_sections_of_a_group_take_from_each_other_what_they_are_given(
    rewards: list[list[float]], weight: float
) -> None:
    """Over a group's sections what is added comes to nothing, so no length of a thread pays."""
    rows = [[PaidSection(n, n + 1, one) for n, one in enumerate(row)] for row in rewards]
    means = average_groups(tally_sections(rows), 2)
    spread = spread_advantages(tensor([0.0] * 4), rows, means, weight, 4)
    for group in (0, 2):
        assert abs(spread[group : group + 2].sum().item()) < 1e-5
