"""What a policy writes by itself, in one reply or plan-then-write, with nothing mended.

The agent asks again, trims and extends, and so hides what a model has learned. Here each reply
stands as it was drawn, at temperature 1, and the whole document is paid as in training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from longwrite.engines.batch import Row, decode
from longwrite.prompts import derive_seed
from longwrite.rewards.composition import Composition
from longwrite.train.preflight import find_stops
from longwrite.train.thread_writer import (
    Call,
    DocumentWriter,
    Writing,
    read_brief,
)
from longwrite.train.transcript import Chat, Sampled
from longwrite.types import Brief, Document, Message, Sampling

_BATCH = 32
_PLAN_TOKENS = 512


@dataclass(frozen=True)
class Policy:
    """A model that is asked as it is, without an engine around it."""

    model: Any
    tokenizer: Any
    window: int
    stops: frozenset[int]

    @classmethod
    def load(cls, folder: Path) -> Policy:
        """Load a folder."""
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        model.eval()
        tokenizer = AutoTokenizer.from_pretrained(folder)
        window = model.config.max_position_embeddings
        return cls(model, tokenizer, window, frozenset(find_stops(model, tokenizer)))

    def draw(self, calls: Sequence[Call], seeds: Sequence[int]) -> list[Sampled]:
        """Return a reply to each call, the stop token included, at temperature 1."""
        replies: list[Sampled] = []
        for start in range(0, len(calls), _BATCH):
            rows = [
                Row(Sampling(call.most, 1.0, 1.0, seed), list(call.ids))
                for call, seed in zip(
                    calls[start : start + _BATCH], seeds[start : start + _BATCH], strict=True
                )
            ]
            with torch.inference_mode():
                for _ in decode(self.model, rows, self.stops):
                    pass
            end = self.tokenizer.eos_token_id
            replies += [
                Sampled([*row.tokens, *([end] if row.finish == "stop" else [])]) for row in rows
            ]
        return replies


def write_documents(
    policy: Policy, rows: Sequence[Mapping[str, Any]], seed: int, samples: int
) -> list[Writing]:
    """Return so many planned documents for each row, one row after the other."""
    chat = Chat(policy.tokenizer, policy.stops)
    writer = DocumentWriter(chat, policy.window, _PLAN_TOKENS, 1.5)
    briefs = [read_brief(row) for row in rows for _ in range(samples)]
    waiting = {}
    writers = [writer.write(brief) for brief in briefs]
    for place, one in enumerate(writers):
        waiting[place] = next(one)
    done: dict[int, Writing] = {}
    turn = 0
    while waiting:
        places, turn = tuple(waiting), turn + 1
        seeds = [derive_seed(seed, "document", str(place), turn) for place in places]
        for place, reply in zip(
            places, policy.draw([waiting[place] for place in places], seeds), strict=True
        ):
            try:
                waiting[place] = writers[place].send(reply)
            except StopIteration as end:
                done[place] = end.value
                del waiting[place]
    return [done[place] for place in range(len(briefs))]


def pay_documents(writings: Sequence[Writing], reward: Composition) -> list[float]:
    """Return what each document is paid as a whole: nothing where it isn't complete and ended."""
    return [
        pay(one.brief, one.text, reward, sound=one.complete and one.sections[-1][1])
        for one in writings
    ]


def write_replies(
    policy: Policy, rows: Sequence[Mapping[str, Any]], seed: int, samples: int, most: int
) -> list[tuple[Brief, str, bool]]:
    """Return single replies of at most so many tokens: brief, text, and whether it ended."""
    chat = Chat(policy.tokenizer, policy.stops)
    briefs = [read_brief(row) for row in rows for _ in range(samples)]
    begun = [chat.begin([Message("user", brief.prompt)]) for brief in briefs]
    seeds = [derive_seed(seed, "reply", str(place)) for place in range(len(briefs))]
    replies = policy.draw([Call(list(one.prompt), most) for one in begun], seeds)
    heard = [chat.hear(one, reply) for one, reply in zip(begun, replies, strict=True)]
    return [
        (brief, chat.read(one), chat.is_ended(one))
        for brief, one in zip(briefs, heard, strict=True)
    ]


def pay_replies(replies: Sequence[tuple[Brief, str, bool]], reward: Composition) -> list[float]:
    """Return what each reply is paid; nothing where it didn't end."""
    return [pay(brief, text, reward, sound=ended) for brief, text, ended in replies]


def average(values: Sequence[float], samples: int) -> list[float]:
    """Return the mean of each brief's samples."""
    return [
        sum(values[start : start + samples]) / samples for start in range(0, len(values), samples)
    ]


def pay(brief: Brief, text: str, reward: Composition, *, sound: bool) -> float:
    """Return what a text is paid; nothing where it isn't sound."""
    if not sound:
        return 0.0
    return reward(brief, Document.from_text(brief, text, ended=True)).value or 0.0
