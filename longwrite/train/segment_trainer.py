"""GRPO whose long completions are decoded in segments over its steps; see `segments` for the pool.

    trainer = SegmentGRPOTrainer(model, DEFAULT, args=GRPOConfig(…), train_dataset=rows,
                                 segment_tokens=4096)

TRL's batches keep their shape: before each of them, segments are decoded until as many groups as it
takes are whole, which takes at most limit / segment calls, and what TRL would generate is what left
the pool. The rows of TRL's own batches are not looked at: their order, from the same sampler, is
that in which prompts enter. Where no row is cut into segments, all of it is plain GRPO to the bit.

Tokens that were sampled before an optimizer step keep the log-probability that they had under those
weights, found once before the step that changes them; the importance ratio of the others is TRL's.

A checkpoint holds the pool of each process, and a run that goes on from one goes on with it. What
TRL keeps of a batch that several optimizer steps share isn't in it, nor is it in TRL's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from longwrite.errors import UsageError
from longwrite.rewards.composition import Composition
from longwrite.train.grpo import LongGRPOTrainer
from longwrite.train.rewarding import RewardFunction
from longwrite.train.segments import (
    Completion,
    Place,
    SegmentPool,
    decode_batch,
    name_file,
    restore_pool,
    save_pool,
)

_models: Any = import_module("trl.models.utils")

_OFF = "Set segment_tokens: 0 to decode whole completions."

_COUNTED = (
    "max_new_tokens", "min_new_tokens", "max_length", "min_length", "max_time", "stop_strings",
    "begin_suppress_tokens", "forced_bos_token_id", "forced_eos_token_id",
    "exponential_decay_length_penalty",
)  # fmt: skip
"""Options of ``generate`` that count from the first token it decodes, or end a text otherwise."""


class SegmentGRPOTrainer(LongGRPOTrainer):
    """GRPO in segments.

    Args:
        model: A folder, a name, or the model itself.
        reward_funcs: A composition, or functions as TRL takes them.
        args: TRL's ``GRPOConfig``.
        segment_tokens: Most tokens of a completion that are decoded at a time.
        segment_on_policy: Whether all tokens count as sampled with the weights of the step that
            trains on them (UloRL's pseudo on-policy importance sampling), and not with their own.
        **options: Of `LongGRPOTrainer`.

    Raises:
        UsageError: An option doesn't go with segments.
    """

    def __init__(
        self,
        model: Any,
        reward_funcs: Composition | Sequence[RewardFunction],
        args: Any,
        *,
        segment_tokens: int,
        segment_on_policy: bool = False,
        **options: Any,
    ) -> None:
        """Set the trainer up."""
        check_segments(segment_tokens, args, options)
        super().__init__(model, reward_funcs, args, **options)
        self.segment_tokens, self.segment_on_policy = segment_tokens, segment_on_policy
        self.segments = SegmentPool(
            self.num_generations, self.max_completion_length, self.eos_token_ids
        )
        self._batch = args.per_device_train_batch_size * args.steps_per_generation
        self._order = self._list_rows()
        self._leaving: list[list[int]] | None = None

    # --- overridden -------------------------------------------------------------------------------

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        if self._mode != "train":
            return super()._generate_and_score_completions(inputs)
        count = self._batch // self.num_generations
        calls = decode_batch(
            self.segments, count, self.segment_tokens, self._enter, self._decode, self._agree
        )
        groups = self.segments.take(count)
        rows = [one for group in groups for one in group.completions]
        self._measure_segments(calls, rows)
        if not self.segment_on_policy:
            self._keep_logprobs()
        self._leaving = [list(one.tokens) for one in rows]
        try:
            batch = super()._generate_and_score_completions(
                [self.train_dataset[group.row] for group in groups for _ in group.completions]
            )
        finally:
            self._leaving = None
        return batch if self.segment_on_policy else self._restore_logprobs(batch, rows)

    def _generate_single_turn(self, *given: Any, **rest: Any) -> Any:
        if self._leaving is not None:
            return self._leaving, None
        return super()._generate_single_turn(*given, **rest)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        save_pool(self.segments, Path(output_dir, self._file))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            path = Path(checkpoint, self._file)
            restore_pool(self.segments, path, len(self.train_dataset))
            self._check_prompts(path)
            self._order = islice(self._list_rows(), self.segments.entered, None)

    # --- decoding ---------------------------------------------------------------------------------

    def _list_rows(self) -> Iterator[int]:
        """Yield the rows of the set in the order of TRL's batches, this process's part of each."""
        sampler = self._get_train_sampler()
        width = self._batch * self.accelerator.num_processes
        first = self._batch * self.accelerator.process_index
        repeats: int = self.num_iterations * self.args.steps_per_generation
        while True:
            order = iter(sampler)
            while batch := list(islice(order, width * repeats)):
                yield from batch[first : first + self._batch : self.num_generations]

    def _enter(self) -> None:
        row = next(self._order)
        self.segments.enter(row, self._read_prompt(row))

    def _read_prompt(self, row: int) -> list[int]:
        """Return the tokens of a row's prompt."""
        ids, images, fields = self._tokenize_prompts([self.train_dataset[row]["prompt"]])
        if images or fields:
            names = ", ".join(fields) or "pictures"
            raise UsageError(
                "This model's completions can't be decoded in segments",
                f"its prompts are more than tokens: {names}",
                _OFF,
            )
        return list(ids[0])

    def _check_prompts(self, path: Path) -> None:
        """Refuse a pool whose prompts aren't those of the set, for they would be paid by it."""
        for group in self.segments.groups.values():
            if tuple(self._read_prompt(group.row)) != group.prompt:
                raise UsageError(
                    f"{path} is of another set or template",
                    f"the prompt of row {group.row:,} is another one there",
                    "Go on with the set and the model that it was made with, or begin anew.",
                )

    def _decode(self, running: Sequence[Place], room: int) -> list[list[int]]:
        """Return the next tokens of some rows; for none, one token of any prompt."""
        own = running or [self.segments.find(lambda one: True)[0]]
        prefixes = [self.segments.read_tokens(place) for place in own]
        self.generation_config.max_new_tokens = room if running else 1
        try:
            drawn, _ = super()._generate_single_turn(prefixes, None, {}, 1)
        finally:
            self.generation_config.max_new_tokens = self.max_completion_length
        return list(drawn[: len(running)])

    def _agree(self, flag: bool) -> bool:
        flags = torch.tensor([flag], device=self.accelerator.device)
        return bool(self.accelerator.gather(flags).all())

    # --- log-probabilities ------------------------------------------------------------------------

    def _keep_logprobs(self) -> None:
        """Note the log-probabilities of what stays in the pool, while its weights are there.

        All processes go over equally many batches.
        """
        places = self.segments.find(lambda one: len(one.logprobs) < len(one.tokens))
        most = torch.tensor([len(places)], device=self.accelerator.device)
        size: int = self.args.per_device_train_batch_size
        for start in range(0, int(self.accelerator.gather(most).max()), size):
            some = places[start : start + size]
            rows = [(self.segments.groups[one.group].prompt, self.segments[one]) for one in some]
            for place, found in zip(some, self._find_logprobs(rows), strict=True):
                self.segments.keep_logprobs(place, found)

    def _find_logprobs(self, rows: Sequence[tuple[Sequence[int], Completion]]) -> list[list[float]]:
        """Return the log-probabilities of some rows' tokens with the weights as they are."""
        pairs = [(prompt, one.tokens) for prompt, one in rows] or [((0,), (0,))]
        prompts = _pad([prompt for prompt, _ in pairs], "left")
        tokens = _pad([own for _, own in pairs], "right")
        joined = torch.cat([prompts, tokens], dim=1).to(self.accelerator.device)
        found = self._score(joined.clamp(min=0), (joined >= 0).long(), tokens.shape[1]).tolist()
        return [one[: len(own)] for one, (_, own) in zip(found, pairs, strict=True)][: len(rows)]

    def _score(self, ids: Tensor, mask: Tensor, last: int) -> Tensor:
        """Return the log-probabilities of the last tokens of rows, of shape (rows, last)."""
        kwargs = self.args.gradient_checkpointing_kwargs
        size = self.args.per_device_train_batch_size
        with torch.no_grad(), _models.disable_gradient_checkpointing(self.model, kwargs):
            found: Tensor = self._get_per_token_logps_and_entropies(
                self.model, ids, mask, last, batch_size=size
            )[0]
        return found

    def _restore_logprobs(
        self, batch: dict[str, Any], rows: Sequence[Completion]
    ) -> dict[str, Any]:
        """Return a batch with the log-probabilities that its older tokens were sampled with."""
        if self._agree(not any(one.logprobs for one in rows)):
            return batch
        old = batch.get("old_per_token_logps")
        if old is None:
            ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
            mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
            old = self._score(ids, mask, batch["completion_ids"].shape[1])
        old = old.clone()
        for row, one in enumerate(rows):
            old[row, : len(one.logprobs)] = torch.tensor(one.logprobs).to(old)
        return {**batch, "old_per_token_logps": old}

    # --- figures ----------------------------------------------------------------------------------

    def _measure_segments(self, calls: int, leaving: Sequence[Completion]) -> None:
        """Log a step's calls, the rows that go on, and the share of tokens of older weights."""
        older = sum(len(one.logprobs) for one in leaving)
        tokens = sum(len(one.tokens) for one in leaving)
        local = torch.tensor([older, tokens, self.segments.unfinished])
        figures = self.accelerator.gather(local.to(self.accelerator.device))
        older, tokens, going_on = figures.view(-1, 3).sum(0).tolist()
        metrics = self._metrics["train"]
        metrics["segments/calls"].append(float(calls))
        metrics["segments/going_on"].append(float(going_on))
        if not self.segment_on_policy:
            metrics["segments/older_tokens"].append(older / tokens)

    @property
    def _file(self) -> str:
        return name_file(self.accelerator.process_index, self.accelerator.num_processes)


def check_segments(segment_tokens: int, args: Any, options: Mapping[str, Any]) -> None:
    """Refuse segments where they can't be decoded.

    Args:
        segment_tokens: See `SegmentGRPOTrainer`.
        args: TRL's ``GRPOConfig``.
        options: Of `LongGRPOTrainer`.

    Raises:
        UsageError: They can't.
    """
    rows = args.per_device_train_batch_size * args.steps_per_generation
    limit = args.max_completion_length
    engines = ("use_vllm", "use_transformers_continuous_batching")
    others = ("rollout_func", "tools", "environment_factory", "resample_rounds")
    given = [name for name in engines if getattr(args, name)]
    given += [name for name in others if options.get(name)]
    several = limit is not None and segment_tokens < limit
    counted = sorted(set(args.generation_kwargs or {}) & set(_COUNTED)) if several else []
    data = options.get("train_dataset")
    pictures = {"image", "images"} & set(getattr(data, "column_names", None) or ())
    reasons = (
        (segment_tokens < 1, "a segment has at least one token", _OFF),
        (
            limit is None,
            "max_completion_length is open, so a completion might never end",
            "Set max_completion_length.",
        ),
        (
            rows % args.num_generations,
            f"the {rows} completions of a process are no whole groups of {args.num_generations}",
            "Set per_device_train_batch_size to a multiple of num_generations.",
        ),
        (given, f"segments don't go with {', '.join(given)}", _OFF),
        (
            counted,
            f"{', '.join(counted)} of generation_kwargs would begin anew in each segment",
            f"Leave it out. {_OFF}",
        ),
        (
            not hasattr(data, "__len__"),
            "the set is a stream, whose rows can't be found again",
            _OFF,
        ),
        (pictures, "the set has pictures", _OFF),
    )
    for refused, why, mend in reasons:
        if refused:
            raise UsageError(f"'segment_tokens: {segment_tokens}' can't be used", why, mend)


def _pad(rows: Sequence[Sequence[int]], side: str) -> Tensor:
    """Return rows as a tensor of shape (rows, longest), -1 where there is nothing."""
    tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
    return pad_sequence(tensors, batch_first=True, padding_value=-1, padding_side=side)
