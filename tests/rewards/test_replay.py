"""Logged completions are paid again, group by group."""

from __future__ import annotations

import pytest

from longwrite.reading import Reading
from longwrite.rewards.composition import Component, Composition, Gate
from longwrite.rewards.length import LengthReward
from longwrite.rewards.measured import LANGUAGE, RepetitionReward
from longwrite.rewards.replay import replay
from tests.scoring.texts import make_text

PROMPT = "Write 800 words in English."


def make_rows() -> list[Reading]:
    """Two groups: lengths that differ, and four times the same."""
    differing = [Reading("", make_text(n), PROMPT, {"step": 1}) for n in (2, 4, 6, 8)]
    return differing + [Reading("", make_text(5), PROMPT, {"step": 2}) for _ in range(4)]


def compose(*gates: Gate) -> Composition:
    return Composition((Component(LengthReward()), Component(RepetitionReward())), gates)


def test_groups_without_signal_and_components_that_pay_for_length_are_told() -> None:
    found = replay(make_rows(), compose())
    assert (found.completions, found.groups) == (8, 2)
    length, repetition = found.components["length"], found.components["repetition"]
    assert (length.silent, repetition.silent, found.silent) == (0.5, 1.0, 0.5)
    assert length.with_length == pytest.approx(1, abs=0.02)
    assert repetition.with_length is None
    assert (repetition.mean, repetition.missing) == (1.0, 0)


def test_closed_gates_are_counted() -> None:
    rows = [*make_rows(), Reading("", "那天海很平静。" * 40, PROMPT, {"step": 2})]
    found = replay(rows, compose(Gate(LANGUAGE, 0.5)))
    assert found.closed == {"language": 1}
    assert found.components["total"].missing == 0


def test_nothing_is_no_trouble() -> None:
    assert replay([], compose()).completions == 0
