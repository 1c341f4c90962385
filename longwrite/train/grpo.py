"""GRPO for long texts: TRL's trainer with honest endings, rewards that can't hang, no idle groups.

    trainer = LongGRPOTrainer(model, DEFAULT, args=GRPOConfig(…), train_dataset=rows, overlong=256)

What TRL does itself is left to it: clip-higher is its ``epsilon_high``, normalising each component
before they are added its ``multi_objective_aggregation``. Four methods of TRL's trainer are
overridden, each around its own: drawing completions, paying them, the batch as a whole, the log.

Two ways to draw completions otherwise have their places here. A ``rollout_func`` of TRL returns one
row per prompt; its ``env_mask`` masks the tokens that aren't the policy's, and its other fields say
what tokens can't: `ENDED`, `TEXT`, `VOID`. `drawn_rows` are the rows of the set that it draws for,
`resampling_round` tells which draw of a group it is. `weigh_tokens` may turn the advantages of a
batch, of shape (rows,), into some of shape (rows, tokens).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from importlib import import_module
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PrinterCallback, ProgressCallback

from longwrite.errors import UsageError
from longwrite.rewards.composition import Composition
from longwrite.rewards.trl import reward_weights
from longwrite.train.alarms import Alarms
from longwrite.train.preflight import measure_tokens_per_word
from longwrite.train.preflight_grpo import list_texts
from longwrite.train.resampling import (
    Rollouts,
    fill,
    find_silent,
    plan_round,
    splice,
    splice_columns,
    splice_rewards,
)
from longwrite.train.rewarding import Paid, RewardFunction, RewardPool, list_functions
from longwrite.train.shaping import OVERLONG_WEIGHT, OverlongPenalty, find_floors, gate_endings
from longwrite.train.steps import StepLog, measure_repetition, quantiles

_trl: Any = import_module("trl")
_accelerate: Any = import_module("accelerate.utils")

ENDED = "completion_ended"
"""Field of a rollout function that says for each completion whether its text ended."""

TEXT = "completion_text"
"""Field of a rollout function: what is paid and logged as the completion, not all of its tokens."""

VOID = "completion_void"
"""Field of a rollout function: the completion can't be used at all, and is paid the minimum."""

SECTIONS = "completion_sections"
"""Field of a rollout function: what each section of the completion is paid."""

_NO_COLUMNS = ("prompt", "completion", "completion_ids", ENDED, TEXT, VOID, SECTIONS)
_MEASURED = 64


