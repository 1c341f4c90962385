"""How many tokens a row has: by a model's own tokenizer and template, or by estimate.

The maximum length is where most long-output sets are spoiled, since a trainer cuts what is over it
without a word; so the limit is looked for in the model's own files when nobody gives one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from longwrite.data.examples import Example, Turn
from longwrite.errors import UsageError
from longwrite.text import estimate_tokens

Measure = Callable[[Example], int]

_PER_TURN = 8
"""Tokens that a chat template adds to a turn, for estimates."""
_EXTRA = "Install what reads it: pip install 'longwrite[local]'"
_WINDOWS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")


@dataclass(frozen=True, slots=True)
class Limit:
    """What rows are measured against.

    Attributes:
        tokens: The maximum length; None where nobody gives one.
        tokenizer: The model folder that counts; None for estimates.
    """

    tokens: int | None = None
    tokenizer: Path | None = None


def find_limit(max_length: int | None, tokenizer: Path | None) -> Limit:
    """Return the limit: the given one, else the window of the model.

    Raises:
        UsageError: There is no such folder, or what reads it isn't installed.
    """
    if tokenizer is None:
        return Limit(max_length)
    load_tokenizer(tokenizer)
    return Limit(max_length or _window(tokenizer), tokenizer)


def find_measure(limit: Limit) -> Measure:
    """Return what counts the tokens of an example."""
    if limit.tokenizer is None:
        return estimate
    tokenizer = load_tokenizer(limit.tokenizer)
    return lambda example: count(example, tokenizer)


def estimate(example: Example) -> int:
    """Estimate the tokens of an example's longest sequence, a little too high."""
    if example.form == "tokens":
        return example.tokens
    prompt = sum(estimate_tokens(turn.content) + _PER_TURN for turn in example.prompt)
    steps = sum(estimate_tokens(text) for text, _ in example.steps)
    answer = estimate_tokens(example.answer)
    if len(example.rejected) > len(example.answer) // 4:
        answer = max(answer, estimate_tokens(example.rejected))
    return prompt + answer + steps + _PER_TURN


def count(example: Example, tokenizer: Any) -> int:
    """Count the tokens of an example's longest sequence, as TRL would make it."""
    if example.form == "tokens":
        return example.tokens
    answers = {example.answer, example.rejected} if example.shape == "pair" else {example.answer}
    steps = "".join(text for text, _ in example.steps)
    return max(_count(example, answer + steps, tokenizer) for answer in answers)


def _count(example: Example, answer: str, tokenizer: Any) -> int:
    if example.conversational and tokenizer.chat_template and not example.fault:
        turns = [*example.prompt, Turn("assistant", answer)] if answer else list(example.prompt)
        try:
            text = _render(tokenizer, turns)
        except Exception:  # a template runs its own code, and may refuse any conversation
            text = "".join(turn.content for turn in turns)
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])
    text = "".join([*(turn.content for turn in example.prompt), answer])
    return len(tokenizer(text)["input_ids"]) + 1


def _render(tokenizer: Any, turns: list[Turn]) -> str:
    messages = [{"role": role, "content": content} for role, content in turns]
    return str(tokenizer.apply_chat_template(messages, tokenize=False))


def unlearned_end(folder: Path) -> str:
    """Return the stop token where a model's chat template puts none after an answer, else ''."""
    tokenizer = load_tokenizer(folder)
    if not tokenizer.chat_template or not tokenizer.eos_token:
        return ""
    try:
        text = _render(tokenizer, [Turn("user", "Write."), Turn("assistant", "The sea is calm.")])
    except Exception:  # as above
        return ""
    given = _read(folder / "generation_config.json").get("eos_token_id")
    ids = {*given} if isinstance(given, list) else {given}
    ids.add(tokenizer.eos_token_id)
    after = tokenizer(text.rpartition("The sea is calm.")[2], add_special_tokens=False)["input_ids"]
    return "" if ids.intersection(after) else str(tokenizer.eos_token)


@cache
def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a model folder; nothing is fetched and no code of it is run.

    Raises:
        UsageError: There is none, or what reads it isn't installed.
    """
    where = f"The tokenizer {folder} can't be read"
    if not folder.is_dir():
        why = "there is no such folder"
        raise UsageError(where, why, f"Fetch it first: hf download {folder} --local-dir FOLDER")
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise UsageError(where, "it needs transformers", _EXTRA) from None
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # a damaged folder fails in as many ways as there are tokenizers
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise UsageError(where, said, "Give a folder with tokenizer.json in it.") from None
    tokenizer.model_max_length = 10**12  # no warning for each row that is long
    return tokenizer


def _window(folder: Path) -> int | None:
    config = _read(folder / "config.json")
    inner = config.get("text_config")
    for values in (config, inner if isinstance(inner, dict) else {}):
        for name in _WINDOWS:
            value = values.get(name)
            if isinstance(value, int) and value > 0:
                return value
    value = _read(folder / "tokenizer_config.json").get("model_max_length")
    return int(value) if isinstance(value, int | float) and 0 < value < 10**9 else None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
