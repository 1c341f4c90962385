"""A model that is shared out over processes: its weights held whole, its activations checkpointed.

FSDP can checkpoint the layers that it wraps, and the layers can do it themselves, as TRL has them
by default; both at once are refused. What FSDP wraps has another name, and peft (0.21) finds an
adapter's weights by the names of its modules: it would then write an adapter without any.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from longwrite.errors import UsageError
from longwrite.train.settings import Order

_SHARDED = "ACCELERATE_USE_FSDP"
_CHECKPOINTED = "FSDP_ACTIVATION_CHECKPOINTING"
"""Set by `accelerate launch` from its file."""


def settle_checkpointing(order: Order) -> None:
    """Leave checkpointing to FSDP, or for an adapter to the layers; for a trainer not yet made."""
    if not (_is_set(_SHARDED) and _is_set(_CHECKPOINTED)):
        return
    if order.model.use_peft:
        os.environ[_CHECKPOINTED] = "false"
        return
    order.training.activation_checkpointing = False
    order.training.gradient_checkpointing = False


def check_sharding(trainer: Any, adapter: bool) -> None:
    """Refuse what would lose an adapter.

    Args:
        trainer: That was made.
        adapter: Whether it trains one.

    Raises:
        UsageError: FSDP is told by another way than `accelerate launch` to checkpoint activations.
    """
    plugin = getattr(trainer.accelerator.state, "fsdp_plugin", None)
    if adapter and plugin is not None and plugin.activation_checkpointing:
        why = "peft would write an adapter without weights"
        mend = "Leave activation_checkpointing out of fsdp_config."
        raise UsageError("FSDP can't checkpoint the activations under an adapter", why, mend)


@contextmanager
def hold_whole(weight: Any) -> Iterator[Any]:
    """Hold a weight whole that DeepSpeed divides over the processes (ZeRO 3); all of them have to.

    FSDP divides a model only once its training begins, and then nothing here reads its weights.
    """
    if not hasattr(weight, "ds_id"):
        yield weight
        return
    with import_module("deepspeed").zero.GatheredParameters([weight]):
        yield weight


def _is_set(name: str) -> bool:
    return os.environ.get(name, "false").lower() in ("1", "true", "yes")
