"""GRPO in segments, a few steps of a tiny model; the pool itself is tested beside this."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from longwrite.errors import UsageError
from tests.train.launching import launch

pytestmark = [
    pytest.mark.skipif(find_spec("trl") is None, reason="trl isn't installed"),
    pytest.mark.filterwarnings("ignore"),
]

ROOT = Path(__file__).resolve().parents[2]
QUIET = {"HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1", "OMP_NUM_THREADS": "1"}

Make = Callable[..., Any]


def pay(completion_ids: Sequence[Sequence[int]], **batch: Any) -> list[float]:
    """Pay something that differs between completions and is the same each time."""
    return [sum(ids) % 11 / 10 for ids in completion_ids]


@pytest.fixture
def make(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return what makes a trainer: two of five prompts a step, 4 completions of up to 24 tokens."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)

    def build(out: str = "out", segment: int = 0, **given: Any) -> Any:
        trl: Any = import_module("trl")
        config: dict[str, Any] = {
            "output_dir": str(tmp_path / out), "max_steps": 3, "per_device_train_batch_size": 8,
            "num_generations": 4, "max_completion_length": 24, "learning_rate": 1e-3,
            "epsilon_high": 0.28, "logging_steps": 1, "use_cpu": True, "bf16": False,
            "report_to": "none", "save_strategy": "no", "disable_tqdm": True, "seed": 3,
        }  # fmt: skip
        known = trl.GRPOConfig.__dataclass_fields__
        ours = {name: given.pop(name) for name in list(given) if name not in known}
        args = trl.GRPOConfig(**config | given)
        rows = import_module("datasets").Dataset.from_list([
            {"prompt": [{"role": "user", "content": f"Write about {topic}."}], "words": 9}
            for topic in ("boats", "a bridge", "rain", "the two mills", "ice")
        ])  # fmt: skip
        ours = {"train_dataset": rows, "eos_gate": False, "alarms": "off"} | ours
        if not segment:
            kind = import_module("longwrite.train.grpo").LongGRPOTrainer
            return kind(str(tiny_model), [pay], args, **ours)
        kind = import_module("longwrite.train.segment_trainer").SegmentGRPOTrainer
        return kind(str(tiny_model), [pay], args, segment_tokens=segment, **ours)

    return build


def keep_batches(trainer: Any) -> list[dict[str, Any]]:
    """Return a list into which a trainer's batches will come, as they are trained on."""
    batches: list[dict[str, Any]] = []
    score = trainer._generate_and_score_completions

    def keep(rows: Any) -> Any:
        batches.append(score(rows))
        return batches[-1]

    trainer._generate_and_score_completions = keep
    return batches


def list_texts(batch: dict[str, Any]) -> list[tuple[list[int], list[int]]]:
    """Return prompt and completion of each row of a batch."""
    return [
        tuple(
            batch[f"{name}_ids"][row][batch[f"{name}_mask"][row].bool()].tolist()
            for name in ("prompt", "completion")
        )
        for row in range(len(batch["prompt_ids"]))
    ]


def find_weights(trainer: Any) -> dict[str, Any]:
    return {name: one.detach().clone() for name, one in trainer.model.named_parameters()}


def are_equal(some: dict[str, Any], others: dict[str, Any]) -> bool:
    return some.keys() == others.keys() and all(one.equal(others[n]) for n, one in some.items())


def list_losses(trainer: Any) -> list[tuple[Any, ...]]:
    """Return loss, reward and norm of the gradient at each step; a batch is paid once."""
    logs = [log for log in trainer.state.log_history if "loss" in log]
    return [(log["loss"], log.get("reward"), log["grad_norm"]) for log in logs]


@pytest.mark.parametrize(
    ("segment", "options"),
    [
        (24, {}),
        (1_000, {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}),
        (24, {"per_device_train_batch_size": 4, "steps_per_generation": 2, "max_steps": 4}),
    ],
    ids=["plain", "accumulated", "several steps a batch"],
)
def test_one_segment_is_plain_grpo_to_the_bit(
    make: Make, segment: int, options: dict[str, Any]
) -> None:
    plain = make("plain", **options)
    before, batches = find_weights(plain), keep_batches(plain)
    plain.train()
    cut = make("cut", segment, **options)
    others = keep_batches(cut)
    cut.train()
    assert list_losses(cut) == list_losses(plain)
    assert are_equal(find_weights(cut), find_weights(plain))
    assert not are_equal(before, find_weights(plain))
    for one, other in zip(batches, others, strict=True):
        assert one.keys() == other.keys()
        assert all(value.equal(other[name]) for name, value in one.items())


def test_what_is_cut_goes_on_where_it_stood(make: Make) -> None:
    """The likeliest tokens of weights that don't change are the same in one piece and in four."""
    options = {"top_k": 1, "learning_rate": 0.0}
    texts = []
    for trainer in (make("plain", **options), make("cut", 7, **options)):
        batches = keep_batches(trainer)
        trainer.train()
        pairs = [pair for batch in batches for pair in list_texts(batch)]
        texts.append({tuple(prompt): completion for prompt, completion in pairs})
    assert texts[0] == texts[1] and len(texts[0]) >= 4
    assert {len(ids) for ids in texts[0].values()} == {24}


