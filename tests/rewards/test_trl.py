"""A composition as TRL calls it."""

from __future__ import annotations

import asyncio
import json
import pickle
from dataclasses import dataclass
from importlib import import_module

import pytest

from longwrite.engines.engine import Watch
from longwrite.rewards import trl
from longwrite.rewards.composition import Component, Composition, Gate
from longwrite.rewards.judge import Judge
from longwrite.rewards.length import LengthReward
from longwrite.rewards.measured import LANGUAGE, RepetitionReward
from longwrite.rewards.quality import QualityReward
from longwrite.rewards.satisfaction import SatisfactionReward
from longwrite.rewards.trl import RewardError, TrlReward, reward_functions, reward_weights
from longwrite.types import Abilities, Brief, Document, Reply, Request, Score
from tests.rewards.judges import ASKED, NEVER, answer_four, make_judge, mark_all, material
from tests.scoring.texts import make_text

TEXT = make_text(5)  # 400 words
PROMPT = "Write 400 words in English about boats."


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trl, "_judged", {})


def compose(*gates: Gate, length: str = "slope") -> Composition:
    return Composition(
        (Component(LengthReward(length), 2.0), Component(RepetitionReward())),  # type: ignore[arg-type]
        gates,
    )


def test_each_component_is_a_function_with_a_name_of_its_own() -> None:
    functions = reward_functions(compose(), prefix="long/")
    assert [one.__name__ for one in functions] == ["long/length", "long/repetition"]
    assert reward_weights(compose()) == [2.0, 1.0]


def test_plain_and_conversational_completions_are_paid_alike() -> None:
    length, repetition = reward_functions(compose())
    plain = length([PROMPT], [TEXT])
    talk = [[{"role": "user", "content": PROMPT}]]
    reply = [[{"role": "assistant", "content": TEXT}]]
    assert plain == length(talk, reply) == [1.0]
    assert repetition(talk, reply) == [1.0]
    parts = [[{"role": "assistant", "content": [{"type": "text", "text": TEXT}]}]]
    assert length(talk, parts) == [1.0]


def test_a_column_of_constraints_adds_to_what_the_prompt_says() -> None:
    held = {"kind": "mention", "params": {"text": TEXT.split()[3]}, "holds": True}
    missed = {"kind": "mention", "params": {"text": "zeppelin"}}
    broken = {"kind": "mention", "params": {"text": "zeppelin"}, "holds": False}
    (paid,) = reward_functions(Composition((Component(SatisfactionReward(kinds=("mention",))),)))
    columns = [
        None, json.dumps([held]), [held, missed], [held, broken], ['Mention "zeppelin".'],
        "no constraint at all", [{"kind": "nothing"}, 3],
    ]  # fmt: skip
    count = len(columns)
    assert paid([PROMPT] * count, [TEXT] * count, constraints=columns) == [
        None, 1.0, 0.5, 1.0, 0.0, None, None,
    ]  # fmt: skip


def test_a_message_without_content_is_an_empty_reply() -> None:
    length, repetition = reward_functions(compose())
    talk = [[{"role": "user", "content": PROMPT}]]
    tools = [[{"role": "assistant", "tool_calls": []}]]
    assert length(talk, tools) == [0.0]
    assert repetition(talk, tools) == [None]


def test_columns_give_the_length_and_the_brief() -> None:
    length = reward_functions(compose())[0]
    asked = length(["Boats", "Boats"], [TEXT, TEXT], words=[400, 4_000], other=["a", "b"])
    assert asked == [1.0, 0.11]
    assert length(["Boats"], [TEXT], brief=["Write 400 words."]) == [1.0]


def test_a_completion_at_the_cap_never_ended() -> None:
    length = TrlReward(compose(), "length", max_tokens=3)
    assert length([PROMPT] * 2, [TEXT, TEXT], completion_ids=[[1, 2], [1, 2, 3]]) == [1.0, 0.0]


def test_a_gate_that_closes_gives_every_component_its_minimum() -> None:
    functions = reward_functions(compose(Gate(LANGUAGE, 0.5)))
    prompts, completions = [PROMPT, PROMPT], [TEXT, "那天海很平静。" * 40]
    assert [one(prompts, completions) for one in functions] == [[1.0, 0.0], [1.0, 0.0]]


def test_permuting_completions_permutes_what_they_are_paid() -> None:
    texts = [make_text(n) for n in (1, 3, 5, 7)]
    length = reward_functions(compose())[0]
    paid = length([PROMPT] * 4, texts)
    assert length([PROMPT] * 4, texts[::-1]) == paid[::-1]
    assert len(set(paid)) > 1


