"""The rewards inside TRL itself: its trainer, its log of completions, its command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(find_spec("trl") is None, reason="trl isn't installed")

ROOT = Path(__file__).resolve().parents[2]
QUIET = {"HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1", "OMP_NUM_THREADS": "2"}


def run(*words: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *words],
        capture_output=True, text=True, timeout=280, check=False, cwd=folder,
        env={**os.environ, **QUIET, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout


def test_grpo_is_paid_by_each_component_and_its_completions_are_paid_again(
    tiny_model: Path, tmp_path: Path
) -> None:
    script = str(Path(__file__).with_name("grpo.py"))
    run(script, str(tiny_model), str(tmp_path / "out"), folder=tmp_path)
    logs = json.loads((tmp_path / "out" / "log.json").read_text())
    steps = [log for log in logs if "reward" in log]
    assert len(steps) == 2
    assert 0 < steps[0]["rewards/length/mean"] < 1
    assert steps[0]["rewards/length/std"] > 0
    assert "rewards/repetition/mean" in steps[0]

    logged = sorted((tmp_path / "out").rglob("*.parquet"))
    assert logged
    files = [str(path) for path in logged]
    command = [
        "-m",
        "longwrite.cli.main",
        "score",
        *files,
        "--rewards",
        "length, repetition=0.5",
        "--json",
    ]
    found = json.loads(run(*command, folder=tmp_path))["rewards"]
    assert (found["completions"], found["groups"]) == (16, 4)
    assert found["components"]["length"]["missing"] == 0


@pytest.mark.slow
def test_trl_finds_the_rewards_by_their_dotted_path(tiny_model: Path, tmp_path: Path) -> None:
    rows = [{"prompt": "Write 20 words about boats."}] * 8
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run(
        "-m", "trl.scripts.grpo", "--model_name_or_path", str(tiny_model),
        "--dataset_name", str(tmp_path / "rows"), "--output_dir", str(tmp_path / "out"),
        "--reward_funcs", "longwrite.rewards.trl.length", "longwrite.rewards.trl.repetition",
        "--max_steps", "1", "--num_generations", "4", "--per_device_train_batch_size", "4",
        "--max_completion_length", "24", "--use_cpu", "--report_to", "none",
        "--save_strategy", "no", folder=tmp_path,
    )  # fmt: skip