def test_older_tokens_keep_the_log_probabilities_of_their_weights(make: Make) -> None:
    torch: Any = import_module("torch")
    trainer = make(segment=10, max_steps=5, max_completion_length=60, temperature=0.9)
    batches, weights = keep_batches(trainer), dict[int, dict[str, Any]]()
    sampled: dict[tuple[int, ...], list[int]] = {}
    decode = trainer._decode

    def note(running: Any, room: int) -> Any:
        step = trainer.state.global_step
        weights.setdefault(step, find_weights(trainer))
        drawn = decode(running, room)
        for place, tokens in zip(running, drawn, strict=True):
            whole = tuple([*trainer.segments.read_tokens(place), *tokens])
            steps = sampled.get(whole[: -len(tokens)], [])
            sampled[whole] = [*steps, *[step] * len(tokens)]
        return drawn

    trainer._decode = note
    trainer.train()
    model = import_module("transformers").AutoModelForCausalLM.from_pretrained(
        trainer.model.config._name_or_path
    )
    older = 0
    for step, batch in enumerate(batches):
        for row, (prompt, completion) in enumerate(list_texts(batch)):
            ids = [*prompt, *completion]
            steps = sampled[tuple(ids)]
            for then in set(steps) if "old_per_token_logps" in batch else ():
                model.load_state_dict(weights[then])
                with torch.no_grad():
                    logits = model(torch.tensor([ids])).logits[0, len(prompt) - 1 : -1] / 0.9
                expected = logits.log_softmax(-1)
                for place, token in enumerate(completion):
                    if steps[place] == then:
                        found = batch["old_per_token_logps"][row, place].item()
                        assert found == pytest.approx(expected[place, token].item(), abs=2e-4)
                        older += then < step
    assert older > 50
    assert any(log["segments/older_tokens"] > 0 for log in trainer.state.log_history[:-1])


def test_pseudo_on_policy_takes_all_tokens_for_the_step_s_own(make: Make) -> None:
    cut = make("a", 6)
    batches = keep_batches(cut)
    cut.train()
    pseudo = make("b", 6, segment_on_policy=True)
    others = keep_batches(pseudo)
    pseudo.train()
    assert any("old_per_token_logps" in batch for batch in batches)
    assert not any("old_per_token_logps" in batch for batch in others)
    assert list_texts(batches[0]) == list_texts(others[0])
    assert list_losses(cut)[0] == list_losses(pseudo)[0]  # nothing is older then
    assert not any(one.logprobs for g in pseudo.segments.groups.values() for one in g.completions)


@pytest.mark.parametrize("on_policy", [False, True])
def test_a_run_goes_on_from_a_checkpoint_to_the_same_weights(make: Make, on_policy: bool) -> None:
    options = {
        "max_steps": 5, "save_strategy": "steps", "save_steps": 1, "segment_on_policy": on_policy,
    }  # fmt: skip
    whole = make("whole", 6, **options)
    whole.train()
    folder = Path(whole.args.output_dir)
    middle = json.loads((folder / "checkpoint-2" / "segments-0-of-1.json").read_text("utf-8"))
    assert any(one["tokens"] for group in middle["groups"] for one in group["completions"])
    again = make("again", 6, **options)
    again.train(resume_from_checkpoint=str(folder / "checkpoint-2"))
    assert are_equal(find_weights(again), find_weights(whole))
    assert list_losses(again) == list_losses(whole)
    for name in ("segments-0-of-1.json", "model.safetensors"):
        ends = [Path(one.args.output_dir, "checkpoint-5", name) for one in (whole, again)]
        assert ends[0].read_bytes() == ends[1].read_bytes()


def test_a_checkpoint_without_a_pool_is_refused(make: Make) -> None:
    plain = make("plain", max_steps=1, save_strategy="steps", save_steps=1)
    plain.train()
    checkpoint = Path(plain.args.output_dir, "checkpoint-1")
    with pytest.raises(UsageError, match="a run without segments"):
        make("cut", 6).train(resume_from_checkpoint=str(checkpoint))


def test_a_pool_of_another_set_is_refused(make: Make) -> None:
    options = {"max_steps": 1, "save_strategy": "steps", "save_steps": 1}
    cut = make("cut", 6, **options)
    cut.train()
    other = cut.train_dataset.map(lambda row: {"prompt": [{**row["prompt"][0], "content": "Go."}]})
    checkpoint = Path(cut.args.output_dir, "checkpoint-1")
    with pytest.raises(UsageError, match="of another set or template"):
        again = make("again", 6, train_dataset=other, **options | {"max_steps": 2})
        again.train(resume_from_checkpoint=str(checkpoint))