@dataclass(frozen=True)
class Fragile:
    """Fails on texts that hold a word."""

    name: str = "fragile"
    resolution: float = 0.01

    def __call__(self, brief: Brief, document: Document) -> Score:
        if "boom" in document.texts["1"]:
            raise ValueError("it went boom")
        return Score(self.name, 1.0)


def test_a_reward_that_raises_is_none_and_counted() -> None:
    fragile = reward_functions(Composition((Component(Fragile()),)))[0]
    logged: dict[str, float] = {}
    paid = fragile(["p"] * 3, ["fine", "boom", "good"], log_metric=logged.__setitem__)
    assert paid == [1.0, None, 1.0]
    assert logged == {"fragile/failed": pytest.approx(1 / 3)}


def test_too_many_failures_stop_the_run_with_the_first_error() -> None:
    fragile = reward_functions(Composition((Component(Fragile()),)))[0]
    fragile(["p"] * 30, [f"fine {n}" for n in range(30)])
    with pytest.raises(RewardError, match=r"2 of 32 .*ValueError: it went boom"):
        fragile(["p"] * 2, ["boom", "boom boom"])


# --- judged rewards ------------------------------------------------------------------------------


def judged(judge: Judge, *gates: Gate) -> Composition:
    return Composition((Component(LengthReward()), Component(QualityReward(judge))), gates)


def answer_but_the_slow(request: Request) -> str:
    return NEVER if "slow" in material(request) else mark_all(5)


def test_what_a_judge_does_not_answer_is_skipped_and_counted() -> None:
    judge = make_judge("t late", answer_but_the_slow, deadline=0.01)
    length, quality = reward_functions(judged(judge))
    logged: dict[str, float] = {}
    texts = [TEXT, f"A slow boat. {TEXT}"]
    assert quality([PROMPT] * 2, texts, log_metric=logged.__setitem__) == [1.0, None]
    assert logged == {"quality/failed": 0, "quality/unjudged": 0.5}
    assert length([PROMPT] * 2, texts) == [1.0, 1.0], "what rules tell is paid all the same"
    assert len(ASKED["t late"]) == 2, "both functions share what was judged"


def test_a_batch_is_judged_side_by_side() -> None:
    quality = reward_functions(judged(Judge(Together(8), deadline=30.0)))[1]
    assert quality([PROMPT] * 8, [f"{TEXT} {n}." for n in range(8)]) == [1.0] * 8


@dataclass(frozen=True)
class Together:
    """Makes an engine that answers nobody before so many have asked."""

    count: int

    def __call__(self) -> Waiting:
        return Waiting(asyncio.Barrier(self.count))


class Waiting:
    identity = "together"
    abilities = Abilities(32_000)

    def __init__(self, barrier: asyncio.Barrier) -> None:
        self.barrier = barrier

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        await self.barrier.wait()
        return Reply(mark_all(5), "stop")

    async def close(self) -> None:
        pass


def test_no_judge_is_asked_behind_a_closed_gate() -> None:
    length, quality = reward_functions(judged(make_judge("t gate", answer_four), Gate(LANGUAGE, 1)))
    chinese = "那天海很平静。" * 40
    assert quality([PROMPT], [chinese]) == length([PROMPT], [chinese]) == [0.0]
    assert not ASKED["t gate"]


def test_a_judge_that_can_not_judge_stops_the_run_with_its_sentence() -> None:
    quality = reward_functions(judged(make_judge("t mute", answer_four, checks=False)))[1]
    with pytest.raises(RewardError, match="can't judge"):
        quality([PROMPT] * 4, [f"{TEXT} {n}." for n in range(4)])


def test_the_judge_of_the_ready_functions_is_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LONGWRITE_JUDGE", raising=False)
    with pytest.raises(RewardError, match="LONGWRITE_JUDGE names none"):
        trl.quality([PROMPT] * 2, [TEXT, f"{TEXT} More."])
    monkeypatch.setattr(trl, "_judged", {})
    monkeypatch.setenv("LONGWRITE_JUDGE", "scripted:seed=77")
    assert trl.quality([PROMPT], [TEXT]) == trl.checklist([PROMPT], [TEXT]) == [None]
    assert pickle.loads(pickle.dumps(trl.checklist)) == trl.checklist


@pytest.mark.parametrize("name", ["length", "constraints", "repetition", "coherence", "format_"])
def test_ready_functions_are_found_by_their_dotted_path(name: str) -> None:
    function = getattr(import_module("longwrite.rewards.trl"), name)
    assert function.__name__ == name.rstrip("_")
    there = pickle.loads(pickle.dumps(function))
    assert there([PROMPT], [TEXT]) == function([PROMPT], [TEXT])
