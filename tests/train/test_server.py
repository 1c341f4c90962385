"""A trainer and a vLLM server: adapters in order, tokens both ways, faults told in sentences."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.errors import EngineError, LongwriteError, UsageError
from tests.train.fake_vllm import FakeVllm, serve

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("peft")

from longwrite.train.preparation import prepare  # noqa: E402
from longwrite.train.running import train  # noqa: E402
from longwrite.train.server import RolloutServer, Served  # noqa: E402
from longwrite.train.server_rollouts import find_served  # noqa: E402
from longwrite.train.server_trainer import correct_advantages  # noqa: E402
from longwrite.train.settings import read_order  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

Run = Callable[..., Any]
ROOT = Path(__file__).resolve().parents[2]
QUIET = {"HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture
def fake(tiny_model: Path) -> Iterator[FakeVllm]:
    with serve(FakeVllm(tiny_model)) as found:
        yield found


@pytest.fixture
def run(tiny_model: Path, tmp_path: Path, fake: FakeVllm) -> Run:
    """Return what trains two steps on the server: two prompts, two completions each."""
    things = ("boats", "lanterns")
    rows = [{"prompt": f"Write 10 words about {thing}.", "words": 10} for thing in things]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    def start(**more: Any) -> Any:
        options = {
            "model_name_or_path": tiny_model, "dataset_name": data, "output_dir": tmp_path / "out",
            "max_steps": 2, "per_device_train_batch_size": 4, "num_generations": 2,
            "max_completion_length": 48, "learning_rate": 0.05, "use_peft": "true",
            "logging_steps": 1, "report_to": "none", "disable_tqdm": "true", "seed": 3,
            "rewards": "length=1", "rollout_server": fake.address, "alarms": "off",
        }  # fmt: skip
        given = [f"--{name}={value}" for name, value in {**options, **more}.items()]
        done = train(prepare(read_order("grpo", None, given)))
        steps = (tmp_path / "out" / "steps.jsonl").read_text("utf-8").splitlines()
        state = next((tmp_path / "out").glob("checkpoint-*/trainer_state.json"))
        logs = json.loads(state.read_text("utf-8"))["log_history"]
        return done, [json.loads(line) for line in steps], logs

    return start


def test_each_step_is_drawn_on_its_own_weights(run: Run, fake: FakeVllm, tmp_path: Path) -> None:
    done, steps, logs = run()
    assert done.steps == 2 and len(steps) == 2
    kinds = [one.partition(" ")[0] for one in fake.events]
    names = [one.partition(" ")[2].rpartition("-")[2] for one in fake.events]
    # First one token on trial. Then the new adapter is there before the old one goes, and nothing
    # is drawn in between.
    assert kinds == ["load", "complete", "unload", "load", "complete", "complete", "load",
                     "unload", "complete", "complete", "unload"]  # fmt: skip
    assert names == [*"000", *"111", *"21", *"222"]
    assert not (tmp_path / "out" / "rollout-adapter").exists()
    # The server's numbers are the trainer's own at both steps: it had the weights of each.
    assert all(log["sampling/gap"] < 1e-4 for log in logs if "loss" in log)
    assert all(log["sampling/ratio_max"] == pytest.approx(1, abs=1e-3)
               for log in logs if "loss" in log)  # fmt: skip


def test_a_request_holds_tokens_and_how_to_draw(run: Run, fake: FakeVllm) -> None:
    run(temperature=0.9, top_p=0.8, generation_kwargs='{"min_tokens": 2}')
    trial, body, *_ = fake.bodies
    assert [one["n"] for one in fake.bodies] == [1, 2, 2, 2, 2]
    assert trial["max_tokens"] == trial["min_tokens"] == 2
    assert all(isinstance(token, int) for token in body["prompt"])
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.9, 0.8, 48)
    assert body["min_tokens"] == 2 and body["stop_token_ids"] == [1]
    # What TRL leaves open is not for the settings of the model's own folder to say.
    assert (body["top_k"], body["min_p"], body["repetition_penalty"]) == (0, 0.0, 1.0)
    assert len({body["seed"] for body in fake.bodies}) == 5


def test_groups_without_a_signal_are_drawn_again_by_the_server(run: Run, fake: FakeVllm) -> None:
    fake.endless = True  # so all are paid the same, nothing
    _, _, logs = run(resample_rounds=1)
    assert all(log["groups/zero_signal"] == 1 for log in logs if "loss" in log)
    assert [one["n"] for one in fake.bodies] == [1, *[2] * 8]
    assert len({one["seed"] for one in fake.bodies}) == 9
    assert all(log["sampling/gap"] < 1e-4 for log in logs if "loss" in log)


def test_a_server_with_other_weights_stops_the_run(
    run: Run, fake: FakeVllm, tmp_path: Path
) -> None:
    fake.shift = 1.0
    with pytest.raises(UsageError, match=r"differ by 1\.00 nats on average"):
        run()
    # Whatever ends a run, nothing of it is left.
    assert not fake.adapters and not (tmp_path / "out" / "rollout-adapter").exists()


def test_a_server_with_other_stop_tokens_stops_the_run(run: Run, fake: FakeVllm) -> None:
    fake.end = 2
    with pytest.raises(UsageError, match=r"ended a completion with the token 2.*Serve the very"):
        run()


def test_a_server_that_keeps_old_weights_stops_the_run(run: Run, fake: FakeVllm) -> None:
    fake.stale = True
    with pytest.raises(EngineError, match="does not write with the weights in training"):
        run()
    assert len(fake.bodies) == 5  # at the first step they were the same


def test_a_server_that_was_started_anew_gets_the_adapter_again(run: Run, fake: FakeVllm) -> None:
    missing = (404, {"error": {"message": "The model `longwrite-1` does not exist."}})
    fake.faults["/v1/completions"] = [(200, None), missing]
    done, _, logs = run()
    assert done.steps == 2 and all(log["sampling/gap"] < 1e-4 for log in logs if "loss" in log)


def test_what_a_killed_run_left_is_cleared_away(run: Run, fake: FakeVllm, tmp_path: Path) -> None:
    (tmp_path / "out" / "rollout-adapter" / "longwrite-old-7").mkdir(parents=True)
    run()
    assert fake.events[0] == "unload longwrite-old-7"
    assert not (tmp_path / "out" / "rollout-adapter").exists()


FAULTS = {
    "no runtime loading": ((404, {"detail": "Not Found"}), "VLLM_ALLOW_RUNTIME_LORA_UPDATING"),
    "no lora": ((500, {"error": {"message": "LoRA is not enabled. Use"}}), "--enable-lora"),
    "rank": (
        (500, {"error": {"message": "LoRA rank 16 is greater than max_lora_rank 8"}}),
        "--max-lora-rank 16",
    ),
    "another disk": ((404, {"error": {"message": "No adapter found"}}), "share that folder"),
    "another base": (
        (500, {"error": {"message": "size mismatch for q_proj"}}),
        "its base model is another one",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_server_that_takes_no_adapter_is_told_before_the_first_step(
    name: str, run: Run, fake: FakeVllm
) -> None:
    answer, said = FAULTS[name]
    fake.faults["/v1/load_lora_adapter"] = [answer]
    with pytest.raises(UsageError, match=said):
        run()
    assert not fake.bodies and not fake.adapters


def test_a_server_that_is_gone_is_told_at_once(run: Run) -> None:
    with pytest.raises(UsageError, match=r"127\.0\.0\.1:9/v1 can't be reached.*Start the server"):
        run(rollout_server="http://127.0.0.1:9")


def test_a_server_without_token_ids_is_told_before_the_first_step(run: Run, fake: FakeVllm) -> None:
    answer = {"choices": [{"index": 0, "text": "Boats", "finish_reason": "length"}]}
    fake.faults["/v1/completions"] = [(200, answer)]
    with pytest.raises(UsageError, match=r"token ids or log-probabilities are missing.*vLLM 0\.29"):
        run()


def test_what_the_server_can_not_follow_is_refused(run: Run, tiny_model: Path) -> None:
    with pytest.raises(UsageError, match="use_peft"):
        run(use_peft="false")
    with pytest.raises(UsageError, match="lora_target_modules"):
        run(lora_target_modules="lm_head")
    with pytest.raises(UsageError, match="base"):
        run(rollout_model="another")
    with pytest.raises(UsageError, match=r"'rollout_server' and 'rollouts: thread'"):
        run(rollouts="thread")


def test_a_window_under_the_limit_is_told(tiny_model: Path, run: Run, fake: FakeVllm) -> None:
    fake.window = 60
    with pytest.raises(UsageError, match=r"a completion may have 48\. Start it with a larger"):
        run()


@pytest.mark.slow
def test_two_processes_draw_their_own_rows_and_stop_together(
    tiny_model: Path, tmp_path: Path, fake: FakeVllm
) -> None:
    fake.endless = True  # so that both draw again
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "accelerate.commands.launch", "--multi_gpu",
         "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no",
         "--dynamo_backend", "no", "--main_process_port", "0",
         str(Path(__file__).with_name("two_processes_server.py")), str(tiny_model), str(tmp_path),
         f"{fake.address}/v1"],
        capture_output=True, text=True, timeout=290, check=False, cwd=tmp_path,
        env={**os.environ, **QUIET, "PYTHONPATH": str(ROOT), "ACCELERATE_USE_CPU": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3_000:]
    first, second = (json.loads((tmp_path / f"rank{n}.json").read_text()) for n in (0, 1))
    assert first["gaps"] == second["gaps"] and max(first["gaps"]) < 1e-4
    assert first["refused"] == second["refused"] and "404" in first["refused"]
    events = [one.partition(" ")[0] for one in fake.events]
    # On trial once; each step loaded once, drawn and drawn again by both; then it broke.
    assert events[:3] == ["load", "complete", "unload"]
    assert events[3:].count("load") == 3
    seeds = [one["seed"] for one in fake.bodies]
    assert len(seeds) == 1 + 2 * 4 + 1 and len(set(seeds[:9])) == 9
    assert not fake.adapters


# --- the client ----------------------------------------------------------------------------------


def test_a_server_that_is_down_is_tried_again_and_then_told() -> None:
    pauses: list[float] = []
    server = RolloutServer("http://127.0.0.1:9", pause=pauses.append)
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:9/v1 can't be reached.*last checkpoint"):
        server.complete("base", [3], 1, 0, {})
    assert pauses == sorted(pauses) and len(pauses) == 4


def test_a_short_fault_is_waited_for(fake: FakeVllm) -> None:
    fake.faults["/v1/models"] = [(503, "loading"), (429, "slow down")]
    pauses: list[float] = []
    served = RolloutServer(f"{fake.address}/v1/", pause=pauses.append).list_models()
    assert [one.name for one in served] == ["base"] and len(pauses) == 2


CHOICE = {"index": 0, "token_ids": [5, 1], "prompt_token_ids": [3], "finish_reason": "stop",
          "logprobs": {"token_logprobs": [-0.5, None]}}  # fmt: skip
BROKEN: dict[str, Any] = {
    "a page": "<html>",
    "too few": {"choices": []},
    "no ids": {"choices": [{**CHOICE, "token_ids": None}]},
    "no logprobs": {"choices": [{**CHOICE, "logprobs": None}]},
    "uneven": {"choices": [{**CHOICE, "token_ids": [5, 6, 1]}]},
    "another prompt": {"choices": [{**CHOICE, "prompt_token_ids": [0, 3]}]},
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_answer_without_token_ids_is_no_answer(name: str, fake: FakeVllm) -> None:
    fake.faults["/v1/completions"] = [(200, BROKEN[name])]
    with pytest.raises(EngineError, match="did not answer as vLLM does"):
        RolloutServer(fake.address).complete("base", [3], 1, 0, {})


def test_a_probability_that_is_not_told_is_nan(fake: FakeVllm) -> None:
    fake.faults["/v1/completions"] = [(200, {"choices": [CHOICE]})]
    (drawn,) = RolloutServer(fake.address).complete("base", [3], 1, 0, {})
    assert drawn.ids == (5, 1) and drawn.ended
    assert drawn.logprobs[0] == -0.5 and math.isnan(drawn.logprobs[1])


def test_a_refusal_names_the_key(fake: FakeVllm) -> None:
    fake.faults["/v1/models"] = [(401, {"error": "Unauthorized"})]
    with pytest.raises(EngineError, match="LONGWRITE_API_KEY"):
        RolloutServer(fake.address).list_models()


def test_the_base_model_is_found_among_adapters() -> None:
    models = [Served("base"), Served("old", base="base")]
    assert find_served(models, None, "it").name == "base"
    for listed, name in (([*models, Served("two")], None), (models, "old"), ([], None)):
        with pytest.raises(LongwriteError, match="rollout_model"):
            find_served(listed, name, "it")


# --- the ratio -----------------------------------------------------------------------------------

LOGPROBS = st.lists(st.floats(-8, 0), min_size=6, max_size=6)


@given(LOGPROBS, LOGPROBS, st.lists(st.booleans(), min_size=6, max_size=6))
def test_a_token_counts_by_how_likely_it_is_to_the_trainer(
    trained: list[float], sampled: list[float], own: list[bool]
) -> None:
    shape = (2, 3)
    ours, theirs = (torch.tensor(one).view(shape) for one in (trained, sampled))
    mask = torch.tensor(own).int().view(shape)
    advantages = torch.tensor([1.5, -2.0])
    by_token, ratio = correct_advantages(advantages, ours, theirs, mask, 3.0)
    for row in range(2):
        for token in range(3):
            gap = float(ours[row, token] - theirs[row, token])
            wanted = min(math.exp(gap), 3.0) if mask[row, token] else 1.0
            assert float(ratio[row, token]) == pytest.approx(wanted, rel=1e-4)
            assert float(by_token[row, token]) == pytest.approx(
                float(advantages[row]) * wanted, rel=1e-4
            )


def test_what_is_unknown_is_not_corrected() -> None:
    nan, one = torch.tensor([[math.nan]]), torch.ones(1, 1)
    by_token, ratio = correct_advantages(torch.tensor([2.0]), -one, nan, one.int(), 3.0)
    assert float(ratio) == 1 and float(by_token) == 2
