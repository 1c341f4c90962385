"""A short GRPO run with this project's rewards, started by `test_trl_trainer.py` on its own.

python grpo.py MODEL FOLDER
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from longwrite.rewards.composition import Component, Composition
from longwrite.rewards.length import LengthReward
from longwrite.rewards.measured import RepetitionReward
from longwrite.rewards.trl import reward_functions, reward_weights

PAID = Composition(
    (Component(LengthReward(ended=False)), Component(RepetitionReward(), 0.5)), name="paid"
)


def main(model: str, folder: str) -> None:
    """Train two steps on two prompts, four completions each."""
    datasets: Any = import_module("datasets")
    trl: Any = import_module("trl")
    prompts = ["Write 20 words about boats.", "Write 40 words about the sea."]
    rows = datasets.Dataset.from_dict(
        {"prompt": [[{"role": "user", "content": one}] for one in prompts], "words": [20, 40]}
    )
    config = trl.GRPOConfig(
        output_dir=folder,
        max_steps=2,
        per_device_train_batch_size=8,
        num_generations=4,
        max_completion_length=48,
        learning_rate=1e-4,
        multi_objective_aggregation="normalize_then_sum",
        reward_weights=reward_weights(PAID),
        log_completions=True,
        logging_steps=1,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
    )
    functions = reward_functions(PAID, max_tokens=48)
    trainer = trl.GRPOTrainer(model, reward_funcs=functions, args=config, train_dataset=rows)
    trainer.train()
    Path(folder, "log.json").write_text(json.dumps(trainer.state.log_history))


if __name__ == "__main__":
    main(*sys.argv[1:3])
