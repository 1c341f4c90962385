"""GRPO on a server's completions in two processes, started by `test_server.py`.

two_processes_server.py MODEL FOLDER ADDRESS

Two steps are trained. Then the server refuses a request of one process, and both have to stop.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from longwrite.errors import EngineError
from longwrite.rewards.catalogue import read_composition
from longwrite.train.server import RolloutServer


def main(model: str, folder: str, address: str) -> None:
    """Train and write what each process saw."""
    datasets: Any = import_module("datasets")
    trl: Any = import_module("trl")
    peft: Any = import_module("peft")
    rollouts: Any = import_module("longwrite.train.server_rollouts")
    served: Any = import_module("longwrite.train.server_trainer")
    rows = datasets.Dataset.from_list([
        {"prompt": [{"role": "user", "content": f"Write {n} words."}], "words": n}
        for n in (10, 20, 30, 40)
    ])  # fmt: skip
    args = trl.GRPOConfig(
        output_dir=f"{folder}/out", max_steps=2, per_device_train_batch_size=2, num_generations=2,
        max_completion_length=32, multi_objective_aggregation="normalize_then_sum",
        logging_steps=1, use_cpu=True, bf16=False, report_to="none", save_strategy="no",
        disable_tqdm=True, learning_rate=0.05,
    )  # fmt: skip
    trainer = served.ServerGRPOTrainer(
        model,
        read_composition("length=1"),
        args,
        train_dataset=rows,
        resample_rounds=1,
        peft_config=peft.LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear"),
        rollouts=rollouts.ServerRollouts(RolloutServer(address), longest=30),
    )
    trainer.train()
    told = [log["sampling/gap"] for log in trainer.state.log_history if "loss" in log]
    refused = ""
    rank = trainer.accelerator.process_index
    if rank == 1:
        trainer._rollouts._server = RolloutServer(address.replace("/v1", "/nowhere/v1"))
    try:
        trainer.train()
    except EngineError as error:
        refused = str(error)
    path = Path(folder) / f"rank{rank}.json"
    path.write_text(json.dumps({"gaps": told, "refused": refused}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
