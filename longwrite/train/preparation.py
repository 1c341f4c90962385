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
        evaluated: The set that is looked at in between; None where none is.
    """

    order: Order
    tokenizer: Any
    encoded: Encoded
    window: int | None
    evaluated: Encoded | None = None


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
    limit = find_limit(order, window)
    script = order.script
    encoded = _encode(order, tokenizer, limit, script.dataset_name, script.dataset_train_split)
    evaluated = None
    if order.training.eval_strategy != "no":
        evaluated = _encode_evaluated(order, tokenizer, limit)
    elif order.options.eval_data is not None:
        mend = "Set eval_strategy: epoch, or leave eval_data out."
        raise UsageError("'eval_data' is never looked at", "eval_strategy is 'no'", mend)
    targets = find_targets(encoded.rows)[0] if order.method == "grpo" else []
    fit_to_data(order, [encoded, *([evaluated] if evaluated else [])], window, targets)
    return Prepared(order, tokenizer, encoded, window, evaluated)


def _encode(order: Order, tokenizer: Any, limit: int | None, name: str, split: str) -> Encoded:
    raw = load_rows(name, order.script.dataset_config, split, order.method)
    return encode_rows(
        raw,
        tokenizer,
        order.method,
        most=limit,
        allow_drop=order.options.allow_drop,
        learn_prompts=getattr(order.training, "completion_only_loss", None) is False,
        learn_answers=getattr(order.options, "learn_answers", "last") == "all",
        learn_turn_ends=getattr(order.options, "learn_ends", "document") == "turn",
        processes=getattr(order.training, "dataset_num_proc", None),
    )


def _encode_evaluated(order: Order, tokenizer: Any, limit: int | None) -> Encoded:
    """Return the set that is looked at in between: one of its own, or another split."""
    script, name = order.script, order.options.eval_data
    split = script.dataset_train_split if name else script.dataset_test_split
    what, mend = "There is no set to evaluate on", "Name one: --eval_data FILE."
    if name is None and Path(script.dataset_name).is_file():
        raise UsageError(what, f"{script.dataset_name} is one file, without '{split}'", mend)
    try:
        return _encode(order, tokenizer, limit, name or script.dataset_name, split)
    except UsageError as error:
        where = name or f"{script.dataset_name}, split '{split}'"
        said = f"{error.what}: {error.why}" if error.why else error.what
        raise UsageError(f"{where} can't be evaluated on", said, error.mend) from error


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
    _set_tokenizer(tokenizer, order.training)
    if Path(name).is_dir():
        check_weights(Path(name), f"The model {name} can't be trained")
    if not tokenizer.chat_template:
        raise UsageError(
            f"The model {name} has no chat template",
            "prompt and answer can't be told apart",
            "Put a chat_template.jinja beside it, or give sft one with --chat_template_path.",
        )
    if tokenizer.eos_token_id is None:
        raise UsageError(
            f"The tokenizer of {name} has no end token",
            "the model could never learn to stop",
            "Set eos_token in its tokenizer_config.json.",
        )
    return tokenizer, config


def _set_tokenizer(tokenizer: Any, training: Any) -> None:
    """Give a tokenizer the template and the end token of an order, before rows are encoded.

    TRL does the same when its trainer is made, which is after that.

    Raises:
        UsageError: One of them can't be used.
    """
    template = getattr(training, "chat_template_path", None)
    if template is not None:
        path = Path(template)
        what = f"The chat template {template} can't be used"
        if path.suffix not in (".jinja", ".j2"):
            mend = "Give the chat_template.jinja of a model's folder."
            raise UsageError(what, "it is no .jinja file", mend)
        try:
            tokenizer.chat_template = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            raise UsageError(what, why, "See the name.") from error
    end = getattr(training, "eos_token", None)
    if end is not None:
        if end not in tokenizer.get_vocab():
            mend = "Name one of its own tokens."
            raise UsageError(f"'eos_token: {end}' can't be used", "no such token is known", mend)
        tokenizer.eos_token = end
