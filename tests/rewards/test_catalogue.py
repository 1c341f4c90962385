"""Rewards are found by name, and compositions are read from a line."""

from __future__ import annotations

import pickle

import pytest

from longwrite.errors import UsageError
from longwrite.rewards.catalogue import REWARDS, find_reward, read_composition
from longwrite.rewards.reward import Reward
from longwrite.rewards.trl import DEFAULT


def test_a_line_names_rewards_weights_and_gates() -> None:
    found = read_composition("length=1, repetition=0.5, types, language>=0.5")
    assert [(one.reward.name, one.weight) for one in found.components] == [
        ("length", 1.0), ("repetition", 0.5), ("types", 1.0),
    ]  # fmt: skip
    assert [(gate.reward.name, gate.least) for gate in found.gates] == [("language", 0.5)]


def test_the_default_and_ones_own_are_named() -> None:
    assert read_composition("default") is DEFAULT
    assert read_composition("longwrite.rewards.trl:DEFAULT") is DEFAULT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lenght=1", "did you mean 'length'?"),
        ("length=1=2", "NAME=WEIGHT"),
        ("length=1.2.3", "no number"),
        ("length, length", "two of its components"),
        ("language>=0.5", "no component"),
        ("", "no component"),
        ("nowhere.at_all:THING", "No module named"),
        ("longwrite.rewards.trl:ERRORS", "it is a float"),
        ("length=inf", "NAME=WEIGHT"),
    ],
)
def test_what_names_none_is_told(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("?", r"\?")):
        read_composition(text)


def test_every_reward_has_its_own_name_and_travels() -> None:
    for name, reward in REWARDS.items():
        assert find_reward(name) is reward
        assert reward.name == name
        assert isinstance(reward, Reward)
        assert pickle.loads(pickle.dumps(reward)) == reward
