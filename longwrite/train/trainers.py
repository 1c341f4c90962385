"""Which trainer an order asks for, with what each of them needs beside TRL's arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from longwrite.engines.countdown import read_countdown
from longwrite.rewards.catalogue import read_composition
from longwrite.train.countdown import fit_countdown
from longwrite.train.preflight import find_stops, measure_tokens_per_word
from longwrite.train.preparation import Prepared
from longwrite.train.rows import IGNORED
from longwrite.train.settings import import_trl
from longwrite.train.sharding import check_sharding, settle_checkpointing

_MEASURED = 64
"""Rows whose replies tell how many tokens a word takes."""


def make_trainer(prepared: Prepared) -> Any:
    """Return the trainer of an order, its model loaded."""
    settle_checkpointing(prepared.order)
    trainer = _choose_trainer(prepared)
    check_sharding(trainer, prepared.order.model.use_peft)
    if prepared.order.script.ignore_bias_buffers:
        # As TRL's scripts do: DistributedDataParallel can't send buffers of truth values.
        model = trainer.model
        model._ddp_params_and_buffers_to_ignore = [
            name for name, buffer in model.named_buffers() if buffer.dtype == torch.bool
        ]
    return trainer


def _choose_trainer(prepared: Prepared) -> Any:
    order = prepared.order
    if order.method == "sft":
        from longwrite.train.sft import LongSFTTrainer

        options = order.options
        trainer = LongSFTTrainer(weighting=options.weighting, **_share(prepared))
        stops = find_stops(trainer.model, prepared.tokenizer)
        if options.stop_weight != 1:
            trainer.weigh_stops(stops, options.stop_weight)
        if options.count_down:
            _teach_countdown(trainer, prepared, stops)
        return trainer
    if order.method == "dpo":
        from longwrite.train.dpo import LongDPOTrainer

        return LongDPOTrainer(**_share(prepared))
    options = order.options
    kind, more = _choose_rollouts(options, prepared.encoded.longest)
    return kind(
        reward_funcs=read_composition(options.rewards),
        eos_gate=options.eos_gate,
        overlong=options.overlong,
        resample_rounds=options.resample_rounds,
        reward_deadline=options.reward_deadline,
        alarms=options.alarms,
        **more,
        **_share(prepared),
    )


def _choose_rollouts(options: Any, longest: int) -> tuple[Any, dict[str, Any]]:
    """Return the trainer that draws completions as asked for, and what it needs for that.

    Args:
        options: Ours.
        longest: Tokens of the longest prompt.
    """
    if options.rollouts == "thread":
        from longwrite.train.thread_rollouts import ThreadGRPOTrainer

        return ThreadGRPOTrainer, {
            "section_weight": options.section_weight,
            "plan_tokens": options.plan_tokens,
        }
    if options.segment_tokens:
        from longwrite.train.segment_trainer import SegmentGRPOTrainer

        return SegmentGRPOTrainer, {
            "segment_tokens": options.segment_tokens,
            "segment_on_policy": options.segment_on_policy,
        }
    if options.rollout_server is not None:
        from longwrite.engines.openai import read_key
        from longwrite.train.server import RolloutServer
        from longwrite.train.server_rollouts import ServerRollouts
        from longwrite.train.server_trainer import ServerGRPOTrainer

        server = RolloutServer(options.rollout_server, read_key())
        rollouts = ServerRollouts(server, options.rollout_model, longest)
        return ServerGRPOTrainer, {"rollouts": rollouts}
    from longwrite.train.grpo import LongGRPOTrainer

    return LongGRPOTrainer, {}


def _teach_countdown(trainer: Any, prepared: Prepared, stops: set[int]) -> None:
    """Have a trainer tell the count, as its model was told before if it ever was."""
    options, rows = prepared.order.options, prepared.encoded.rows
    tokenizer = prepared.tokenizer
    known = read_countdown(Path(prepared.order.model.model_name_or_path))
    if known is None:
        learned = [
            [token for token in row["labels"] if token != IGNORED]
            for row in rows.select(range(min(_MEASURED, len(rows))))
        ]
        texts = tokenizer.batch_decode(learned, skip_special_tokens=True)
        rate = measure_tokens_per_word(tokenizer, texts)
        known = fit_countdown(
            trainer.model, tokens_per_word=rate, longest=max(prepared.encoded.lengths)
        )
    trainer.teach_countdown(known, stops, blank=options.count_down_blank)


def _share(prepared: Prepared) -> dict[str, Any]:
    """Return what all trainers take, with the model's settings in TRL's arguments."""
    trl, order = import_trl(), prepared.order
    given = order.training.model_init_kwargs or {}
    order.training.model_init_kwargs = {
        "revision": order.model.model_revision,
        "attn_implementation": order.model.attn_implementation,
        "dtype": order.model.dtype,
        "use_safetensors": True,
        **given,
    }
    return {
        "model": order.model.model_name_or_path,
        "args": order.training,
        "train_dataset": prepared.encoded.rows,
        "eval_dataset": prepared.evaluated.rows if prepared.evaluated else None,
        "processing_class": prepared.tokenizer,
        "peft_config": trl.get_peft_config(order.model),
        "quantization_config": trl.get_quantization_config(order.model),
    }
