"""The train commands, as a person types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ANSWER = "The tide came in over the flats before the children had counted all the boats. "
QUIET = {"HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1", "OMP_NUM_THREADS": "1"}
RUN = "from longwrite.cli.main import run; run()"
PEAK = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
    "stdout=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def longwrite(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder."""
    return subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=folder, capture_output=True, text=True, timeout=500, check=False,
        env={**os.environ, **QUIET, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a set and a file of settings."""
    rows = [{"prompt": f"Tell {number} times.", "completion": ANSWER} for number in range(4)]
    (tmp_path / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (tmp_path / "config.yaml").write_text("max_steps: 1\nreport_to: none\n", "utf-8")
    return tmp_path


def test_a_file_and_the_line_train_a_model(tiny_model: Path, folder: Path) -> None:
    done = longwrite(
        "train", "sft", "config.yaml", "--model", str(tiny_model), "--data", "set.jsonl", "-o",
        "out", "--learning_rate", "1e-4", "--json", folder=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["steps"] == 1 and told["folder"] == "out"
    assert (folder / "out" / "model.safetensors").is_file()
    card = (folder / "out" / "README.md").read_text("utf-8")
    assert "longwrite" in card and "SFT" in card


def test_grpo_pays_by_name_and_tells_each_step(tiny_model: Path, folder: Path) -> None:
    rows = [{"prompt": f"Tell of tide {number} in 40 words."} for number in range(4)]
    (folder / "asked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    done = longwrite(
        "train", "grpo", "config.yaml", "--model", str(tiny_model), "--data", "asked.jsonl", "-o",
        "out", "--rewards", "length=1, repetition=0.5", "--num_generations", "2",
        "--per_device_train_batch_size", "2", "--logging_steps", "1", folder=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    steps = (folder / "out" / "steps.jsonl").read_text("utf-8").splitlines()
    assert len(steps) == 1 and "repetition" in steps[0] and "length" in steps[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "set.jsonl"), "no model"),
        (("--model", "nowhere", "--data", "set.jsonl"), "nowhere can't be read"),
        (("--model", "MODEL", "--data", "none.jsonl"), "none.jsonl can't be read"),
        (("--model", "MODEL", "--data", "set.jsonl", "--epochs", "2"), "'epochs'"),
        (("none.yaml", "--model", "MODEL", "--data", "set.jsonl"), "none.yaml can't be read"),
    ],
)
def test_a_mistake_is_a_sentence(
    arguments: tuple[str, ...], said: str, tiny_model: Path, folder: Path
) -> None:
    given = [str(tiny_model) if one == "MODEL" else one for one in arguments]
    done = longwrite("train", "sft", *given, "-o", "out", folder=folder)
    assert done.returncode == 2 and said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("times", [12, 60])
def test_the_memory_told_before_is_that_of_the_run(
    times: int, tiny_model: Path, folder: Path
) -> None:
    rows = [{"prompt": "Tell.", "completion": ANSWER * times} for _ in range(4)]
    (folder / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    arguments = [
        "train", "sft", "config.yaml", "--model", str(tiny_model), "--data", "set.jsonl", "-o",
        "out", "--max_steps", "3", "--quiet",
    ]  # fmt: skip
    told = longwrite(*arguments, "--dry-run", "--json", folder=folder)
    assert told.returncode == 0, told.stderr
    measured = subprocess.run(
        [sys.executable, "-c", PEAK, sys.executable, "-c", RUN, *arguments],
        cwd=folder, capture_output=True, text=True, check=True,
        env={**os.environ, **QUIET, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    peak = int(measured.stdout) * 1024
    assert abs(json.loads(told.stdout)["bytes"] - peak) < 0.2 * peak
