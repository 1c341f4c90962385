"""Teaches a model to end where a count-down does (`longwrite.engines.countdown`).

Nothing but the token ids and labels of a batch is needed to count: a reply is a run of learned
tokens, and what remains of it is the way to its stop token. So padding on either side, several
turns and rows packed into one are all the same, and a row's target is its true length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from longwrite.engines.countdown import (
    NOTHING,
    Countdown,
    Counter,
    attach,
    write_countdown,
)
from longwrite.errors import UsageError
from longwrite.train.rows import IGNORED
from longwrite.train.sharding import hold_whole

_SAMPLE = 4096
_LEAST_BASE, _LONGEST_SHARE = 100.0, 5.0
"""So the longest wave, 2π times the base, is a quarter longer than the longest reply."""


def fit_countdown(
    model: Any, *, tokens_per_word: float = 0.0, longest: int = 0, loudness: float = 2.0
) -> Countdown:
    """Return settings for a model that was never trained with a count.

    The longest wave is a little longer than the longest reply: no two counts look alike, and most
    channels tell neighbouring ones apart. With the 10,000 of positions half of them hardly move.

    Args:
        model: To be trained.
        tokens_per_word: Of the texts it will be trained on.
        longest: Tokens of the longest reply.
        loudness: The encoding's root mean square over that of the model's own embeddings.

    Raises:
        UsageError: A number is out of range.
    """
    base = max(_LEAST_BASE, longest / _LONGEST_SHARE)
    if not (loudness > 0 and math.isfinite(loudness)) or longest < 0 or tokens_per_word < 0:
        why = f"loudness {loudness}, longest {longest}, tokens per word {tokens_per_word} don't go"
        raise UsageError("can't make a count-down", why, "Give a loudness above 0")
    embeddings = model.get_input_embeddings()
    with hold_whole(embeddings.weight) as weight, torch.no_grad():
        count = weight.shape[0]
        ids = torch.arange(0, count, max(1, count // _SAMPLE), device=weight.device)
        # What the model's layers see: some embeddings are scaled on their way there.
        square = embeddings(ids).float().square().mean()
    hidden = model.config.get_text_config().hidden_size
    # A sinusoid's root mean square is the root of a half.
    return Countdown(hidden, loudness * float(square.sqrt()) * math.sqrt(2), base, tokens_per_word)


def count_remaining(
    ids: Tensor,
    labels: Tensor,
    stops: Iterable[int],
    *,
    shift: Callable[[], int | None] = lambda: 0,
) -> Tensor:
    """Return for each token how many remain to the stop token of its reply.

    A run of labels is a reply. One without a stop token is a part of a document whose length isn't
    known, and gets no count, like all that isn't learned.

    Args:
        ids: Token ids, shape (rows, columns).
        labels: The same where a token is learned, else -100; only replies may be learned.
        stops: Ids that end a reply.
        shift: Called for each reply: how far its target is from its true length, None for no
            target.

    Returns:
        Shape (rows, columns), 64-bit integers; `NOTHING` where there is no count.
    """
    learned = labels != IGNORED
    edges = torch.nn.functional.pad(learned, (1, 1)).int().diff(dim=-1)
    remaining = torch.full(ids.shape, NOTHING, dtype=torch.int64)
    ending = torch.isin(ids, torch.tensor(sorted(stops), dtype=ids.dtype))
    begins, ends = (edges == 1).nonzero().tolist(), (edges == -1).nonzero().tolist()
    for (row, begin), (_, end) in zip(begins, ends, strict=True):
        found = ending[row, begin:end].nonzero()
        away = shift() if len(found) else None
        if away is not None:
            counts = int(found[0]) + away - torch.arange(end - begin)
            remaining[row, begin:end] = counts.clamp(min=0)
    return remaining


class CountdownCollator:
    """Adds the count to what another collator makes; the hook of `attach` takes it from there."""

    def __init__(
        self,
        collator: Callable[[Sequence[Any]], dict[str, Any]],
        stops: Iterable[int],
        *,
        jitter: int = 0,
        blank: float = 0.0,
    ) -> None:
        """Go around a collator.

        Args:
            collator: Makes ``input_ids`` and ``labels``.
            stops: Ids that end a reply.
            jitter: Most tokens that a target is moved by, up or down, each time it is seen; 0 for
                the true length.
            blank: Share of the replies that are seen without a count. At 0 a model learns to end by
                its count alone, and without a target goes on to its cap; with a share it also ends
                by itself, and more often before its target.

        Raises:
            UsageError: A number is out of range, or nothing ends a reply.
        """
        self.collator, self.stops = collator, frozenset(stops)
        self.jitter, self.blank = jitter, blank
        what = "can't teach a count-down"
        if not self.stops:
            mend = "Set the tokenizer's eos_token to the token that ends a turn"
            raise UsageError(what, "the tokenizer has no token that ends a reply", mend)
        if jitter < 0 or not 0 <= blank < 1:
            why = f"a jitter of {jitter} and a blank share of {blank} don't go"
            raise UsageError(what, why, "Give a jitter from 0 on and a share from 0 to below 1")

    def __call__(self, examples: Sequence[Any]) -> dict[str, Any]:
        """Return the other's batch with ``remaining``, shape (rows, columns)."""
        batch = self.collator(examples)
        batch["remaining"] = count_remaining(
            batch["input_ids"], batch["labels"], self.stops, shift=self._shift
        )
        return batch

    def _shift(self) -> int | None:
        # Drawn from torch's own stream, which trainers seed and restore.
        if self.blank and float(torch.rand(())) < self.blank:
            return None
        return int(torch.randint(-self.jitter, self.jitter + 1, ())) if self.jitter else 0


class CountdownTraining:
    """What a trainer of TRL needs to teach a count-down; goes before it among a class's bases.

        class Trainer(CountdownTraining, trl.SFTTrainer): ...

        trainer = Trainer(...)
        trainer.teach_countdown(fit_countdown(trainer.model), stops={tokenizer.eos_token_id})

    The settings are saved with each checkpoint and with the model.
    """

    model: Any
    args: Any
    data_collator: Any
    counter: Counter | None = None

    def teach_countdown(
        self,
        countdown: Countdown,
        stops: Iterable[int],
        *,
        jitter: int = 0,
        blank: float = 0.0,
    ) -> None:
        """Begin; to be called once, after the trainer was made and before it trains.

        Args:
            countdown: Settings: `fit_countdown`'s, or those beside the checkpoint to go on with.
            stops: Ids that end a reply.
            jitter: See `CountdownCollator`.
            blank: See `CountdownCollator`.

        Raises:
            UsageError: The settings are of another model, or a number is out of range.
        """
        collator = CountdownCollator(self.data_collator, stops, jitter=jitter, blank=blank)
        self.counter = attach(self.model, countdown)
        self.data_collator = collator

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the model, and the settings beside it."""
        trainer: Any = super()
        trainer.save_model(output_dir, _internal_call)
        if self.counter is not None and self.args.should_save:
            folder = Path(output_dir or self.args.output_dir)
            folder.mkdir(parents=True, exist_ok=True)
            write_countdown(self.counter.countdown, folder)
