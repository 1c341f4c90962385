"""The tokenizer and the chat template, and examples as token ids.

Digits stand alone, so that lengths are read digit by digit, and the pattern that cuts a text into
words means the same to every regex engine, so that the base install needs no tokenizer library.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from longwrite.engines.nano import CHAT_TEMPLATE
from longwrite.types import Message

PATTERN = r" ?[A-Za-z]+| ?[0-9]|\n+| ?[^A-Za-z0-9 \n\r\t]+|[ \t\r]+"
END_OF_TEXT, TURN, END_OF_TURN = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIALS = (END_OF_TEXT, TURN, END_OF_TURN)


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Return a byte-level BPE tokenizer of the texts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path, context: int) -> None:
    """Write the tokenizer's files as transformers wants them."""
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": context,
        "eos_token": END_OF_TURN,
        "pad_token": END_OF_TEXT,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", "utf-8")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, "utf-8")


def find_token(tokenizer: Tokenizer, name: str) -> int:
    """Return the id of a special token."""
    found = tokenizer.token_to_id(name)
    assert found is not None
    return found


def encode_chat(
    tokenizer: Tokenizer,
    messages: Sequence[Message],
    learned: frozenset[int],
    *,
    prompts: bool = False,
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """Return a conversation's ids and which of them are learned: those of the learned turns.

    A learned turn's stop token is learned too. What the reader and the agent say in a conversation,
    the outline with its subject above all, is worth learning as text; it has no answer's stop.

    Args:
        tokenizer: Of the model.
        messages: The conversation.
        learned: Places of the assistant's messages that are learned.
        prompts: Whether the user's messages are learned as well.
    """
    turn, end = find_token(tokenizer, TURN), find_token(tokenizer, END_OF_TURN)
    newline = tokenizer.encode("\n").ids
    ids: list[int] = []
    mask: list[bool] = []
    for place, message in enumerate(messages):
        taught = place in learned
        head = [turn, *tokenizer.encode(f"{message.role}\n").ids]
        body = [*tokenizer.encode(message.content).ids, end]
        if message.role != "assistant":
            body = [*tokenizer.encode(f"{message.role}\n{message.content}").ids, end]
            head = [turn]
            taught = prompts and message.role == "user"
        ids += [*head, *body, *newline]
        mask += [False] * len(head) + [taught] * len(body) + [False] * len(newline)
    return np.array(ids, np.uint16), np.array(mask, np.bool_)
