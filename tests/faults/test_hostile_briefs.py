"""The longest briefs, made of nothing but what asks for something: read at once."""

from __future__ import annotations

import json
import random
import re

import pytest

from longwrite.errors import UsageError
from longwrite.rewards.briefs import compile_brief
from tests.faults.hostile import Amount, Tell, swift
from tests.rewards.test_labelled import LABELLED

_WORDS = re.compile(r"[A-Za-z0-9'’-]+\s*|.", re.DOTALL)
_SIZES = (20_000, 40_000, 199_000)
"""Characters: the middle size is the longest that is read whole."""
_PIECES = (
    "Write ", "a ", "500", "-word ", "words ", "at least ", "between ", "and ", "each ", "chapter ",
    "3 chapters ", "in French ", '"x" ', "mention ", "do not use ", "the word ", "list of ", "not ",
    "写", "一篇", "两千", "字", "左右", "每章", "第二章", "“月”", "不得出现", "用英文", "，", "。",
    "\n", ": ", "- ", "1. ", "1,", "(", ")", "–", "“", "”", "`", "` ", "`a` ", "《b》", " 'a'",
    "'a', ", "'x' and ", " " * 30, "must ", "about ", "of the ", "with a title ", "keywords: ",
)  # fmt: skip


def draw_piece(rng: random.Random, prompts: list[str]) -> str:
    """Return a few words that ask for something, or that stand where something is asked for."""
    if rng.random() < 0.4:
        return rng.choice(_PIECES)
    words = _WORDS.findall(rng.choice(prompts))
    start = rng.randrange(len(words))
    return "".join(words[start : start + rng.randint(1, 4)])


def test_rows_of_cues_are_read_at_once(amount: Amount, tell: Tell) -> None:
    prompts = [json.loads(line)["prompt"] for line in LABELLED.read_text("utf-8").splitlines()]
    rng = random.Random(7)
    count = amount(40, 800)
    for _ in range(count):
        row = "".join(draw_piece(rng, prompts) for _ in range(rng.randint(1, 5)))
        size = rng.choice(_SIZES)
        read((row * (size // len(row) + 1))[:size])
    tell("rows of cues, as long as a brief", count)


@pytest.mark.parametrize(
    "piece",
    ["a ", "1,", "1. a\n", "“x”", "《a》", "a\n\n", "three sections ", "'a' ", '"a" ', "六章起，",
     "at least 3 sections of ", "list of do not use ", "“mention 'a', 第二章and "],
)  # fmt: skip
def test_the_longest_prompt_takes_no_longer_than_any_text(piece: str) -> None:
    for size in (40_000, 199_000):
        read((piece * 100_000)[:size])


def read(prompt: str) -> None:
    """See that a prompt is read, or refused, within what a case may take."""
    try:
        with swift():
            compile_brief(prompt)
    except UsageError as error:
        assert str(error)
    except BaseException as error:
        raise AssertionError(f"{error}: {prompt[:80]!r}, {len(prompt):,} characters") from error
