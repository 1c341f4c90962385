"""Two steps of TRL's own trainer on one config of a set; run as a script by the tests."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

from longwrite.rewards import trl as rewards


def main(model: str, folder: str, name: str, out: str) -> None:
    """Train and print what the trainer logged, and the longest row it was given."""
    trl: Any = import_module("trl")
    rows = import_module("datasets").load_dataset(
        folder, name, split="train", cache_dir=f"{out}/cache"
    )
    tokenizer = import_module("transformers").AutoTokenizer.from_pretrained(model)
    shared: dict[str, Any] = {
        "output_dir": f"{out}/{name}", "max_steps": 2, "use_cpu": True, "report_to": "none",
        "save_strategy": "no", "logging_steps": 1, "bf16": False, "seed": 0,
    }  # fmt: skip
    texts = {"sft": ("prompt", "completion"), "dpo": ("prompt", "chosen", "rejected")}
    longest = max(
        (
            sum(len(tokenizer(turn["content"])["input_ids"]) + 8 for turn in row[column])
            for row in rows
            for column in texts.get(name, ("prompt",))
        ),
        default=0,
    )
    room = 2 * longest + 64
    if name == "sft":
        trainer: Any = trl.SFTTrainer(
            model, trl.SFTConfig(max_length=room, per_device_train_batch_size=1, **shared),
            train_dataset=rows,
        )  # fmt: skip
    elif name == "dpo":
        trainer = trl.DPOTrainer(
            model, args=trl.DPOConfig(max_length=room, per_device_train_batch_size=1, **shared),
            train_dataset=rows, processing_class=tokenizer,
        )  # fmt: skip
    else:
        config = trl.GRPOConfig(
            num_generations=2, per_device_train_batch_size=2, max_completion_length=24, **shared
        )
        functions = [rewards.length, rewards.repetition]
        trainer = trl.GRPOTrainer(model, functions, config, train_dataset=rows)
    lengths = [len(row["input_ids"]) for row in trainer.train_dataset] if name == "sft" else []
    trainer.train()
    logs = [log for log in trainer.state.log_history if "loss" in log]
    told = {
        "steps": len(logs), "losses": [log["loss"] for log in logs],
        "longest": max(lengths, default=0), "room": room,
    }  # fmt: skip
    sys.stdout.write(f"\n{json.dumps(told)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
