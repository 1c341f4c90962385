"""Rows as token ids, so that a model is taught to stop only where a document ends.

A chat template ends every turn with the token that ends a reply. In a thread the last section ends
the document and the others don't; trained with that token behind each of them a model learns to
stop after the first. So a completion's ids hold it exactly when `Row.ends`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from longwrite.data.rows import Row
from longwrite.errors import UsageError
from longwrite.types import Message

Ids = list[int]


class ChatTokenizer(Protocol):
    """What is used of a tokenizer of transformers."""

    @property
    def added_tokens_decoder(self) -> Mapping[int, Any]:
        """Id to token, with its ``content`` and whether it is ``special``: a mark and no text."""

    @property
    def eos_token_id(self) -> int | None:
        """The id that ends a reply."""

    def apply_chat_template(self, conversation: list[dict[str, str]], **options: Any) -> Any:
        """Return a conversation as the model reads it."""

    def __call__(self, text: str, **options: Any) -> Any:
        """Return a mapping with the text's ``input_ids``."""


def encode_pair(tokenizer: ChatTokenizer, row: Row) -> dict[str, Ids]:
    """Return a pair as ``prompt_ids``, ``chosen_ids`` and ``rejected_ids``.

    Joined, prompt and answer are the conversation as the template shows it up to the answer's end.

    Args:
        tokenizer: Of the model that will be trained; it has to have a chat template.
        row: A row of the shape ``pair``.

    Raises:
        UsageError: The template can't be used, or a text holds one of its marks.
    """
    if row.shape != "pair":
        raise _unusable(row, f"its shape is '{row.shape}'", "Give a row of the shape 'pair'.")
    prompt, chosen = _encode(tokenizer, row, row.chosen)
    other, rejected = _encode(tokenizer, row, row.rejected)
    if prompt != other:
        why = "the chat template shows the prompt in two ways"
        raise _unusable(row, why, "Use a model whose template depends on the prompt alone.")
    return {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}


def encode_completion(tokenizer: ChatTokenizer, row: Row) -> dict[str, Ids]:
    """Return an SFT row as ``prompt_ids`` and ``completion_ids``; see `encode_pair`.

    Raises:
        UsageError: The template can't be used, or a text holds one of its marks.
    """
    if row.shape != "completion":
        why = f"its shape is '{row.shape}'"
        raise _unusable(row, why, "Give a row of the shape 'completion'.")
    prompt, completion = _encode(tokenizer, row, row.completion)
    return {"prompt_ids": prompt, "completion_ids": completion}


def find_earlier_answers(tokenizer: ChatTokenizer, row: Row) -> tuple[Ids, list[slice]]:
    """Return an SFT row's ids, and where in them its earlier answers stand, their ends included.

    Args:
        tokenizer: Of the model that will be trained.
        row: A row of the shape ``completion`` whose prompt holds turns of the model.

    Raises:
        UsageError: The template can't be used, or shows an answer otherwise once others follow.
    """
    said = [
        replace(one, content=one.content.strip()) if one.role == "assistant" else one
        for one in row.prompt
    ]
    row = replace(row, prompt=tuple(said))
    found = encode_completion(tokenizer, row)
    whole = found["prompt_ids"] + found["completion_ids"]
    places = []
    for number, turn in enumerate(row.prompt):
        if turn.role != "assistant":
            continue
        earlier = replace(row, prompt=row.prompt[:number], completion=turn.content, ends=True)
        told = encode_completion(tokenizer, earlier)
        start, answer = len(told["prompt_ids"]), told["completion_ids"]
        place = slice(start, start + len(answer))
        if whole[:start] != told["prompt_ids"] or whole[place] != answer:
            why = "the chat template shows an answer otherwise once others follow"
            raise _unusable(row, why, "Set learn_answers: last.")
        places.append(place)
    return whole, places


def _encode(tokenizer: ChatTokenizer, row: Row, text: str) -> tuple[Ids, Ids]:
    """Return the ids of the prompt and of an answer to it."""
    text = text.strip()
    _check_marks(tokenizer, row, text)
    turns = [{"role": one.role, "content": one.content} for one in row.prompt]
    try:
        asked = str(
            tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        )
        answered = [*turns, {"role": "assistant", "content": text}]
        whole = str(tokenizer.apply_chat_template(answered, tokenize=False))
    except Exception as error:  # a template may raise anything, and says why
        said = " ".join(str(error).split())[:200]
        raise _unusable(row, f"the chat template fails: {said}", _MEND) from error
    place = whole.find(text, len(asked)) if whole.startswith(asked) else -1
    if place < 0 or not text:
        raise _unusable(row, "the chat template doesn't show it as the prompt's answer", _MEND)
    # What a template puts between prompt and answer, such as an empty thought, is not learned.
    prompt = _ids(tokenizer, whole[:place])
    end = place + len(text)
    answer = _ids(tokenizer, whole[place:end])
    return prompt, [*answer, *_end_of_turn(tokenizer, row, whole[end:])] if row.ends else answer


def _end_of_turn(tokenizer: ChatTokenizer, row: Row, tail: str) -> Ids:
    """Return the ids that end a turn: what the template has up to its first mark."""
    marks = _find_marks(tokenizer)
    found = _ids(tokenizer, tail)
    place = next((n for n, token in enumerate(found) if token in marks), None)
    if place is not None:
        return found[: place + 1]
    if tokenizer.eos_token_id is None:
        raise _unusable(row, "the model has no token that ends a text", _MEND)
    return [tokenizer.eos_token_id]


def _check_marks(tokenizer: ChatTokenizer, row: Row, text: str) -> None:
    """Refuse texts that would be read as marks of the conversation."""
    marks = _find_marks(tokenizer)
    said: Sequence[Message] = (*row.prompt, Message("assistant", text))
    for message in said:
        mark = next((mark for mark in marks.values() if mark in message.content), None)
        if mark is not None:
            raise _unusable(row, f"a text of it holds {mark!r}", "Drop the row, or scrub it.")


def _find_marks(tokenizer: ChatTokenizer) -> dict[int, str]:
    added = tokenizer.added_tokens_decoder.items()
    return {number: str(token.content) for number, token in added if token.special}


def _ids(tokenizer: ChatTokenizer, text: str) -> Ids:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


_MEND = "Use a model with a chat template that ends each turn with a mark."


def _unusable(row: Row, why: str, mend: str) -> UsageError:
    return UsageError(f"Row {row.id} can't be made into tokens", why, mend)
