"""Length control by count-down: at each token of its reply a model is told how many are to come.

Length-difference positional encoding (LDPE; Butcher et al. 2024, arXiv:2412.11937): the number of
tokens that remain is added to the embeddings as a sinusoid, and a model fine-tuned so ends where
the count does. The settings stand in a file beside the weights, which mean nothing without it: a
model is run as it was trained, so the encoding lives here, below both training and engines.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longwrite.errors import UsageError
from longwrite.types import Json, Request

if TYPE_CHECKING:
    import torch

FILE = "countdown.json"
NOTHING = -1
"""In place of a count: a token that isn't told one, such as those of a prompt."""

TARGET = "target_tokens"
"""The extra field of a request that asks for so many tokens."""

_KIND: dict[str, Json] = {"version": 1, "kind": "sinusoid", "unit": "token"}
_LARGEST_FILE = 100_000


@dataclass(frozen=True, slots=True)
class Countdown:
    """How a model is told the count.

    The target is the number of tokens of the reply, its stop token not among them: the first token
    of a reply is told the target, each further one is told one less, and the stop token 0.

    Attributes:
        hidden: Size of the model's embeddings.
        scale: What the encoding is multiplied by before it is added.
        base: Of the wavelengths, which go from 2π to 2π · base tokens.
        tokens_per_word: Of the texts that it was trained on, to turn words asked for into tokens;
            0 where it isn't known.
    """

    hidden: int
    scale: float
    base: float = 10_000.0
    tokens_per_word: float = 0.0


def write_countdown(countdown: Countdown, folder: Path) -> None:
    """Save settings beside a checkpoint."""
    whole = {**_KIND, **asdict(countdown)}
    (folder / FILE).write_text(json.dumps(whole, indent=2) + "\n", "utf-8")


def read_countdown(folder: Path) -> Countdown | None:
    """Return the settings beside a checkpoint; None where it was trained without a count.

    Raises:
        UsageError: The file is damaged, or of a kind that isn't known.
    """
    path = folder / FILE
    if not path.exists():
        return None
    what, mend = f"can't use {path}", "Restore the file that was saved with the weights"
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ValueError("it is far too large")
        told = json.loads(path.read_text("utf-8"))
        if not isinstance(told, dict):
            raise ValueError("it isn't a JSON object")
        for name, value in _KIND.items():
            if told.get(name) != value:
                said = f"its {name} is {json.dumps(told.get(name))[:80]}"
                raise ValueError(f"{said}, and only {json.dumps(value)} is known")
        return Countdown(
            hidden=int(_number(told, "hidden", least=1)),
            scale=_number(told, "scale", least=0.0),
            base=_number(told, "base", least=1.0),
            tokens_per_word=_number(told, "tokens_per_word", least=0.0),
        )
    except (OSError, ValueError, RecursionError) as error:
        why = " ".join(str(error or type(error).__name__).split())[:300]
        raise UsageError(what, why, mend) from None


def _number(told: Mapping[str, object], name: str, least: float) -> float:
    value = told.get(name)
    if type(value) not in (int, float) or not isinstance(value, int | float):
        raise ValueError(f"its {name} is no number")
    if not (math.isfinite(value) and value >= least):
        raise ValueError(f"its {name} has to be at least {least:g}")
    return float(value)


def find_target(request: Request, countdown: Countdown) -> int | None:
    """Return the tokens that a reply is to have; None where it may be as long as it likes.

    They are told in the extra field ``target_tokens``, or come from the words that are asked of a
    role that writes. A target that its cap would cut off is lowered, so that the reply still ends.

    Raises:
        UsageError: ``target_tokens`` is no number of tokens.
    """
    told = request.sampling.extra.get(TARGET)
    if told is None:
        if request.role != "write" or not request.ask.words:
            return None
        told = round(request.ask.words * countdown.tokens_per_word)
        if not told:
            return None
    if type(told) is not int or told < 1:
        why = f"{TARGET} is {json.dumps(told)[:80]}"
        raise UsageError("can't count down", why, "Give a whole number of tokens from 1 on")
    return max(1, min(told, request.sampling.max_tokens - 1))


