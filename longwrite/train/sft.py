"""Supervised fine-tuning in which a long row can count as much as a short one.

Token means drown the short rows of a mixture in the long ones; LongAlign (Bai et al. 2024,
arXiv:2401.18058, section 3.2) weights each sequence's loss by itself: the mean over sequences of
the mean over a sequence's tokens. Packed rows are told apart where their position ids begin again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from trl import SFTTrainer

from longwrite.errors import UsageError
from longwrite.train.countdown import CountdownTraining
from longwrite.train.rows import IGNORED
from longwrite.train.settings import check_stop_weight
from longwrite.train.stop_decisions import StopDecisions


def number_sequences(batch: Mapping[str, Tensor]) -> Tensor:
    """Return which sequence of its batch each token belongs to, from 0 on.

    Args:
        batch: ``labels`` of shape (rows, tokens); with ``position_ids`` of the same shape, a new
            sequence begins wherever they are 0, otherwise each row is one.

    Returns:
        Shape (rows, tokens).
    """
    labels = batch["labels"]
    rows = torch.arange(labels.shape[0], device=labels.device)[:, None].expand_as(labels)
    if "position_ids" not in batch:
        return rows
    starts = batch["position_ids"] == 0
    starts[:, 0] = True
    return starts.flatten().cumsum(0).view_as(labels) - 1


def weigh_tokens(batch: Mapping[str, Tensor]) -> Tensor:
    """Return each token's weight: one over the number of learned tokens of its sequence.

    Args:
        batch: See `number_sequences`.

    Returns:
        Shape (rows, tokens - 1), for the label of the next token; 0 where nothing is learned.
    """
    learned = batch["labels"][:, 1:] != IGNORED
    numbers = number_sequences(batch)[:, 1:]
    counts = torch.zeros(int(numbers.max()) + 1, device=learned.device)
    counts.scatter_add_(0, numbers.flatten(), learned.flatten().float())
    return learned / counts.clamp(min=1)[numbers]


def count_sequences(batch: Mapping[str, Tensor]) -> Tensor:
    """Return the number of sequences in which something is learned, as a scalar."""
    learned = batch["labels"][:, 1:] != IGNORED
    found = number_sequences(batch)[:, 1:][learned].unique().numel()
    return torch.tensor(found, device=learned.device)


class LongSFTTrainer(CountdownTraining, SFTTrainer):
    """TRL's, with a choice of what counts how much, and able to teach a count-down.

    Args:
        weighting: ``token`` for each token, ``sequence`` for each row.
        **options: Of `trl.SFTTrainer`.

    Raises:
        UsageError: The weighting doesn't go with another argument.
    """

    def __init__(self, *, weighting: str = "token", **options: Any) -> None:
        """Set the trainer up."""
        super().__init__(**options)
        self.weighting = weighting
        if weighting == "sequence" and self.args.loss_type != "nll":
            raise UsageError(
                "'weighting: sequence' can't be used",
                f"the loss is '{self.args.loss_type}', which weighs tokens itself",
                "Set 'loss_type: nll'.",
            )
        if weighting == "sequence" and self.args.n_gpu > 1:
            raise UsageError(
                "'weighting: sequence' can't be used with several GPUs in one process",
                "the sequences are counted process by process",
                "Start it with: accelerate launch -m longwrite.train sft …",
            )

    def weigh_stops(self, stops: Iterable[int], weight: float) -> None:
        """Have the decision to end a reply or to go on count several times; to be called once.

        Args:
            stops: Ids that end a reply.
            weight: See `StopDecisions`.

        Raises:
            UsageError: The weight doesn't go with the model or another argument.
        """
        check_stop_weight(weight, self.args)
        why = ""
        if self.is_fsdp_enabled or self.is_deepspeed_enabled or self.get_tp_size() > 1:
            why = "FSDP, DeepSpeed and tensor parallelism divide the model's head"
        elif self.args.n_gpu > 1:
            why = "several GPUs share one process"
        if why:
            mend = "Set stop_weight: 1, or leave the other out"
            raise UsageError("'stop_weight' can't be used", why, mend)
        StopDecisions(self.model, stops, weight)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the loss of a batch; with sequence weighting, per sequence of the whole step."""
        if self.weighting == "sequence":
            if num_items_in_batch is None:  # evaluation, or one batch alone
                num_items_in_batch = count_sequences(inputs)
            model = _weigh(model, weigh_tokens(inputs))
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        if self.weighting != "sequence" or not batch_samples:
            return super()._get_num_items_in_batch(batch_samples, device)
        total = torch.stack([count_sequences(one) for one in batch_samples]).sum().to(device)
        if self.args.average_tokens_across_devices and self.args.world_size > 1:
            total = self.accelerator.gather(total).sum()
        # Under context or sequence parallelism several ranks hold parts of the same rows.
        return total / (self.get_tp_size() * self.get_cp_size() * self.get_sp_size())


def _weigh(model: Any, weights: Tensor) -> Callable[..., Any]:
    """Return the model with weighted log-probabilities in what it puts out."""

    def forward(**inputs: Any) -> Any:
        outputs = model(**inputs)
        if inputs.get("fused_lm_head"):
            outputs.log_probs = outputs.log_probs * weights
        return outputs

    return forward
