"""A short SFT run with evaluations, started by `test_evaluation.py` on two processes.

accelerate launch --cpu --num_processes 2 evaluated_steps.py MODEL BRIEFS FOLDER
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from longwrite.train.evaluation import CheckpointEvaluation, EvaluationSettings
from longwrite.train.held_out import read_held_out


def main(model: str, briefs: str, folder: str) -> None:
    """Train two steps and evaluate after the second."""
    datasets: Any = import_module("datasets")
    trl: Any = import_module("trl")
    rows = [{"prompt": f"Boat {n} ", "completion": "is on the lake."} for n in range(4)]
    config = trl.SFTConfig(
        output_dir=folder, max_steps=2, save_steps=2, per_device_train_batch_size=1, use_cpu=True,
        bf16=False, report_to="none", disable_tqdm=True,
    )  # fmt: skip
    trainer = trl.SFTTrainer(model, args=config, train_dataset=datasets.Dataset.from_list(rows))
    settings = EvaluationSettings(samples=2, max_new_tokens=16, batch=2)
    trainer.add_callback(CheckpointEvaluation(trainer, read_held_out(Path(briefs)), settings))
    trainer.train()


if __name__ == "__main__":
    main(*sys.argv[1:4])
