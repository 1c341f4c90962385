"""Makes ending early cost something, where a model is told how many tokens remain.

Cross-entropy hardly sees it. At a token its gradient on the stop token is the probability of
stopping there, some hundred-thousandths; over a reply of 300 tokens these come to a reply in a
hundred that ends in its middle. So stopping is learned as the decision that it is at each token, to
go on or not: the negative log-likelihood of going on is added to the loss, times a weight.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from longwrite.errors import UsageError

_CERTAIN = -1e-6
"""The largest log-probability of stopping that is told from 1."""


class StopCost:
    """The hooks that take what early stops cost from the log-probabilities a model puts out.

    They heed calls in training mode with ``fused_lm_head=True``, ``labels`` and ``remaining``.

    Args:
        model: A causal language model of transformers, or one inside an adapter of peft.
        stops: Ids that end a reply.
        weight: What the negative log-likelihood of going on is multiplied by.

    Raises:
        UsageError: The weight is no number from 0 on, or the model's logits aren't the product of
            its last hidden states with its head.
    """

    def __init__(self, model: Any, stops: Iterable[int], weight: float) -> None:
        """Look whether the model can be charged, and begin."""
        self._whole = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._stops, self._weight = sorted(stops), weight
        self._hidden: Tensor | None = None
        what, mend = "can't charge for early stops", "Set count_down_stop_weight: 0"
        if not (weight >= 0 and math.isfinite(weight)):
            raise UsageError(what, f"the weight is {weight}", "Give a number from 0 on")
        listening = self._whole.get_decoder().register_forward_hook(self._hear)
        ids = torch.tensor([self._stops], device=self._whole.get_input_embeddings().weight.device)
        with torch.no_grad():
            logits = self._whole(input_ids=ids, use_cache=False).logits
            product = self._whole.get_output_embeddings()(self._hidden)
        self._hidden = None
        if not torch.allclose(logits, product, rtol=1e-3, atol=1e-3):
            listening.remove()
            raise UsageError(what, "this kind of model scales or caps its logits", mend)
        # Around an adapter, which calls the model inside it by its method and past its hooks.
        model.register_forward_hook(self._charge, with_kwargs=True)

    def _hear(self, decoder: Any, args: tuple[Any, ...], outputs: Any) -> None:
        self._hidden = outputs.last_hidden_state

    def _charge(
        self, model: Any, args: tuple[Any, ...], inputs: dict[str, Any], outputs: Any
    ) -> None:
        hidden, self._hidden = self._hidden, None
        if hidden is None or not (model.training and inputs.get("fused_lm_head")):
            return
        labels, remaining = inputs["labels"][:, 1:], inputs["remaining"][:, 1:]
        stops = torch.tensor(self._stops, device=labels.device)
        # Beyond a stop token the count is 0.
        told = (remaining > 0) & ~torch.isin(labels, stops)
        scores, head = outputs.log_probs, self._whole.get_output_embeddings()
        found = score_stops(hidden[:, :-1][told], labels[told], scores[told], stops, head)
        going_on = torch.log(-torch.expm1(found.clamp(max=_CERTAIN))).to(scores.dtype)
        outputs.log_probs = scores + self._weight * torch.zeros_like(scores).masked_scatter(
            told, going_on
        )


def score_stops(
    hidden: Tensor, labels: Tensor, log_probs: Tensor, stops: Tensor, head: Any
) -> Tensor:
    """Return the log-probability of ending at each token.

    A head that is fused with the loss gives the label's alone; the two share their normaliser,
    log Σ exp = z(label) - log P(label), and so log P(stop) = z(stop) - z(label) + log P(label).

    Args:
        hidden: Last hidden states, shape (tokens, size).
        labels: Next tokens, shape (tokens,).
        log_probs: Their log-probabilities, shape (tokens,).
        stops: Ids that end a reply, shape (stops,).
        head: Linear layer from hidden states to logits.

    Returns:
        Shape (tokens,), float32.
    """
    hidden, weight = hidden.float(), head.weight
    label_logits = (hidden * weight[labels].float()).sum(-1)
    stop_logits = hidden @ weight[stops].float().T
    if head.bias is not None:
        label_logits = label_logits + head.bias[labels].float()
        stop_logits = stop_logits + head.bias[stops].float()
    scores: Tensor = stop_logits.logsumexp(-1) - label_logits + log_probs.float()
    return scores
