"""Lengths and limits taken from the data, so that no long row is ever cut by a default."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from longwrite.errors import UsageError
from longwrite.text import tokens_for_words
from longwrite.train.rows import Encoded
from longwrite.train.settings import Order

_ROOM = 1.25
"""A completion limit over its target: a limit at the target would cut every second reply."""


def find_window(config: Any) -> int | None:
    """Return the most tokens that a model has positions for, None where its config doesn't say.

    Args:
        config: Of the model, as transformers reads it.
    """
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    window = getattr(text, "max_position_embeddings", None)
    return int(window) if window else None


def find_limit(order: Order, window: int | None) -> int | None:
    """Return the most tokens that a row of ``sft`` or ``dpo`` may have; None for any number."""
    asked = getattr(order.training, "max_length", None)
    found = [one for one in (asked, window) if one]
    return min(found) if found else None


def fit_to_data(
    order: Order, encoded: Sequence[Encoded], window: int | None, targets: list[int]
) -> None:
    """Set the lengths that were left open.

    Args:
        order: Its training arguments are changed.
        encoded: The set, and that which is evaluated on if there is one.
        window: Of the model.
        targets: Words asked for by the rows that say so (``grpo``).

    Raises:
        UsageError: A target can't fit the model's window.
    """
    training, longest = order.training, max(one.longest for one in encoded)
    if order.method != "grpo":
        if order.method == "sft" and training.packing:
            # Packing to the longest row or more never cuts one.
            training.packing_strategy = "bfd"
            training.max_length = max(training.max_length or 0, longest)
        return
    if training.max_completion_length is None:
        training.max_completion_length = find_completion_limit(encoded[0], targets)
    whole = longest + training.max_completion_length
    if window and whole > window:
        raise UsageError(
            f"The model's window of {window:,} tokens is too small",
            f"the longest prompt has {longest:,} and a completion may have "
            f"{training.max_completion_length:,}",
            "Drop the rows with the longest targets, or use a model with a larger window.",
        )


def find_completion_limit(encoded: Encoded, targets: list[int]) -> int:
    """Return the tokens of the longest target with room above it.

    Tokens a word are those of the prompts, or the usual number where that is larger.

    Raises:
        UsageError: No row says how long its text should be.
    """
    if not targets:
        raise UsageError(
            "There is no completion limit",
            "no row has a target length to take it from",
            "Set max_completion_length.",
        )
    longest = max(targets)
    usual = tokens_for_words(longest, "en")
    measured = longest / encoded.words_per_token if encoded.words_per_token else 0
    return math.ceil(_ROOM * max(usual, min(measured, 3 * usual)))
