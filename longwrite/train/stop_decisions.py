"""Weighs, at each token of a reply, the decision to end there or to go on.

Cross-entropy learns that decision with the words, and hardly sees it: the loss of a token is the
sum of the negative log-likelihood of going on and that of the word, given that the text goes on,
and the first is some thousandths. A model that is told how many tokens remain still ends a reply in
a hundred in its middle; one that learns from longer replies than its own comes to know their words
by heart before it comes up to their lengths. With a weight the decision counts several times, both
where a reply ends and where it doesn't, so what is learned stays the true probability.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from longwrite.errors import UsageError
from longwrite.train.rows import IGNORED

_CERTAIN = -1e-6
"""The largest log-probability of stopping that is told from 1."""


class StopDecisions:
    """The hooks that weigh decisions in the log-probabilities that a model puts out.

    They heed calls in training mode with ``fused_lm_head=True`` and ``labels``.

    Args:
        model: A causal language model of transformers, or one inside an adapter of peft.
        stops: Ids that end a reply.
        weight: Times that a decision counts; 1 for the plain loss.

    Raises:
        UsageError: Nothing ends a reply, or the model's logits aren't the product of its last
            hidden states with its head.
    """

    def __init__(self, model: Any, stops: Iterable[int], weight: float) -> None:
        """Look whether the model's decisions can be weighed, and begin."""
        self._whole = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._stops, self._weight = sorted(stops), weight
        self._hidden: Tensor | None = None
        what, mend = "'stop_weight' can't be used", "Set stop_weight: 1"
        if not self._stops:
            raise UsageError(what, "the tokenizer has no token that ends a reply", mend)
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
        model.register_forward_hook(self._weigh, with_kwargs=True)

    def _hear(self, decoder: Any, args: tuple[Any, ...], outputs: Any) -> None:
        self._hidden = outputs.last_hidden_state

    def _weigh(
        self, model: Any, args: tuple[Any, ...], inputs: dict[str, Any], outputs: Any
    ) -> None:
        hidden, self._hidden = self._hidden, None
        if hidden is None or not (model.training and inputs.get("fused_lm_head")):
            return
        scores, labels = outputs.log_probs, inputs["labels"][:, 1:]
        learned = labels != IGNORED
        stops = torch.tensor(self._stops, device=labels.device)
        head = self._whole.get_output_embeddings()
        decided = score_decisions(
            hidden[:, :-1][learned], labels[learned], scores[learned], stops, head
        )
        outputs.log_probs = scores + (self._weight - 1) * torch.zeros_like(scores).masked_scatter(
            learned, decided.to(scores.dtype)
        )


def score_decisions(
    hidden: Tensor, labels: Tensor, log_probs: Tensor, stops: Tensor, head: Any
) -> Tensor:
    """Return the log-probability, at each token, of ending or of going on, as the label does.

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
    ending = stop_logits.logsumexp(-1) - label_logits + log_probs.float()
    going_on = torch.log(-torch.expm1(ending.clamp(max=_CERTAIN)))
    return torch.where(torch.isin(labels, stops), ending, going_on)
