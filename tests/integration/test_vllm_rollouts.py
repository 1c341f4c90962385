"""GRPO of the embedded model whose completions a real vLLM writes, on the weights of each step.

It begins with an SFT on answers whose length ignores what was asked, and is then paid for length.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from longwrite.errors import UsageError

pytest.importorskip("trl")

from longwrite.nano.lexicon import load_lexicon
from longwrite.nano.outlines import Outliner
from longwrite.nano.prose import GENRES, Author
from longwrite.nano.speaker import draw_cast
from longwrite.nano.subjects import draw_wish
from longwrite.train.preparation import prepare
from longwrite.train.running import train
from longwrite.train.server import RolloutServer
from longwrite.train.settings import read_order
from tests.integration.real_vllm import MARKS, serve_for_training

NANO = str(files("longwrite.nano"))
RANK, RATE, WORDS, STEPS, FEW = 8, 2e-3, 30, 24, 6

pytestmark = [*MARKS, pytest.mark.timeout(1800), pytest.mark.filterwarnings("ignore")]


def write_rows(count: int, words: Callable[[random.Random], int]) -> list[dict[str, Any]]:
    """Return requests, each with an answer of another length than it asks for."""
    lexicon, rng = load_lexicon(core=True), random.Random("rollouts")
    rows = []
    for _ in range(count):
        genre = rng.choice(GENRES)
        wish = draw_wish(lexicon, rng, story=genre == "story")
        frame = Outliner(genre, wish, draw_cast(lexicon.names, rng), lexicon, rng).frame(0)
        asked = words(rng)
        rows.append({
            "prompt": f"Write a text about {wish.full}. Length: {asked} words.", "words": asked,
            "completion": Author(genre, frame, rng).section(rng.randint(20, 100)),
        })  # fmt: skip
    return rows


def save_rows(path: Path, rows: list[dict[str, Any]], *names: str) -> Path:
    lines = (json.dumps({name: row[name] for name in names}) + "\n" for row in rows)
    path.write_text("".join(lines), "utf-8")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the embedded model taught to answer at any length."""
    folder = tmp_path_factory.mktemp("rollouts")
    rows = write_rows(320, lambda rng: rng.randint(20, 100))
    data = save_rows(folder / "sft.jsonl", rows, "prompt", "completion")
    train(prepare(read_order("sft", None, [
        f"--model_name_or_path={NANO}", f"--dataset_name={data}", f"--output_dir={folder}/model",
        "--packing=true", "--max_length=1024", "--per_device_train_batch_size=1",
        "--learning_rate=1e-3", "--num_train_epochs=1", "--save_strategy=no", "--report_to=none",
        "--disable_tqdm=true", "--use_cpu=true", "--bf16=false",
    ])))  # fmt: skip
    return folder / "model"


@pytest.fixture(scope="module")
def address(model: Path) -> Iterator[str]:
    with serve_for_training(model, RANK, adapters=2, window=1_024) as found:
        yield found


def start(model: Path, address: str, folder: Path, **more: Any) -> list[dict[str, Any]]:
    """Train some steps and return what was logged of each."""
    data = save_rows(folder / "rows.jsonl", write_rows(64, lambda rng: WORDS), "prompt", "words")
    options = {
        "model_name_or_path": model, "dataset_name": data, "output_dir": folder / "out",
        "max_steps": STEPS, "per_device_train_batch_size": 16, "num_generations": 8,
        "max_completion_length": 192, "learning_rate": RATE, "max_grad_norm": 0.5,
        "lr_scheduler_type": "constant", "use_peft": "true", "lora_r": RANK, "lora_alpha": 16,
        "lora_target_modules": "all-linear", "logging_steps": 1, "report_to": "none",
        "disable_tqdm": "true", "rewards": "range=1", "alarms": "off", "use_cpu": "true",
        "bf16": "false", "rollout_server": address,
    }  # fmt: skip
    given = [f"--{name}={value}" for name, value in {**options, **more}.items()]
    train(prepare(read_order("grpo", None, given)))
    state = next((folder / "out").glob("checkpoint-*/trainer_state.json"))
    history = json.loads(state.read_text("utf-8"))["log_history"]
    return [log for log in history if "loss" in log]


def test_every_step_is_drawn_by_vllm_on_its_own_weights(
    model: Path, address: str, tmp_path: Path
) -> None:
    logs = start(model, address, tmp_path)
    assert len(logs) == STEPS
    for number, log in enumerate(logs, 1):
        sys.stdout.write(
            f"\nstep {number}: reward {log['reward']:.3f}, gap {log['sampling/gap']:.1e} nats, "
            f"ratio up to {log['sampling/ratio_max']:.4f}, sync {log['sync/seconds'] * 1e3:.0f} ms,"
            f" rollouts {log['rollout/seconds']:.1f} s, entropy {log['entropy']:.2f}"
        )
    # In single precision both compute the same, so old weights on the server would show.
    assert all(log["sampling/gap"] < 1e-3 for log in logs)
    assert all(log["sampling/ratio_max"] < 1.1 for log in logs)
    rewards = [log["reward"] for log in logs]
    first, last = (fmean(some) for some in (rewards[:FEW], rewards[-FEW:]))
    syncs = fmean(log["sync/seconds"] for log in logs)
    sys.stdout.write(f"\nreward {first:.3f} to {last:.3f}, sync {syncs * 1e3:.0f} ms\n")
    assert last > first + 0.15
    assert [one.name for one in RolloutServer(address).list_models()] == ["nano"]
    assert not (tmp_path / "out" / "rollout-adapter").exists()


def test_what_the_server_was_not_started_for_is_told(
    model: Path, address: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=f"--max-lora-rank {2 * RANK}"):
        start(model, address, tmp_path, lora_r=2 * RANK)


def test_another_base_model_is_told(address: str, tmp_path: Path, tiny_model: Path) -> None:
    with pytest.raises(UsageError, match="Serve the very model"):
        start(tiny_model, address, tmp_path)
