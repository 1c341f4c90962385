"""What is known to fail is found before the first step: what a model and its tokenizer must have.

A run that fails does so after hours, and often without an error: a model that never stops, an
ending that was cut off every row. Each check returns problems and changes nothing; what to do about
them is the caller's. Checks of one method stand in a module of their own (`preflight_grpo`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longwrite.engines.countdown import read_countdown
from longwrite.text import count_words
from longwrite.train.sharding import hold_whole

_SAID = "A short reply."
_COMPARED = 1_024
"""Rows of an embedding by which the usual size of one is told."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that makes a run fail, or may.

    Attributes:
        what: What is wrong.
        why: Why that is so, or what it leads to.
        mend: What to do about it.
        fatal: Whether the run is bound to fail.
    """

    what: str
    why: str
    mend: str
    fatal: bool = True


def describe_problem(problem: Problem) -> str:
    """Return a problem in one line.

    >>> describe_problem(Problem("There is no model", "none is named", "Name one."))
    'There is no model: none is named. Name one.'
    """
    return f"{problem.what}: {problem.why}. {problem.mend}"


def measure_tokens_per_word(tokenizer: Any, texts: Iterable[str]) -> float:
    """Return how many tokens a word takes, as measured on texts of the set.

    Args:
        tokenizer: Of the model.
        texts: Some of the set's own, in its languages.

    Returns:
        Tokens divided by words as the rewards count them; 1.5 where there is no word.
    """
    joined = "\n".join(texts)
    words = count_words(joined)
    return len(tokenizer(joined, add_special_tokens=False)["input_ids"]) / words if words else 1.5


def check_template(tokenizer: Any, *, conversational: bool) -> list[Problem]:
    """Find a chat template that isn't there or can't be used.

    Args:
        tokenizer: Of the model.
        conversational: Whether the rows are conversations, which need one.
    """
    if not getattr(tokenizer, "chat_template", None):
        return [
            Problem(
                "The tokenizer has no chat template",
                "the rows are conversations" if conversational else "a base model ends no reply",
                "Use the chat version of the model, or put a chat_template.jinja into its folder.",
                fatal=conversational,
            )
        ]
    try:
        _render(tokenizer)
    except Exception as error:  # a template may raise anything
        return [
            Problem(
                "The chat template can't be used",
                f"it fails on one short conversation: {' '.join(str(error).split())[:200]}",
                "Mend chat_template.jinja in the model's folder.",
            )
        ]
    return []


def check_partial(partial: int, rows: int) -> list[Problem]:
    """Find rows that end no document, and so never teach to stop.

    Args:
        partial: How many there are.
        rows: How many rows there are in all.
    """
    if not partial:
        return []
    return [
        Problem(
            f"{partial:,} of {rows:,} rows don't teach to stop",
            "their texts are parts of documents, so they lead a model to write on",
            "If it is asked for a document section by section, it has to end each of them: "
            "learn_ends: turn.",
            fatal=False,
        )
    ]


def check_countdown(model: Path) -> list[Problem]:
    """Find a model that was trained with a count-down, which is about to be trained without.

    Args:
        model: Its folder, or the name of one elsewhere.

    Raises:
        UsageError: Its settings are damaged.
    """
    if read_countdown(model) is None:
        return []
    return [
        Problem(
            f"{model} listens to a count-down",
            "it is trained without one here, and forgets to end where the count does",
            "Train with sft and count_down: true, or begin from the model before that.",
            fatal=False,
        )
    ]


def check_stop_token(model: Any, tokenizer: Any) -> list[Problem]:
    """Find a stop token that generation doesn't know, or that was never trained.

    Args:
        model: Loaded, with its generation config.
        tokenizer: Its tokenizer.
    """
    if tokenizer.eos_token_id is None:
        mend = "Set eos_token in tokenizer_config.json, such as <|im_end|>."
        return [Problem("The tokenizer has no stop token", "its eos_token isn't set", mend)]
    stops = find_stops(model, tokenizer)
    problems: list[Problem] = []
    mark = find_end_of_turn(tokenizer)
    if mark is not None and mark not in stops:
        text = tokenizer.convert_ids_to_tokens(mark)
        known = ", ".join(str(tokenizer.convert_ids_to_tokens(one)) for one in sorted(stops))
        problems.append(
            Problem(
                f"Generation doesn't stop at {text!r}, the template's end of a turn",
                f"the tokenizer and generation_config.json stop at {known} alone",
                f"Set eos_token in tokenizer_config.json to {text!r}, or add {mark} to "
                "eos_token_id in generation_config.json.",
            )
        )
    ending = tokenizer.eos_token_id if mark is None else mark
    fault = _find_fault(model, ending)
    if fault:
        problems.append(
            Problem(
                f"The stop token {tokenizer.convert_ids_to_tokens(ending)!r} isn't trained",
                fault,
                "Fine-tune with `longwrite train sft` first, or use a model whose replies end.",
            )
        )
    return problems


def find_stops(model: Any, tokenizer: Any) -> set[int]:
    """Return the ids that end a completion: the tokenizer's, and all of the generation config."""
    known = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    listed = known if isinstance(known, list) else [known]
    return {one for one in (tokenizer.eos_token_id, *listed) if one is not None}


