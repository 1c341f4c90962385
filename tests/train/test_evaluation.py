"""Held-out briefs at checkpoints: measured like a comparison, and no step is another for it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from longwrite.errors import UsageError
from longwrite.train.held_out import HeldOut, read_held_out

pytestmark = [
    pytest.mark.skipif(find_spec("trl") is None, reason="trl isn't installed"),
    pytest.mark.filterwarnings("ignore"),
]

ROOT = Path(__file__).resolve().parents[2]

Train = Callable[..., Any]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    constants: Any = import_module("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)


@pytest.fixture
def briefs(tmp_path: Path) -> tuple[HeldOut, ...]:
    path = tmp_path / "briefs.txt"
    path.write_text("Write 30 words about tides.\nWrite 20 words.\nWrite about 40 words on salt.\n")
    return read_held_out(path)


@pytest.fixture
def train(tiny_model: Path, tmp_path: Path) -> Train:
    """Return what trains four steps of SFT on four rows, saving after each of the two epochs."""

    def run(
        name: str,
        briefs: Sequence[HeldOut] = (),
        resume: str | None = None,
        settings: Any = None,
        adapter: Any = None,
        **options: Any,
    ) -> Any:
        datasets, trl = import_module("datasets"), import_module("trl")
        evaluation = import_module("longwrite.train.evaluation")
        import_module("torch").manual_seed(0)
        rows = [
            {
                "prompt": [{"role": "user", "content": f"Tell of boat {n}."}],
                "completion": [{"role": "assistant", "content": f"Boat {n} is on the lake."}],
            }
            for n in range(4)
        ]
        wanted = {
            "max_steps": 4, "save_steps": 2, "logging_steps": 1, "learning_rate": 1e-3,
            "per_device_train_batch_size": 2, "use_cpu": True, "report_to": "none",
            "disable_tqdm": True, "bf16": False, "gradient_checkpointing": False, **options,
        }  # fmt: skip
        trainer = trl.SFTTrainer(
            str(tiny_model),
            args=trl.SFTConfig(output_dir=str(tmp_path / name), **wanted),
            train_dataset=datasets.Dataset.from_list(rows),
            eval_dataset=datasets.Dataset.from_list(rows[:2]),
            peft_config=adapter,
        )
        if briefs:
            chosen = settings or evaluation.EvaluationSettings(max_new_tokens=24, batch=2)
            trainer.add_callback(evaluation.CheckpointEvaluation(trainer, briefs, chosen))
        trainer.train(resume_from_checkpoint=resume)
        return trainer

    return run


def read_lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "evaluations.jsonl").read_text().splitlines()]


def losses(trainer: Any) -> list[float]:
    return [log["loss"] for log in trainer.state.log_history if "loss" in log]


def make_adapter() -> Any:
    """Return an adapter whose training draws at every step, by its dropout."""
    peft: Any = import_module("peft")
    wanted = {"task_type": "CAUSAL_LM", "target_modules": "all-linear", "lora_dropout": 0.5}
    return peft.LoraConfig(r=4, **wanted)


def test_each_checkpoint_is_measured_and_no_step_is_another_for_it(
    train: Train, briefs: tuple[HeldOut, ...], tmp_path: Path
) -> None:
    trainer = train("with", briefs, adapter=make_adapter())
    assert losses(trainer) == losses(train("without", adapter=make_adapter()))
    assert trainer.model.training
    lines = read_lines(tmp_path / "with")
    assert [line["step"] for line in lines] == [2, 4]
    for line in lines:
        assert [row["brief"] for row in line["replies"]] == ["brief 1", "brief 2", "brief 3"]
        words = [row["words"] for row in line["replies"]]
        assert line["means"]["words"] == pytest.approx(sum(words) / 3)
        assert all(len(row["text"].split()) <= 24 for row in line["replies"])
    logs = [log for log in trainer.state.log_history if "held_out/s_l" in log]
    assert [log["step"] for log in logs] == [2, 4]
    assert logs[1]["held_out/ended"] == lines[1]["means"]["ended"]
    assert all(math.isfinite(value) for value in logs[0].values())


def test_a_resumed_run_keeps_only_the_evaluations_before_it(
    train: Train, briefs: tuple[HeldOut, ...], tmp_path: Path
) -> None:
    train("run", briefs)
    first = read_lines(tmp_path / "run")
    with (tmp_path / "run" / "evaluations.jsonl").open("a") as stream:
        stream.write('{"step": 9, "cut')
    train("run", briefs, resume=str(tmp_path / "run" / "checkpoint-2"))
    assert read_lines(tmp_path / "run") == first


def test_at_evaluations_it_can_choose_the_best_model(
    train: Train, briefs: tuple[HeldOut, ...], tmp_path: Path
) -> None:
    evaluation: Any = import_module("longwrite.train.evaluation")
    chosen = evaluation.EvaluationSettings(2, 16, 1.0, 5, 8, "evaluate")
    trainer = train(
        "best", briefs, settings=chosen, adapter=make_adapter(),
        eval_strategy="steps", eval_steps=2,
        load_best_model_at_end=True, metric_for_best_model="eval_held_out/length",
        greater_is_better=True, gradient_checkpointing=True,
    )  # fmt: skip
    lines = read_lines(tmp_path / "best")
    assert [line["step"] for line in lines] == [2, 4] and len(lines[0]["replies"]) == 6
    assert trainer.state.best_metric == max(line["means"]["length"] for line in lines)
    assert trainer.model.is_gradient_checkpointing


@pytest.mark.slow
def test_two_processes_write_each_a_share(
    briefs: tuple[HeldOut, ...], tiny_model: Path, tmp_path: Path
) -> None:
    quiet = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "accelerate.commands.launch", "--cpu",
         "--num_processes", "2", str(Path(__file__).with_name("evaluated_steps.py")),
         str(tiny_model), str(tmp_path / "briefs.txt"), str(tmp_path / "two")],
        capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path,
        env={**os.environ, **quiet},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    (line,) = read_lines(tmp_path / "two")
    written = [(row["brief"], row["sample"]) for row in line["replies"]]
    assert written == [(one.id, sample) for one in briefs for sample in (0, 1)]


def test_replies_are_those_of_the_prompt_alone_though_padded(
    tiny_model: Path, tmp_path: Path
) -> None:
    evaluation: Any = import_module("longwrite.train.evaluation")
    transformers: Any = import_module("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_model)
    path = tmp_path / "two.txt"
    path.write_text("Salt.\nA much longer request that asks for a word on tides and boats.\n")
    two = read_held_out(path)
    greedy = evaluation.EvaluationSettings(max_new_tokens=12, temperature=0)
    both = evaluation.generate_replies(model, tokenizer, two, greedy, 0)
    alone = [evaluation.generate_replies(model, tokenizer, [one], greedy, 0)[0] for one in two]
    assert both == alone

    drawn = evaluation.EvaluationSettings(max_new_tokens=200)
    torch: Any = import_module("torch")
    before = torch.get_rng_state()
    first = evaluation.generate_replies(model, tokenizer, two, drawn, 1)
    assert first == evaluation.generate_replies(model, tokenizer, two, drawn, 1)
    assert first != evaluation.generate_replies(model, tokenizer, two, drawn, 2)
    assert torch.equal(before, torch.get_rng_state())


def test_the_cap_comes_from_the_briefs_and_stays_in_the_window(
    tiny_model: Path, tmp_path: Path
) -> None:
    evaluation: Any = import_module("longwrite.train.evaluation")
    transformers: Any = import_module("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model)
    path = tmp_path / "long.txt"
    path.write_text("Write 100 words.\n")
    assert evaluation.find_cap(model, read_held_out(path), 50, None) == 280
    path.write_text("Write 9000 words.\n")
    assert evaluation.find_cap(model, read_held_out(path), 50, None) == 4096 - 50
    assert evaluation.find_cap(model, read_held_out(path), 50, 77) == 77


@pytest.mark.parametrize(
    "wrong", [{"samples": 0}, {"batch": 0}, {"temperature": math.nan}, {"when": "never"}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    evaluation: Any = import_module("longwrite.train.evaluation")
    with pytest.raises(UsageError):
        evaluation.EvaluationSettings(**wrong)
