"""What a run needs before its first step: the tokenizer, the set as tokens, and all lengths.

Lengths that an order leaves open are set from the data here, so that all that follows, a trainer, a
forecast, a comparison of memory, sees the order that is run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer

from longwrite.engines.folder import check_weights
from longwrite.errors import UsageError
from longwrite.train.preflight_grpo import find_targets
from longwrite.train.presets import find_limit, find_window, fit_to_data
from longwrite.train.rows import Encoded, encode_rows, load_rows
from longwrite.train.settings import Order

_CONTEXT_SIZE = "PARALLELISM_CONFIG_CP_SIZE"
"""Set by `accelerate launch`: GPUs that share a row."""


@dataclass(frozen=True)
class Prepared:
    """An order with what its first step needs.

    Attributes:
        order: With all lengths set.
        tokenizer: Of the model.
        encoded: The set.
        window: Tokens that the model has positions for, None where nobody says.
    """

    order: Order
    tokenizer: Any
    encoded: Encoded
    window: int | None


def prepare(order: Order) -> Prepared:
    """Read model settings, tokenizer and set, and set the lengths that were left open.

    Raises:
        UsageError: One of them can't be used.
        EngineError: The model's weights are missing, or pickles.
    """
    if getattr(order.training, "packing", False) and os.environ.get(_CONTEXT_SIZE, "1") != "1":
        why = "a packed row can't be cut over several GPUs"
        raise UsageError("Packing and context parallelism don't go together", why, "packing: false")
    name = order.model.model_name_or_path
    tokenizer, config = _load_tokenizer(order, name)
    window = find_window(config)
    raw = load_rows(
        order.script.dataset_name,
        order.script.dataset_config,
        order.script.dataset_train_split,
        order.method,
    )
    encoded = encode_rows(
        raw,
        tokenizer,
        order.method,
        most=find_limit(order, window),
        allow_drop=order.options.allow_drop,
        learn_prompts=getattr(order.training, "completion_only_loss", None) is False,
        learn_answers=getattr(order.options, "learn_answers", "last") == "all",
        learn_turn_ends=getattr(order.options, "learn_ends", "document") == "turn",
        processes=getattr(order.training, "dataset_num_proc", None),
    )
    targets = find_targets(encoded.rows)[0] if order.method == "grpo" else []
    fit_to_data(order, encoded, window, targets)
    return Prepared(order, tokenizer, encoded, window)


def _load_tokenizer(order: Order, name: str) -> tuple[Any, Any]:
    options = {
        "revision": order.model.model_revision,
        "trust_remote_code": order.training.trust_remote_code,
    }
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **options)
        config = AutoConfig.from_pretrained(name, **options)
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise UsageError(f"The model {name} can't be read", said, "Name a folder.") from error
    if Path(name).is_dir():
        check_weights(Path(name), f"The model {name} can't be trained")
    if not tokenizer.chat_template:
        raise UsageError(
            f"The model {name} has no chat template",
            "prompt and answer can't be told apart",
            "Put a chat_template.jinja beside it, or use an instruction-tuned model.",
        )
    if tokenizer.eos_token_id is None:
        raise UsageError(
            f"The tokenizer of {name} has no end token",
            "the model could never learn to stop",
            "Set eos_token in its tokenizer_config.json.",
        )
    return tokenizer, config
