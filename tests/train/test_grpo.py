"""The trainer itself, a few steps of a tiny model on a CPU."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from longwrite.errors import UsageError
from longwrite.rewards.composition import Component, Composition
from longwrite.rewards.length import LengthReward
from longwrite.rewards.measured import RepetitionReward
from longwrite.rewards.trl import DEFAULT, RewardError
from tests.train.launching import launch

pytestmark = [
    pytest.mark.skipif(find_spec("trl") is None, reason="trl isn't installed"),
    pytest.mark.filterwarnings("ignore"),
]

ROOT = Path(__file__).resolve().parents[2]
NANO = ROOT / "longwrite" / "nano"
QUIET = {"HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1", "OMP_NUM_THREADS": "1"}
LENGTH = Composition(
    (Component(LengthReward(), 2.0), Component(RepetitionReward())), name="length and repetition"
)

Make = Callable[..., Any]


@pytest.fixture
def make(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return what makes a trainer: two prompts, four completions each, of at most 24 tokens."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)

    def build(
        rewards: Any,
        model: Path = tiny_model,
        kind: Any = None,
        out: str = "out",
        words: tuple[int, int] = (20, 40),
        **given: Any,
    ) -> Any:
        grpo: Any = import_module("longwrite.train.grpo")
        rows = import_module("datasets").Dataset.from_list([
            {"prompt": [{"role": "user", "content": f"Write {n} words about boats."}], "words": n}
            for n in words
        ])  # fmt: skip
        config: dict[str, Any] = {
            "output_dir": str(tmp_path / out), "max_steps": 2, "per_device_train_batch_size": 8,
            "num_generations": 4, "max_completion_length": 24, "learning_rate": 1e-4,
            "multi_objective_aggregation": "normalize_then_sum", "epsilon_high": 0.28,
            "logging_steps": 1, "use_cpu": True, "bf16": False, "report_to": "none",
            "save_strategy": "no", "disable_tqdm": True, "seed": 3,
        }  # fmt: skip
        trl: Any = import_module("trl")
        known = trl.GRPOConfig.__dataclass_fields__
        ours = {name: given.pop(name) for name in list(given) if name not in known}
        args = trl.GRPOConfig(**config | given)
        kind = kind or grpo.LongGRPOTrainer
        return kind(str(model), rewards, args, train_dataset=rows, **ours)

    return build


def read_steps(trainer: Any) -> list[dict[str, Any]]:
    path = Path(trainer.args.output_dir) / "steps.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def find_logs(trainer: Any) -> list[dict[str, Any]]:
    return [log for log in trainer.state.log_history if "loss" in log]


def pay_call(pay: Callable[[int, int], float | None], seen: list[Any]) -> Callable[..., Any]:
    """Return a reward: of the number of the call and the place in the batch."""

    def paid(completions: list[Any], completion_ids: list[Any], **batch: Any) -> list[float | None]:
        seen.append([list(ids) for ids in completion_ids])
        return [pay(len(seen), place) for place in range(len(completions))]

    return paid


def test_the_shipped_model_is_trained_and_every_step_is_told(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    # The model writes on past 32 tokens, so that what is cut has to be paid.
    rewards = replace(
        DEFAULT, components=(Component(LengthReward(ended=False)), *DEFAULT.components[1:])
    )
    trainer = make(
        rewards, NANO, words=(200, 300), overlong=8, eos_gate=False, max_completion_length=32
    )
    before = next(trainer.model.parameters()).detach().clone()
    trainer.train()
    assert not before.equal(next(trainer.model.parameters()).detach())
    steps = read_steps(trainer)
    assert [row["step"] for row in steps] == [1, 2]
    names = ["length", "constraints", "repetition", "coherence", "format", "overlong"]
    for row in steps:
        assert list(row["rewards"]) == names
        assert row["rewards"]["length"]["std"] > 0
        assert all(math.isfinite(row[one]) for one in ("loss", "entropy", "reward", "grad_norm"))
        assert 0 < row["tokens"]["p10"] <= row["tokens"]["p50"] <= row["tokens"]["p90"] <= 32
        assert (row["late"], row["failed"]) == (0, 0) and 0 <= row["zero_signal"] <= 1
    assert trainer.args.reward_weights == [1, 0.5, 1, 0.5, 0.5, 0.5]
    told = capsys.readouterr().out
    assert "tokens 10/50/90 %" in told and "±" in told


def test_what_is_cut_gets_the_minimum_of_every_component(make: Make) -> None:
    paid = pay_call(lambda call, place: 0.5 + place / 10, [])
    rewards = [paid, lambda **batch: [None] * len(batch["prompts"])]
    rows = [{"prompt": "p", "words": 5}] * 4
    ids = [[5, 1], [5, 6], [5, 0], [5, 6, 7]]  # 1 ends a reply

    def score(**options: Any) -> Any:
        trainer = make(rewards, **options)
        return trainer._calculate_rewards(rows, ["p"] * 4, ["text"] * 4, ids)

    gated = score()
    assert gated[:, 0].tolist() == pytest.approx([0.5, 0, 0, 0])
    assert math.isnan(gated[0, 1]) and gated[1:, 1].tolist() == [0, 0, 0]
    open_ = score(eos_gate=False)
    assert open_[:, 0].tolist() == pytest.approx([0.5, 0.6, 0.7, 0.8])
    rows = [{**row, "completion_ended": place == 3} for place, row in enumerate(rows)]
    assert score()[:, 0].tolist() == pytest.approx([0, 0, 0, 0.8])


def test_a_reward_that_hangs_stops_the_run_by_name(make: Make) -> None:
    over = threading.Event()

    def judge(**batch: Any) -> list[float]:
        over.wait()
        return []

    trainer = make([judge, *make(LENGTH).reward_funcs], reward_deadline=0.2)
    with pytest.raises(RewardError, match=r"'judge' .* 8 of 8 completions, 8 of them late"):
        trainer.train()
    over.set()


def test_a_nan_is_left_out_and_too_many_stop_the_run(make: Make) -> None:
    once = pay_call(lambda call, place: math.nan if (call, place) == (1, 0) else place / 10, [])
    trainer = make([once], eos_gate=False)
    trainer.train()
    first, second = find_logs(trainer)
    assert (first["rewards/failed"], second["rewards/failed"]) == (1 / 8, 0)
    assert math.isfinite(first["loss"]) and first["rewards/paid/mean"] == pytest.approx(0.4)

    trainer = make([pay_call(lambda call, place: math.nan, [])])
    with pytest.raises(RewardError, match="'paid' has no usable value for 8 of 8"):
        trainer.train()


def test_a_group_without_signal_is_drawn_again(make: Make) -> None:
    seen: list[list[list[int]]] = []
    # At first the second group is paid alike; drawn again, it is the whole of the call.
    paid = pay_call(lambda call, place: place / 10 if call > 1 or place < 4 else 0.5, seen)
    trainer = make([paid], eos_gate=False, resample_rounds=3, max_steps=1, log_completions=True)
    made: list[Any] = []
    score = trainer._generate_and_score_completions

    def keep(rows: Any) -> Any:
        made.append(score(rows))
        return made[-1]

    trainer._generate_and_score_completions = keep
    trainer.train()
    (log,) = find_logs(trainer)
    assert (log["groups/zero_signal"], log["groups/zero_signal_after"]) == (0.5, 0)
    assert [len(ids) for ids in seen] == [8, 4] and seen[1] != seen[0][4:]
    assert log["resampling/tokens"] == sum(map(len, seen[1]))
    kept = [*seen[0][:4], *seen[1]]
    mask = made[0]["completion_mask"].bool()
    trained = [
        ids[keep].tolist() for ids, keep in zip(made[0]["completion_ids"], mask, strict=True)
    ]
    assert trained == kept
    lengths = [len(ids) for ids in kept]
    assert log["completions/mean_length"] == pytest.approx(sum(lengths) / 8)
    assert (log["completions/min_length"], log["completions/max_length"]) == (
        min(lengths), max(lengths)
    )  # fmt: skip
    (file,) = Path(trainer.args.output_dir, "completions").glob("*.parquet")
    table = import_module("pandas").read_parquet(file)
    assert list(table["tokens"]) == lengths
    assert list(table["paid"]) == pytest.approx([0, 0.1, 0.2, 0.3] * 2)


def test_rounds_end_where_there_is_no_signal_to_be_had(make: Make) -> None:
    seen: list[Any] = []
    trainer = make([pay_call(lambda call, place: 0.5, seen)], resample_rounds=2, eos_gate=False)
    trainer.train()
    assert [len(ids) for ids in seen] == [8] * 6  # two steps of one draw and two rounds
    assert find_logs(trainer)[0]["groups/zero_signal_after"] == 1
    assert trainer.resampling_round == 0


def test_rounds_that_would_draw_the_same_again_are_refused(make: Make) -> None:
    with pytest.raises(UsageError, match="fixes the seed"):
        make(LENGTH, resample_rounds=1, generation_kwargs={"seed": 1})
    with pytest.raises(UsageError, match="0 or more"):
        make(LENGTH, resample_rounds=-1)


def test_an_alarm_stops_the_run_and_saves_it(make: Make) -> None:
    trainer = make(
        [pay_call(lambda call, place: 0.5, [])], eos_gate=False, alarms="stop", max_steps=9
    )
    trainer.train()
    assert trainer.state.global_step == 3
    assert [alarm.kind for alarm in trainer.alarms.raised] == ["spread"]
    assert Path(trainer.args.output_dir, "checkpoint-3", "model.safetensors").exists()


def test_rollouts_with_other_tokens_and_advantages_by_token_have_their_place(make: Make) -> None:
    """What plan-then-write needs: masks, fields for rewards, advantages of (rows, tokens)."""
    grpo: Any = import_module("longwrite.train.grpo")
    shapes: list[Any] = []

    class Weighing(grpo.LongGRPOTrainer):
        def weigh_tokens(self, batch: dict[str, Any], rows: Any) -> dict[str, Any]:
            shapes.append((batch["tool_mask"].tolist()[0], rows[0]["section"]))
            spread = batch["advantages"][:, None].expand(batch["completion_ids"].shape)
            return {**batch, "advantages": spread.clone()}

    def roll(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        ids = [[5, 6, 7, 8 + place % 3] for place in range(len(prompts))]
        return {
            "prompt_ids": [[3, 4]] * len(prompts), "completion_ids": ids, "logprobs": None,
            "env_mask": [[1, 0, 0, 1]] * len(prompts), "section": ["one"] * len(prompts),
            "completion_ended": [True] * len(prompts),
        }  # fmt: skip

    def run(kind: Any, out: str) -> dict[str, Any]:
        paid = pay_call(lambda call, place: place / 10, [])
        trainer = make([paid], kind=kind, rollout_func=roll, max_steps=1, out=out)
        trainer.train()
        (log,) = find_logs(trainer)
        return dict(log)

    by_token, plain = run(Weighing, "a"), run(grpo.LongGRPOTrainer, "b")
    assert shapes == [([1, 0, 0, 1], "one")]
    assert by_token["loss"] == pytest.approx(plain["loss"], abs=1e-6)
    assert by_token["grad_norm"] == pytest.approx(plain["grad_norm"])
    assert by_token["completions/p50_length"] == 2  # the policy's own tokens


@pytest.mark.slow
def test_two_processes_draw_as_often_as_each_other_and_stop(
    tiny_model: Path, tmp_path: Path
) -> None:
    script = Path(__file__).with_name("two_processes.py")
    launch(str(script), str(tiny_model), str(tmp_path), folder=tmp_path)
    first, second = (json.loads((tmp_path / f"rank{n}.json").read_text()) for n in (0, 1))
    assert first["generated"] == second["generated"] and len(first["generated"]) > 3
    assert first["log"] == second["log"]
    assert first["stopped"] == second["stopped"] and "it broke here alone" in first["stopped"]
    assert any(log["groups/zero_signal_after"] < log["groups/zero_signal"] for log in first["log"])