def test_what_counts_tokens_may_be_asked_of_one_segment(make: Make) -> None:
    trainer = make(segment=24, generation_kwargs={"min_new_tokens": 24}, max_steps=1)
    trainer.train()
    assert trainer.state.log_history[0]["completions/min_length"] == 24


def test_an_adapter_is_trained_in_segments(make: Make) -> None:
    peft: Any = pytest.importorskip("peft")
    trainer = make(segment=6, peft_config=peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"]))
    before = find_weights(trainer)
    trainer.train()
    changed = {n for n, one in find_weights(trainer).items() if not one.equal(before[n])}
    assert changed and all("lora_" in name for name in changed)
    assert len(list_losses(trainer)) == 3 and trainer.segments.groups


def test_evaluation_decodes_whole_completions(make: Make) -> None:
    trainer = make(segment=6, per_device_eval_batch_size=4, max_steps=1)
    trainer.eval_dataset = trainer.train_dataset.select([0])
    trainer.train()
    pool = dict(trainer.segments.groups)
    log = trainer.evaluate()
    assert 6 < log["eval_completions/max_length"] <= 24
    assert trainer.segments.groups == pool


@pytest.mark.parametrize(
    ("segment", "options", "said"),
    [
        (-1, {}, "at least one token"),
        (6, {"resample_rounds": 1}, "resample_rounds"),
        (6, {"rollout_func": print}, "rollout_func"),
        (6, {"generation_kwargs": {"min_new_tokens": 5}}, "min_new_tokens"),
        (6, {"use_transformers_continuous_batching": True}, "continuous_batching"),
        (6, {"train_dataset": iter([])}, "a stream"),
        (6, {"max_completion_length": None}, "max_completion_length is open"),
        (6, {"use_vllm": True}, "use_vllm"),
    ],
)
def test_what_segments_do_not_go_with_is_refused(
    make: Make, segment: int, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        make(segment=segment, **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--segment_tokens=-1",), "at least one token"),
        (("--segment_tokens=6", "--rollouts=thread"), "don't go with rollouts: thread"),
        (("--segment_tokens=6", "--resample_rounds=2"), "don't go with resample_rounds"),
        (("--segment_on_policy=true",), "Set segment_tokens too"),
    ],
)
def test_an_order_that_segments_do_not_go_with_is_refused(
    options: tuple[str, ...], said: str
) -> None:
    named = ("--model_name_or_path=base", "--dataset_name=set", "--output_dir=out")
    with pytest.raises(UsageError, match=said):
        import_module("longwrite.train.settings").read_order("grpo", None, [*named, *options])


def test_a_group_is_of_one_process() -> None:
    args = SimpleNamespace(
        per_device_train_batch_size=2, steps_per_generation=3, num_generations=4, use_vllm=False,
        use_transformers_continuous_batching=False, generation_kwargs=None,
        max_completion_length=24,
    )  # fmt: skip
    check = import_module("longwrite.train.segment_trainer").check_segments
    with pytest.raises(UsageError, match="6 completions of a process are no whole groups of 4"):
        check(8, args, {"train_dataset": []})


def test_an_order_for_segments_gets_its_trainer(
    tiny_model: Path, tmp_path: Path, make: Make
) -> None:
    order = import_module("longwrite.train.settings").read_order(
        "grpo", None,
        [f"--model_name_or_path={tiny_model}", "--dataset_name=set", f"--output_dir={tmp_path}",
         "--max_completion_length=24", "--segment_tokens=6", "--segment_on_policy=true"],
    )  # fmt: skip
    rows = make().train_dataset
    encoded = import_module("longwrite.train.rows").Encoded(rows, [9] * len(rows), {}, 0.7)
    tokenizer = import_module("transformers").AutoTokenizer.from_pretrained(tiny_model)
    prepared = import_module("longwrite.train.preparation").Prepared
    make_trainer = import_module("longwrite.train.trainers").make_trainer
    trainer = make_trainer(prepared(order, tokenizer, encoded, None))
    assert type(trainer).__name__ == "SegmentGRPOTrainer"
    assert (trainer.segment_tokens, trainer.segment_on_policy) == (6, True)


@pytest.mark.slow
def test_two_processes_decode_segments_as_often_as_each_other(
    tiny_model: Path, tmp_path: Path
) -> None:
    script = Path(__file__).with_name("two_segment_processes.py")
    launch(str(script), str(tiny_model), str(tmp_path), folder=tmp_path)
    first, second = (json.loads((tmp_path / f"rank{n}.json").read_text()) for n in (0, 1))
    for one, other in zip(first, second, strict=True):
        assert len(one["generated"]) == len(other["generated"]) >= 4
        assert one["scored"] == other["scored"] > 0
        assert one["log"] == other["log"]
    assert 0 in first[0]["generated"] and set(second[0]["generated"]) == {8}
    assert any(log["segments/older_tokens"] > 0 for log in first[1]["log"])
    assert first[1]["log"] == first[0]["log"]
    assert all(one[0][name] for one in (first, second) for name in ("same", "plain"))
