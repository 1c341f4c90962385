"""A run in two processes as a person starts it: `accelerate launch -m longwrite.train …`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rewards.judge_server import serve_judge
from tests.rewards.judges import mark_all
from tests.train.launching import launch

pytestmark = pytest.mark.slow
NANO = Path(__file__).resolve().parents[2] / "longwrite" / "nano"
SUBJECTS = ("the tide", "night buses", "old clocks", "salt")


def write(path: Path, rows: list[dict[str, str]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


def options(folder: Path, data: str) -> list[str]:
    return [
        "--model_name_or_path", str(NANO), "--dataset_name", data, "--output_dir", str(folder),
        "--report_to", "none", "--max_steps", "2", "--logging_steps", "1", "--save_strategy", "no",
    ]  # fmt: skip


def test_sft_in_two_processes_trains_one_model(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"Tell me about {one}.", "completion": f"There is much to say of {one}. " * n}
        for n, one in enumerate(SUBJECTS, 1)
    ]
    data = write(tmp_path / "rows.jsonl", rows)
    said = launch(
        "-m", "longwrite.train", "sft", *options(tmp_path / "out", data),
        "--weighting", "sequence", "--per_device_train_batch_size", "1", folder=tmp_path,
    )  # fmt: skip
    assert "out: 2 steps." in said
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_grpo_in_two_processes_plans_writes_resamples_and_is_judged(tmp_path: Path) -> None:
    rows = [{"prompt": f"Write a text about {one}. Length: 50 words."} for one in SUBJECTS]
    data = write(tmp_path / "rows.jsonl", rows)
    with serve_judge(lambda prompt: mark_all(1 + len(prompt) % 5)) as (server, url):
        said = launch(
            "-m", "longwrite.train", "grpo", *options(tmp_path / "out", data),
            "--rollouts", "thread", "--plan_tokens", "128", "--resample_rounds", "1",
            "--rewards", "length=1, quality=0.5", "--per_device_train_batch_size", "2",
            "--num_generations", "4", "--max_completion_length", "256", folder=tmp_path,
            env={"LONGWRITE_JUDGE": "stern", "LONGWRITE_BASE_URL": url},
        )  # fmt: skip
    assert "out: 2 steps." in said
    assert server.asked
    lines = (tmp_path / "out" / "steps.jsonl").read_text("utf-8").splitlines()
    steps = [json.loads(line) for line in lines]
    assert [one["step"] for one in steps] == [1, 2]
    assert all(set(one["rewards"]) == {"length", "quality"} for one in steps)
    assert all("zero_signal_after" in one and "plans_unread" in one for one in steps)
