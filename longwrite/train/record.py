"""Which order the checkpoints of a folder belong to, so that no two become one training.

What only says where, how often or on what machine may change between a run and what goes on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from longwrite.errors import UsageError
from longwrite.runs.store import digest
from longwrite.train.model_card import list_changes
from longwrite.train.preparation import Prepared
from longwrite.train.settings import Order

RECORD = "longwrite-train.json"
"""Beside the checkpoints: the order that they belong to."""

_ARGUMENTS = "arguments"
"""Of the record: TRL's arguments that don't stand as they do by default."""

_FREE = frozenset({"max_steps", "num_train_epochs", "report_to", "eval_data"})
_FREE_BEGINNINGS = (
    "logging_", "save_", "log_", "do_", "eval_", "per_device_eval_", "num_generations_eval",
    "prediction_loss_only", "batch_eval_", "load_best_", "metric_for_", "greater_is_", "hub_",
    "push_to_hub", "project", "run_name", "trackio_", "disable_tqdm", "num_completions_to_print",
    "include_", "resume_from_", "dataloader_", "dataset_num_proc", "ddp_", "fsdp", "deepspeed",
    "parallelism_", "accelerator_", "torch_", "use_cpu", "bf16", "fp16", "tf32", "activation_",
    "gradient_checkpointing", "auto_find_", "skip_memory_", "generation_batch_size",
    "steps_per_generation", "vllm_server_", "vllm_group_", "vllm_gpu_", "local_rank", "debug",
    "restore_callback_", "enable_jit_", "precompute_ref_batch_", "use_liger_", "liger_",
)  # fmt: skip
"""Of arguments that a run may change when it goes on. The two of a generation follow from how many
processes there are."""


def describe(prepared: Prepared) -> dict[str, Any]:
    """Return what decides which checkpoints belong to an order, as JSON values."""
    order = prepared.order
    path = Path(order.model.model_name_or_path) / "config.json"
    model = digest(path.read_text("utf-8"))[:12] if path.is_file() else ""
    # What stands as it is by default is left out, so that a new option doesn't end older runs.
    usual = _list_usual(order)
    options = {f"longwrite.{name}": value for name, value in asdict(order.options).items()}
    free = {f"longwrite.{name}" for name in _FREE}
    ours = {
        name: value
        for name, value in options.items()
        if name not in free and value != usual.get(name)
    }
    told = {
        "method": order.method,
        "model": order.model.model_name_or_path,
        "model_config": model,
        "set": order.script.dataset_name,
        "set_config": order.script.dataset_config,
        "set_lengths": digest(str(list(prepared.encoded.lengths)))[:12],
        "lora": [order.model.use_peft, order.model.lora_r, order.model.lora_target_modules],
        "seed": order.training.seed,
        "learning_rate": order.training.learning_rate,
        "batch": [
            order.training.per_device_train_batch_size,
            order.training.gradient_accumulation_steps,
        ],
        **ours,
        _ARGUMENTS: {
            name: value
            for name, value in list_changes(order.training).items()
            if name not in _FREE and not name.startswith(_FREE_BEGINNINGS)
        },
    }
    return dict(json.loads(json.dumps(told)))


def read_record(path: Path) -> dict[str, Any]:
    """Return what was described when a folder's run began.

    Raises:
        UsageError: It is damaged.
    """
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        mend = "Name another --output, or delete that folder to begin anew."
        raise UsageError(f"{path} can't be read", "it is damaged", mend) from error


def find_changes(before: Mapping[str, Any], now: Mapping[str, Any], order: Order) -> list[str]:
    """Return the names of what differs between two descriptions.

    Args:
        before: As it was read. One of an older version may hold every option, those too that stood
            as they do by default, and none of TRL's arguments, which are then not compared.
        now: Of this order.
        order: It.
    """
    usual = _list_usual(order)
    first, second = {**usual, **before}, {**usual, **now}
    arguments = first.pop(_ARGUMENTS, None), second.pop(_ARGUMENTS)
    changed = _compare(first, second)
    if isinstance(arguments[0], dict):
        changed += _compare(*arguments)
    return sorted(set(changed))


def _compare(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in {**now, **before} if now.get(name) != before.get(name)]


def _list_usual(order: Order) -> dict[str, Any]:
    """Return our own options as they stand by default, by their names in the record."""
    return {f"longwrite.{one.name}": one.default for one in fields(order.options)}
