"""GRPO whose completions a vLLM server writes, on the weights in training.

What is left between the two is arithmetic: a server's kernels give each token another probability
than the trainer's do. TRL corrects that only for a server of its own, so it is corrected here,
token by token, with truncated importance sampling: an advantage is multiplied by

    min(p_trainer(token) / p_server(token), clip)

which for every loss of TRL is the same as multiplying the token's loss. A ratio of whole sequences,
TRL's default, is a product over thousands of tokens and says nothing of long texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from longwrite.errors import UsageError
from longwrite.train.grpo import LongGRPOTrainer
from longwrite.train.server_rollouts import ServerRollouts, check_adapter

FOREIGN = 0.5
"""Mean distance of the log-probabilities of a token, in nats, from which trainer and server don't
have the same weights. Half precision against single comes to a hundredth of a nat or two."""


def correct_advantages(
    advantages: Tensor, trained: Tensor, sampled: Tensor, mask: Tensor, most: float
) -> tuple[Tensor, Tensor]:
    """Return advantages by token, corrected for who drew the tokens, and the ratios.

    Truncated importance sampling (Ionides 2008; of reinforcement learning with two engines, Yao et
    al. 2025).

    Args:
        advantages: Of shape (rows,) or (rows, tokens).
        trained: Log-probabilities of the trainer, of shape (rows, tokens).
        sampled: Likewise of the server; NaN where it doesn't tell.
        mask: 1 for a token of the policy, of the same shape.
        most: The largest ratio.

    Returns:
        Both of shape (rows, tokens); where `mask` is 0 or a probability is unknown the ratio is 1.
    """
    gap = torch.where(mask.bool(), trained - sampled, 0.0).nan_to_num(nan=0.0)
    ratio = gap.exp().clamp(max=most)
    by_token = advantages[:, None] if advantages.dim() == 1 else advantages
    return by_token * ratio, ratio


class ServerGRPOTrainer(LongGRPOTrainer):
    """GRPO on the completions of a server.

    Args:
        *given: Of `LongGRPOTrainer`.
        rollouts: Draws the completions.
        **options: Of `LongGRPOTrainer`.

    Raises:
        UsageError: Trainer and server can't be used together, or it isn't there.
    """

    def __init__(self, *given: Any, rollouts: ServerRollouts, **options: Any) -> None:
        """Set the trainer up and try the server."""
        args = options.get("args")
        if args is not None and args.use_vllm:
            why = "use_vllm and rollout_server are both set"
            raise UsageError("Two servers are to write", why, "Leave out use_vllm.")
        check_adapter(options.get("peft_config"))
        super().__init__(*given, **options)
        self.rollout_func = rollouts
        self._rollouts = rollouts
        rollouts.check(self)

    def train(self, *given: Any, **options: Any) -> Any:
        """Train as TRL does; however it ends, the server forgets the adapter."""
        try:
            return super().train(*given, **options)
        finally:
            self._rollouts.close(self)

    def weigh_tokens(self, batch: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Correct the advantages by the ratio of the trainer's and the server's probabilities."""
        batch = super().weigh_tokens(batch, rows)
        sampled = batch["sampling_per_token_logps"]
        trained = self._score(batch)
        mask = batch["completion_mask"] * batch.get("tool_mask", 1)
        self._compare(trained, sampled, mask)
        most = self.args.vllm_importance_sampling_clip_max
        if not self.args.vllm_importance_sampling_correction:
            return batch
        advantages, ratio = correct_advantages(
            batch["advantages"], trained, sampled, mask, torch.inf if most is None else most
        )
        own = ratio[mask.bool()]
        self._note("sampling/ratio_mean", own.mean())
        self._note("sampling/ratio_max", own.max())
        return {**batch, "advantages": advantages}

    def _score(self, batch: dict[str, Any]) -> Tensor:
        """Return the log-probabilities that the weights of this step give to the tokens drawn.

        Without dropout, which TRL's own have: the server knows none.
        """
        ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
        mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
        args, training = self.args, self.model.training
        size = args.per_device_train_batch_size if training else args.per_device_eval_batch_size
        self.model.eval()
        try:
            with torch.no_grad():
                found: Tensor = self._get_per_token_logps_and_entropies(
                    self.model, ids, mask, batch["completion_ids"].shape[1], batch_size=size
                )[0]
        finally:
            self.model.train(training)
        return found

    def _compare(self, trained: Tensor, sampled: Tensor, mask: Tensor) -> None:
        """Tell how far trainer and server are apart, and stop if they aren't the same model.

        Raises:
            UsageError: They never were.
            EngineError: They aren't any longer.
        """
        known = mask.bool() & sampled.isfinite()
        gaps = (trained - sampled)[known].abs()
        sums = torch.stack([gaps.sum(), known.sum().to(gaps.dtype)])
        total, count = self.accelerator.gather(sums[None]).sum(0).tolist()
        gap = total / max(1.0, count)
        metrics = self._metrics[self._mode]
        metrics["sampling/gap"].append(gap)
        for name, seconds in self._rollouts.seconds.items():
            metrics[f"{name}/seconds"].append(seconds)
        if gap > FOREIGN:
            raise self._rollouts.fault(
                "The server does not write with the weights in training",
                f"the log-probabilities of a token differ by {gap:.2f} nats on average",
                "Serve the very model that model_name_or_path names, with "
                "--logprobs-mode processed_logprobs.",
            )
        self._rollouts.proven = True

    def _note(self, name: str, value: Tensor) -> None:
        self._metrics[self._mode][name].append(self.accelerator.gather(value).mean().item())