class LongGRPOTrainer(_trl.GRPOTrainer):
    """TRL's trainer for long texts.

    Args:
        model: A folder, a name, or the model itself.
        reward_funcs: A composition, or functions as TRL takes them.
        args: TRL's ``GRPOConfig``; it is copied.
        eos_gate: Whether a completion that didn't end in a stop token is paid the minimum of every
            component (`longwrite.train.shaping.gate_endings`).
        overlong: Tokens before the completion limit in which `OverlongPenalty`, a component more,
            falls to its least; 0 for none.
        resample_rounds: Times that groups without a signal are drawn again.
        reward_deadline: Seconds in which the rewards of a batch have to be back.
        alarms: What an alarm does: ``warn``, ``stop`` or ``off``.
        tokens_per_word: Of the tokenizer, for the penalty; None to measure it on the set.
        **options: Of TRL's trainer.

    Raises:
        UsageError: An option doesn't go with another.
    """

    reward_funcs: list[Any]

    def __init__(
        self,
        model: Any,
        reward_funcs: Composition | Sequence[RewardFunction],
        args: Any,
        *,
        eos_gate: bool = True,
        overlong: int = 0,
        resample_rounds: int = 0,
        reward_deadline: float = 60.0,
        alarms: str = "warn",
        tokens_per_word: float | None = None,
        **options: Any,
    ) -> None:
        """Set the trainer up."""
        # What is rolled out otherwise may be longer than one completion.
        limit = None if options.get("rollout_func") else args.max_completion_length
        functions = list_functions(reward_funcs, limit)
        args = copy.copy(args)
        if args.reward_weights is None and isinstance(reward_funcs, Composition):
            args.reward_weights = reward_weights(reward_funcs)
        penalty = None
        if overlong:
            penalty = OverlongPenalty(args.max_completion_length, overlong, tokens_per_word or 0.0)
            weights = args.reward_weights or [1.0] * len(functions)
            args.reward_weights = [*weights, OVERLONG_WEIGHT]
            functions.append(penalty)
        _check_rounds(resample_rounds, args, options)
        self.alarms = Alarms(alarms)
        super().__init__(model, functions, args=args, **options)
        if penalty is not None and tokens_per_word is None:
            texts = list_texts(list(islice(self.train_dataset, _MEASURED)))
            penalty.tokens_per_word = measure_tokens_per_word(self._tokenizer, texts)
        self.eos_gate = eos_gate
        self.resample_rounds = resample_rounds
        self.resampling_round = 0
        self.drawn_rows: list[dict[str, Any]] = []
        self._called = [
            number for number, one in enumerate(self.reward_funcs) if not isinstance(one, nn.Module)
        ]
        self.pool = RewardPool(
            [self.reward_funcs[number] for number in self._called],
            deadline=reward_deadline,
        )
        self._floors = [getattr(one, "minimum", None) for one in self.reward_funcs]
        self._rows: list[dict[str, Any]] = []
        self._settled: Tensor | None = None
        self._lengths: dict[str, list[float]] = {"train": [], "eval": []}
        self.remove_callback(PrinterCallback)
        if self.pop_callback(ProgressCallback) is not None:
            self.add_callback(_Bar())
        self.add_callback(StepLog())
        self.add_callback(self.alarms)

    def weigh_tokens(self, batch: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return a batch with the advantages that its loss is computed with.

        Args:
            batch: As TRL makes it: ``advantages`` of shape (rows,), ``completion_mask`` of shape
                (rows, tokens).
            rows: The rows that it was made of, with the fields that a rollout function added.
        """
        return batch

    # --- overridden -------------------------------------------------------------------------------

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._rows = inputs
        try:
            return self.weigh_tokens(super()._generate_and_score_completions(inputs), inputs)
        finally:
            self._rows, self.drawn_rows, self._settled = [], [], None

    def _generate(self, prompts: list[Any]) -> Rollouts:
        rollouts = self._draw(prompts, self._rows)
        if self.resample_rounds and self._mode == "train":
            rollouts = self._resample(prompts, rollouts)
        self._measure(rollouts)
        return rollouts

    def _generate_single_turn(
        self,
        prompt_ids: Any,
        images: Any,
        multimodal_fields: Any,
        num_generations: int,
        **rest: Any,
    ) -> Any:
        if self.resampling_round:
            num_generations = 1  # The rows are no whole groups, so each is a prompt of its own.
        return super()._generate_single_turn(
            prompt_ids, images, multimodal_fields, num_generations, **rest
        )

    def _calculate_rewards(
        self,
        inputs: list[dict[str, Any]],
        prompts: list[Any],
        completions: list[Any],
        completion_ids_list: list[list[int]],
    ) -> Tensor:
        if self._settled is not None:
            return self._settled
        rewards = self._pay(inputs, prompts, completions, completion_ids_list)
        self._note_silence(rewards)
        return rewards

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log as TRL does, with the quantiles of all lengths since the last time."""
        lengths = self._lengths[self._mode]
        if lengths:
            prefix = "eval_" if self._mode == "eval" else ""
            logs.update({f"{prefix}{name}": one for name, one in quantiles(lengths).items()})
            lengths.clear()
        super().log(logs, start_time)

    # --- paying -----------------------------------------------------------------------------------

    def _pay(
        self,
        inputs: Sequence[dict[str, Any]],
        prompts: list[Any],
        completions: list[Any],
        completion_ids: list[list[int]],
    ) -> Tensor:
        """Return the rewards of all processes, of shape (completions, components)."""
        names = [name for name in inputs[0] if name not in _NO_COLUMNS]
        columns = {name: [row[name] for row in inputs] for name in names}
        if self.environments is not None:
            columns["environments"] = self.environments
        paid = self.pool.pay({
            "prompts": prompts, "completions": completions, "completion_ids": completion_ids,
            **columns, "trainer_state": self.state,
        })  # fmt: skip
        self._settle(paid)
        for name, column in paid.extra.items():
            self._pending_extra_logs[name].extend(column)
        for name, figures in paid.metrics.items():
            self._pending_metrics[name].extend(figures)
        functions = self.reward_funcs
        self.reward_funcs = list(functions)
        for number, values in zip(self._called, paid.values, strict=True):
            self.reward_funcs[number] = _Known(values)
        try:
            rewards: Tensor = super()._calculate_rewards(
                inputs, prompts, completions, completion_ids
            )
        finally:
            self.reward_funcs = functions
        sound = [self._is_sound(row, ids) for row, ids in zip(inputs, completion_ids, strict=True)]
        flags = self.accelerator.gather(torch.tensor(sound, device=rewards.device))
        return gate_endings(rewards, flags, find_floors(rewards, self._floors))

    def _is_sound(self, row: dict[str, Any], ids: Sequence[int]) -> bool:
        """Tell whether a completion is paid what it is worth, and not the minimum."""
        if row.get(VOID):
            return False
        if not self.eos_gate:
            return True
        return bool(row[ENDED]) if ENDED in row else bool(ids) and ids[-1] in self.eos_token_ids

    def _settle(self, paid: Paid) -> None:
        """Count what couldn't be paid, in all processes, and stop all of them if it is too much."""
        ranks = _accelerate.gather_object([paid.tallies])
        every = [tally for tallies in ranks for tally in tallies]
        asked = max(1, sum(one.asked for one in every))
        metrics = self._metrics[self._mode]
        metrics["rewards/late"].append(sum(one.late for one in every) / asked)
        metrics["rewards/failed"].append(sum(one.failed for one in every) / asked)
        self.pool.settle(ranks)

    def _find_silent(self, rewards: Tensor) -> Tensor:
        summed = self.multi_objective_aggregation == "sum_then_normalize"
        return find_silent(rewards, self.reward_weights, self._group, summed=summed)

    def _note_silence(self, rewards: Tensor) -> None:
        share = self._find_silent(rewards).float().mean().item()
        self._metrics[self._mode]["groups/zero_signal"].append(share)

    # --- drawing ----------------------------------------------------------------------------------

    def _draw(self, prompts: list[Any], rows: list[dict[str, Any]]) -> Rollouts:
        """Return what TRL draws for some rows, with the texts that are paid in the completions."""
        self.drawn_rows = rows
        rollouts = Rollouts(*super()._generate(prompts))
        texts = rollouts.extra_fields.pop(TEXT, None)
        if texts is None:
            return rollouts
        plain = isinstance(prompts[0], str)
        shown = [one if plain else [{"role": "assistant", "content": one}] for one in texts]
        return rollouts._replace(completions=shown)

    def _resample(self, prompts: list[Any], rollouts: Rollouts) -> Rollouts:
        """Return the rollouts with the groups that teach nothing drawn again, and keep their pay.

        The groups are those of all processes and are found in gathered rewards, so every process
        comes to the same decision without asking. A new draw goes on in each process's own random
        numbers, so it is another one.
        """
        metrics = self._metrics[self._mode]
        rewards = self._pay_rollouts(range(len(prompts)), prompts, rollouts)
        self._note_silence(rewards)
        spent = 0
        for number in range(1, self.resample_rounds + 1):
            silent = self._find_silent(rewards)
            if not silent.any():
                break
            self.resampling_round = number
            plan = plan_round(silent, self._group, self.accelerator.num_processes)
            own = plan.rows[self.accelerator.process_index]
            drawn = fill(own, plan.width)
            kept = {name: list(one) for name, one in metrics.items() if name.startswith(_LENGTHS)}
            extra = dict(self._pending_extra_logs)
            self._pending_extra_logs.clear()
            asked = [prompts[row] for row in drawn]
            fresh = self._draw(asked, [self._rows[row] for row in drawn])
            paid = self._pay_rollouts(drawn, asked, fresh)
            metrics.update(kept)
            self._pending_extra_logs.update(splice_columns(extra, self._pending_extra_logs, own))
            rollouts = splice(rollouts, fresh, own)
            rewards = splice_rewards(rewards, paid, plan)
            spent += sum(map(len, fresh.completion_ids))
        self.resampling_round = 0
        total = self.accelerator.gather(torch.tensor([spent], device=rewards.device)).sum().item()
        metrics["resampling/tokens"].append(float(total))
        share = self._find_silent(rewards).float().mean().item()
        metrics["groups/zero_signal_after"].append(share)
        self._settled = rewards
        return rollouts

    def _pay_rollouts(self, rows: Sequence[int], prompts: list[Any], rollouts: Rollouts) -> Tensor:
        """Return the rewards of what was drawn for some rows of the batch."""
        inputs = [
            {**self._rows[row], **_read_fields(rollouts.extra_fields, place)}
            for place, row in enumerate(rows)
        ]
        return self._pay(inputs, prompts, rollouts.completions, rollouts.completion_ids)

    # --- figures ----------------------------------------------------------------------------------

    @property
    def _mode(self) -> str:
        return "train" if self.model.training else "eval"

    @property
    def _group(self) -> int:
        """Completions of a prompt."""
        size: int = self.num_generations if self._mode == "train" else self.num_generations_eval
        return size

    def _measure(self, rollouts: Rollouts) -> None:
        """Log the lengths, what was cut and what is repeated, of the completions as they stay."""
        ids = rollouts.completion_ids
        masks = rollouts.tool_mask or [[1] * len(one) for one in ids]
        stops = {*self.eos_token_ids, self._tokenizer.pad_token_id}
        own = [
            [token for token, is_own in zip(one, mask, strict=True) if is_own]
            for one, mask in zip(ids, masks, strict=True)
        ]
        ended = rollouts.extra_fields.get(ENDED) or [one[-1] in stops for one in ids]
        local = [
            (len(mine), not stopped, measure_repetition(mine))
            for mine, stopped in zip(own, ended, strict=True)
        ]
        for name, column in zip(
            ("tokens", "cut", "repetition"), zip(*local, strict=True), strict=True
        ):
            self._log_completion_extra(name, list(column))
        device = self.accelerator.device
        found = self.accelerator.gather(torch.tensor(local, dtype=torch.float32, device=device))
        lengths, cut = found[:, 0], found[:, 1].bool()
        self._lengths[self._mode].extend(lengths.tolist())
        metrics = self._metrics[self._mode]
        metrics[f"{_LENGTHS}repetition"].append(found[:, 2].mean().item())
        whole = lengths[~cut] if (~cut).any() else torch.zeros(1)
        figures = {"clipped_ratio": cut.float().mean()}
        for kind, values in (("", lengths), ("terminated_", whole)):
            figures |= {
                f"mean_{kind}length": values.mean(),
                f"min_{kind}length": values.min(),
                f"max_{kind}length": values.max(),
            }
        for name, figure in figures.items():  # TRL's were of the first draw
            metrics[f"{_LENGTHS}{name}"][-1] = figure.item()


_LENGTHS = "completions/"


class _Known:
    """A reward whose values are known; called in the place of the one that paid them."""

    def __init__(self, values: Sequence[float | None]) -> None:
        self.values = values

    def __call__(self, **batch: Any) -> list[float | None]:
        return list(self.values)


class _Bar(ProgressCallback):
    """The bar alone; the figures are told by `StepLog`."""

    def on_log(self, *given: Any, **rest: Any) -> None:
        """Say nothing."""


def _check_rounds(rounds: int, args: Any, options: dict[str, Any]) -> None:
    """Refuse to draw groups again where that can't be done.

    Raises:
        UsageError: It can't.
    """
    why = ""
    if rounds < 0:
        why = "it has to be 0 or more"
    elif rounds and (options.get("tools") or options.get("environment_factory")):
        why = "rows with tools or environments can't be drawn again"
    elif rounds and "seed" in (args.generation_kwargs or {}):
        why = "generation_kwargs fixes the seed, so the same would be drawn"
    if why:
        raise UsageError(f"'resample_rounds: {rounds}' can't be used", why, "Set it to 0.")


def _read_fields(fields: dict[str, Any], place: int) -> dict[str, Any]:
    """Return a row's values of a rollout function's fields, as TRL gives them to rewards."""
    return {
        name: column[place] if isinstance(column, list) else column
        for name, column in fields.items()
        if not isinstance(column, list) or place < len(column)
    }
