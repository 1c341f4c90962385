"""Rewards pay what they say they pay, for one document as for another."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.errors import UsageError
from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.composition import Component, Composition, Gate
from longwrite.rewards.length import SHAPES, LengthReward
from longwrite.rewards.measured import COHERENCE, COPYING, FORMAT, LANGUAGE, RepetitionReward
from longwrite.rewards.quality import QualityReward
from longwrite.rewards.reward import Reward, analyse
from longwrite.rewards.satisfaction import SatisfactionReward
from longwrite.scoring.documents import read_document
from longwrite.types import Brief, Document
from tests.rewards.judges import answer_four, make_judge
from tests.scoring.texts import make_text

BRIEF = compile_brief('Write 1000 words about "old boats" in English. Mention "the keel".')
REWARDS: list[Reward] = [
    *(LengthReward(shape) for shape in SHAPES), RepetitionReward(), COHERENCE, FORMAT, COPYING,
    LANGUAGE, SatisfactionReward(),
]  # fmt: skip


def write(words: int, brief: Brief = BRIEF, *, ended: bool = True) -> Document:
    return read_document(brief, "word " * (words - 1) + "word.", ended=ended)


def pay(shape: str, words: int, **options: object) -> float | None:
    return LengthReward(shape, **options)(BRIEF, write(words)).value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "words", "value"),
    [
        ("slope", 1000, 1.0),
        ("slope", 1050, 1.0),
        ("slope", 475, 0.5),
        ("slope", 100, 0.11),
        ("slope", 10_500, 0.1),
        ("s_l", 500, 0.5),
        ("s_l", 2500, 0.5),
        ("s_l", 100, 0.0),
        ("range", 820, 1.0),
        ("range", 400, 0.0),
        ("range", 600, 0.5),
        ("l1_exact", 2000, 0.7),
        ("l1_exact", 5000, 0.0),
        ("l1_max", 1000, 0.5),
        ("l1_max", 100, 0.77),
        ("overlong", 1050, 1.0),
        ("overlong", 1155, 0.5),
        ("overlong", 2000, 0.0),
    ],
)
def test_length_is_paid_by_its_shape(shape: str, words: int, value: float) -> None:
    assert pay(shape, words) == value


@pytest.mark.parametrize("shape", SHAPES)
def test_a_reply_that_never_ended_gets_nothing(shape: str) -> None:
    reward = LengthReward(shape)  # type: ignore[arg-type]
    assert reward(BRIEF, write(1000, ended=False)).value == 0


@given(fewer=st.integers(2, 900), more=st.integers(2, 900))
def test_the_default_shape_has_a_slope_everywhere(fewer: int, more: int) -> None:
    reward = LengthReward(resolution=1e-6)
    near, far = sorted((fewer, more), reverse=True)
    assert (reward(BRIEF, write(near)).value or 0) >= (reward(BRIEF, write(far)).value or 0)
    if near > far:
        assert (reward(BRIEF, write(near)).value or 0) > (reward(BRIEF, write(far)).value or 0)


def test_unknown_shapes_and_counters_are_told() -> None:
    with pytest.raises(UsageError, match="no such shape"):
        LengthReward("round")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no such counter"):
        LengthReward(counter="letters")


@pytest.mark.parametrize("reward", REWARDS, ids=lambda reward: reward.name)
def test_a_reward_travels_to_another_process_and_pays_the_same(reward: Reward) -> None:
    document = read_document(BRIEF, make_text(8))
    there: Reward = pickle.loads(pickle.dumps(reward))
    assert there(BRIEF, document) == reward(BRIEF, document)


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_every_reward_pays_any_text_between_nothing_and_one(text: str) -> None:
    document = read_document(BRIEF, text)
    for reward in REWARDS:
        value = reward(BRIEF, document).value
        assert value is None or 0 <= value <= 1
        assert value is None or round(value * 100) / 100 == value


def test_a_text_is_analysed_once_for_all() -> None:
    document = read_document(BRIEF, make_text(2))
    assert analyse(document) is analyse(document)


def test_constraints_are_paid_by_weight() -> None:
    brief = compile_brief('Write a text. It must mention "the keel" and must mention "the mast".')
    reward = SatisfactionReward(kinds=("mention",))
    assert reward(brief, read_document(brief, "The keel broke.")).value == 0.5
    assert reward(brief, read_document(brief, "The keel and the mast broke.")).value == 1
    assert reward(Brief("x", 10), read_document(brief, "Text.")).value is None


def compose(*gates: Gate) -> Composition:
    return Composition((Component(LengthReward(), 3.0), Component(RepetitionReward())), gates)


def test_a_composition_is_the_weighted_mean_of_what_applies() -> None:
    text = make_text(6)  # 480 words
    verdict = compose().judge(BRIEF, read_document(BRIEF, text))
    assert verdict.components["length"].value == 0.51
    assert verdict.value == pytest.approx((3 * 0.51 + 1) / 4)
    alone = Composition((Component(LengthReward()), Component(LANGUAGE)))
    unsaid = Brief("x", 480)
    assert alone(unsaid, read_document(unsaid, text)).value == 1


def test_a_closed_gate_leaves_nothing_and_one_that_does_not_apply_passes() -> None:
    chinese = compile_brief("写一篇文章")
    document = read_document(chinese, make_text(6))
    closed = compose(Gate(LANGUAGE, 0.5)).judge(chinese, document)
    assert (closed.value, closed.closed) == (0.0, ("language",))
    passed = compose(Gate(LANGUAGE, 0.5)).judge(Brief("x", 480), document)
    assert passed.open == ("language",)
    assert passed.value == 1


def test_what_cannot_be_composed_is_told() -> None:
    with pytest.raises(UsageError, match="two of its components"):
        Composition((Component(LengthReward()), Component(LengthReward("s_l"))))
    with pytest.raises(UsageError, match="no component"):
        Composition(())
    with pytest.raises(UsageError, match="a weight is"):
        Component(LengthReward(), -1.0)


def test_a_judged_component_is_composed_like_any_other() -> None:
    quality = QualityReward(make_judge("composed", answer_four))
    whole = Composition((Component(LengthReward(), 3.0), Component(quality)))
    document = read_document(BRIEF, make_text(6))
    verdict = whole.judge(BRIEF, document)
    assert verdict.value == pytest.approx((3 * 0.51 + 0.75) / 4)
    assert verdict.components["quality"].parts["clarity"] == 4
    gated = Composition((Component(quality),), (Gate(LengthReward(), 0.9),))
    closed = gated.judge(BRIEF, document)
    assert (closed.value, closed.components["quality"].value) == (0, None)
    assert "a gate is closed" in closed.components["quality"].note
