"""A published finding repeated small: what a model writes in one reply is bounded by what it saw.

LongWriter (Bai et al. 2024, arXiv:2408.07055, section 2) fine-tuned one model on outputs of at most
500, 1,000 and 2,000 words and found that each then wrote up to about that length, whatever it was
asked for. Here the embedded model is fine-tuned three times, on outputs of at most 200, 500 and
1,500 words, all else equal, and then asked for more.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from longwrite.engines.nano import NanoEngine
from longwrite.nano.build import export_model
from longwrite.nano.corpus import Conversation
from longwrite.nano.lexicon import load_lexicon
from longwrite.nano.model import Nano, Shape
from longwrite.nano.outlines import Outliner
from longwrite.nano.prose import GENRES, Author, Genre
from longwrite.nano.speaker import draw_cast
from longwrite.nano.subjects import draw_wish
from longwrite.nano.tokens import encode_chat
from longwrite.nano.training import Stage, Trainer, pack_batches
from longwrite.text import count_words
from longwrite.types import Ask, Message, Request, Sampling

CAPS = (200, 500, 1_500)
ASKED = (100, 200, 400, 800, 1_200, 1_600, 2_000)

_LEAST = 60
_STAGE = Stage("fine-tuning", "conversations", 2304, 2, 90, 2e-3, 1e-5, warmup=5)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a model that saw outputs of at most `cap` words wrote when asked for `asked`.

    Attributes:
        median: Of the words that it wrote.
        least: Fewest words.
        most: Most words.
        ended: Share of the replies that it ended itself.
    """

    cap: int
    asked: int
    median: int
    least: int
    most: int
    ended: float


def write_pair(rng: random.Random, words: int, *, answer: bool = True) -> tuple[Message, Message]:
    """Return a prompt that asks for a text of so many words, and the text."""
    lexicon = load_lexicon(core=True)
    genre: Genre = rng.choice(GENRES)
    wish = draw_wish(lexicon, rng, story=genre == "story")
    outliner = Outliner(genre, wish, draw_cast(lexicon.names, rng), lexicon, rng)
    author = Author(genre, outliner.frame(0), rng)
    prompt = f"Write a text about {wish.full}. Length: {words:,} words."
    return Message("user", prompt), Message("assistant", author.section(words) if answer else "")


def make_set(tokenizer: Tokenizer, cap: int, seed: int) -> list[Conversation]:
    """Return a fine-tuning set of outputs of at most `cap` words, all lengths as frequent.

    The same number of tokens whatever the cap, so that no model has seen more than another.
    """
    rng = random.Random(f"bound:{seed}:{cap}")
    wanted = _STAGE.steps * _STAGE.rows * _STAGE.tokens
    found: list[Conversation] = []
    total = 0
    while total < wanted:
        words = rng.randint(_LEAST, cap)
        found.append(encode_chat(tokenizer, write_pair(rng, words), frozenset({1})))
        total += len(found[-1][0])
    return found


def tune(
    folder: Path, cap: int, out: Path, seed: int, tell: Callable[[str], None], steps: int | None
) -> None:
    """Fine-tune the weights of a folder on outputs of at most `cap` words, into another folder."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = Nano(Shape())
    model.import_weights(load_file(folder / "model.safetensors"))
    stage = _STAGE if steps is None else replace(_STAGE, steps=steps)
    torch.manual_seed(seed)
    trainer = Trainer(model, compiled=False, tell=lambda line: tell(f"{cap} words: {line}"))
    trainer.run(stage, pack_batches(make_set(tokenizer, cap, seed), stage, seed))
    out.mkdir(parents=True, exist_ok=True)
    export_model(model.to("cpu"), tokenizer, out)


async def measure(
    folder: Path, cap: int, seed: int, prompts: int, asked: Sequence[int] = ASKED
) -> list[Reach]:
    """Return how many words a tuned model writes in one reply to each length asked for."""
    engine = await NanoEngine.open(folder)
    found = []
    try:
        for words in asked:
            counts, ended = [], 0
            for number in range(prompts):
                rng = random.Random(f"reach:{seed}:{number}")
                prompt, _ = write_pair(rng, words, answer=False)
                sampling = Sampling(3_900, 0.8, 0.95, seed * 1_000 + number)
                reply = await engine.generate(
                    Request((prompt,), sampling, "write", Ask("section", words=words))
                )
                counts.append(count_words(reply.text))
                ended += reply.finish == "stop"
            found.append(
                Reach(cap, words, round(statistics.median(counts)), min(counts), max(counts),
                      round(ended / prompts, 2))
            )  # fmt: skip
    finally:
        await engine.close()
    return found


def repeat_finding(
    folder: Path,
    work: Path,
    seed: int,
    tell: Callable[[str], None],
    *,
    prompts: int = 9,
    steps: int | None = None,
) -> list[Reach]:
    """Fine-tune and measure for every cap."""
    found: list[Reach] = []
    for cap in CAPS:
        out = work / f"at-most-{cap}"
        tune(folder, cap, out, seed, tell, steps)
        found += asyncio.run(measure(out, cap, seed, prompts))
    return found


def tabulate(reaches: Sequence[Reach]) -> str:
    """Return the finding as a Markdown table: a row for each length asked for."""
    caps = sorted({reach.cap for reach in reaches})
    by = {(reach.cap, reach.asked): reach for reach in reaches}
    head = "| words asked for | " + " | ".join(f"saw at most {cap:,}" for cap in caps) + " |"
    rows = [head, "|---|" + "---|" * len(caps)]
    for asked in sorted({reach.asked for reach in reaches}):
        cells = (by[cap, asked] for cap in caps)
        told = " | ".join(f"{one.median:,} ({one.least:,} to {one.most:,})" for one in cells)
        rows.append(f"| {asked:,} | {told} |")
    return "\n".join(rows)