def encode(remaining: torch.Tensor, countdown: Countdown) -> torch.Tensor:
    """Return what is added to the embeddings, in float32.

    Channels 2i and 2i + 1 hold the sine and the cosine of remaining / base^(2i / hidden), as in the
    positions of Vaswani et al. (2017, arXiv:1706.03762), times the scale.

    Args:
        remaining: Counts, any shape; `NOTHING` is encoded as zeros.
        countdown: Settings.

    Returns:
        Shape (..., hidden).
    """
    import torch

    size = countdown.hidden
    channels = torch.arange(0, size, 2, device=remaining.device, dtype=torch.float32)
    angles = remaining.clamp(min=0)[..., None] * countdown.base ** (-channels / size)
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)[..., :size]
    return waves * (countdown.scale * (remaining > NOTHING)[..., None])


def attach(model: Any, countdown: Countdown) -> Counter:
    """Make a model listen to a count; to be done after adapters were put around it.

    Args:
        model: A causal language model of transformers, or one inside an adapter of peft.
        countdown: Settings it was, or will be, trained with.

    Raises:
        UsageError: It has embeddings of another size, or counts already.
    """
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    size = whole.config.get_text_config().hidden_size
    if size != countdown.hidden:
        why = f"it was made for embeddings of size {countdown.hidden}, and the model's are {size}"
        mend = f"Give the {FILE} that was saved with these weights"
        raise UsageError("can't use the count-down", why, mend)
    decoder = whole.get_decoder()
    owners = (getattr(hook, "__self__", None) for hook in decoder._forward_pre_hooks.values())
    if any(isinstance(owner, Counter) for owner in owners):
        mend = "Detach the first count-down, or load the model again"
        raise UsageError("can't use the count-down", "the model has one already", mend)
    return Counter(decoder, countdown)


class Counter:
    """The hook that adds the encoded count to a model's embeddings; `attach` makes one.

    The count comes with the call, ``model(..., remaining=counts)``, of the shape of the token ids;
    or it is followed through the library's own ``generate`` within `aiming`. Without either the
    model is what it is.
    """

    def __init__(self, decoder: Any, countdown: Countdown) -> None:
        """Begin to listen to the calls of a decoder without its head."""
        self.countdown = countdown
        self._aim: tuple[tuple[int, ...], int] | None = None
        # Before the decoder, and not behind its embeddings: only here are the count and the cache.
        self._handle = decoder.register_forward_pre_hook(self._add, with_kwargs=True)

    def detach(self) -> None:
        """Leave the model as it was."""
        self._handle.remove()

    @contextmanager
    def aiming(self, targets: Sequence[int | None], width: int) -> Iterator[None]:
        """Have what is generated inside end at its target.

        Args:
            targets: Tokens of the reply to each prompt, its stop token not counted; None for any.
            width: Columns of the prompts, their padding on the left included.
        """
        self._aim = tuple(NOTHING if one is None else one for one in targets), width
        try:
            yield
        finally:
            self._aim = None

    def _add(
        self, decoder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = dict(kwargs)
        remaining = given.pop("remaining", None)
        if remaining is None and self._aim is None:
            return args, given
        if args:
            given |= zip(inspect.signature(decoder.forward).parameters, args, strict=False)
        embeddings = given.get("inputs_embeds")
        if embeddings is None:
            embeddings = decoder.get_input_embeddings()(given["input_ids"])
        shape = tuple(embeddings.shape[:2])
        if remaining is None:
            remaining = self._follow(shape, given.get("past_key_values"))
        if tuple(remaining.shape) != shape:
            why = f"counts of shape {tuple(remaining.shape)} came with tokens of shape {shape}"
            mend = "Count down without prompt tuning and without context parallelism"
            raise UsageError("can't use the count-down", why, mend)
        added = encode(remaining.to(embeddings.device), self.countdown)
        given["inputs_embeds"] = embeddings + added.to(embeddings.dtype)
        given["input_ids"] = None
        return (), given

    def _follow(self, shape: tuple[int, ...], cache: Any) -> torch.Tensor:
        """Return the counts of the columns that come next in `aiming`."""
        import torch

        assert self._aim is not None
        targets, width = self._aim
        rows, columns = shape
        if not targets or rows % len(targets):
            why = f"there are {len(targets)} targets for {rows} rows"
            raise UsageError("can't count down", why, "Give a target for each prompt")
        begun = 0 if cache is None else int(cache.get_seq_length())
        places = torch.arange(begun - width, begun - width + columns)
        # With several beams or replies a prompt, `generate` repeats each row in place.
        aims = torch.tensor(targets).repeat_interleave(rows // len(targets))[:, None]
        return (aims - places).clamp(min=0).masked_fill((places < 0) | (aims < 0), NOTHING)