def find_end_of_turn(tokenizer: Any) -> int | None:
    """Return the special token with which the chat template ends a reply; None without one."""
    if not getattr(tokenizer, "chat_template", None):
        return None
    try:
        text = _render(tokenizer)
    except Exception:  # a template may raise anything; `check_template` tells
        return None
    tail = text[text.rindex(_SAID) + len(_SAID) :] if _SAID in text else ""
    special = {one for one, token in tokenizer.added_tokens_decoder.items() if token.special}
    ids = tokenizer(tail, add_special_tokens=False)["input_ids"]
    return next((one for one in ids if one in special), None)


def check_window(model: Any, longest: Mapping[str, int]) -> list[Problem]:
    """Find rows that don't fit the model's window.

    Args:
        model: Loaded.
        longest: Tokens of the parts that have to fit together, such as ``{"prompt": 900,
            "max_completion_length": 8192}``.
    """
    config = model.config.get_text_config()
    window = getattr(config, "max_position_embeddings", None)
    total = sum(longest.values())
    if not window or total <= window:
        return []
    parts = " and ".join(f"{tokens:,} ({name})" for name, tokens in longest.items())
    mend = f"Ask for at most {window - total + max(longest.values()):,} there, or use a model with "
    return [
        Problem(
            f"The rows need {total:,} tokens",
            f"{parts} have to fit the model's window of {window:,}",
            f"{mend}a larger window.",
        )
    ]


def check_rate(model: Any, rate: float, *, adapter: bool = False) -> list[Problem]:
    """Find a learning rate that full fine-tuning by reward didn't bear.

    A model of 3 million parameters learned at 1e-4 and collapsed at 3e-4; the recipes for models of
    some billions keep to 1e-6 to 1e-5. It is only a warning, for the batch matters as well.

    Args:
        model: Loaded.
        rate: Of the optimiser.
        adapter: Whether an adapter will be trained and not the model itself.
    """
    if adapter or hasattr(model, "peft_config"):
        return []
    size = sum(one.numel() for one in model.parameters())
    most = 2e-4 if size < 100_000_000 else 1e-5
    if rate <= most:
        return []
    return [
        Problem(
            f"The learning rate {rate:g} is high for full fine-tuning",
            f"rates known to work for {size / 1e6:,.0f} million parameters end at {most:g}",
            f"Set learning_rate to {most / 2:g}, or train an adapter with use_peft.",
            fatal=False,
        )
    ]


def _render(tokenizer: Any) -> str:
    turns = [{"role": "user", "content": "Say it."}, {"role": "assistant", "content": _SAID}]
    return str(tokenizer.apply_chat_template(turns, tokenize=False))


def _find_fault(model: Any, token: int) -> str:
    """Return why a token's row of the output embedding can't have been trained; empty if it can."""
    layer = model.get_output_embeddings() or model.get_input_embeddings()
    with hold_whole(layer.weight) as weight:
        return _compare_row(weight.detach(), token)


def _compare_row(weight: Any, token: int) -> str:
    if token >= weight.shape[0]:
        return f"its id {token} is beyond the model's {weight.shape[0]:,} tokens"
    step = max(1, weight.shape[0] // _COMPARED)
    usual = weight[::step].float().norm(dim=1).median()
    if weight[token].float().norm() < 0.01 * usual:
        return "its row of the output embedding is zero"
    alike = (weight[:, :8] == weight[token, :8]).all(dim=1).nonzero().flatten().tolist()
    same = (one for one in alike if one != token and bool((weight[one] == weight[token]).all()))
    twin = next(same, None)
    return "" if twin is None else f"its row of the output embedding is the same as token {twin}'s"


def find_longest(texts: Sequence[Any], count: int = 200) -> list[Any]:
    """Return the longest of some texts or conversations, by characters."""
    return sorted(texts, key=lambda one: -len(str(one)))[:count]
