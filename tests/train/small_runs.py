"""Trainings of a few steps, in this process or ready to be begun in another."""

from __future__ import annotations

import os
from pathlib import Path

from longwrite.train.preparation import prepare
from longwrite.train.running import Trained, train
from longwrite.train.settings import Method, read_order

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    **os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
    "TRL_EXPERIMENTAL_SILENCE": "1",
}  # fmt: skip


def arguments(model: Path, folder: Path, method: Method, out: str, *more: str) -> list[str]:
    return [
        f"--model_name_or_path={model}", f"--dataset_name={folder}/{method}.jsonl",
        f"--output_dir={folder}/{out}", "--max_steps=12", "--save_steps=1", "--report_to=none",
        "--per_device_train_batch_size=1", "--disable_tqdm=true", "--learning_rate=1e-3", *more,
    ]  # fmt: skip


def run(model: Path, folder: Path, method: Method, out: str, *more: str) -> Trained:
    order = read_order(method, None, arguments(model, folder, method, out, *more))
    return train(prepare(order))
