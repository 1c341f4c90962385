"""Rewards are found by name, and compositions are read from a line."""

from __future__ import annotations

import pickle
from random import Random

import pytest

from longwrite.engines.scripted import compose_text
from longwrite.errors import UsageError
from longwrite.rewards.catalogue import REWARDS, find_reward, read_composition
from longwrite.rewards.reward import Reward
from longwrite.rewards.trl import DEFAULT
from longwrite.types import Brief, Document


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


def test_soundness_is_paid_by_name() -> None:
    (component,) = read_composition("soundness").components
    brief = Brief("Tell of salt.", 200, language="en")
    texts = compose_text(200, "en", Random(1)), compose_text(20, "en", Random(1)) * 10
    paid = [component.reward(brief, Document.from_text(brief, text)).value for text in texts]
    assert paid[0] is not None and paid[1] is not None and paid[0] > paid[1] + 0.2


def test_every_reward_has_its_own_name_and_travels() -> None:
    for name, reward in REWARDS.items():
        assert find_reward(name) is reward
        assert reward.name == name
        assert isinstance(reward, Reward)
        assert pickle.loads(pickle.dumps(reward)) == reward
