"""The corpus on disk: pages of plain text for pretraining, conversations for fine-tuning.

Every page and every document has a seed of its own, so two processes make the same corpus as one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from longwrite.nano.briefs import word_brief
from longwrite.nano.lexicon import load_lexicon
from longwrite.nano.outlines import Outliner, dump_plan, list_plan
from longwrite.nano.prose import GENRES, Author, Genre
from longwrite.nano.speaker import draw_cast
from longwrite.nano.subjects import draw_wish
from longwrite.nano.tokens import END_OF_TEXT, encode_chat
from longwrite.nano.transcripts import Example, write_examples, write_plans
from longwrite.planners.forms import ROOT, SECTIONS

_CHUNK = 64
_AS_JSON = 0.1
"""Share of the outlines written as JSON."""
_Item = TypeVar("_Item")


def write_page(seed: int, number: int, core: bool = False) -> str:
    """Return one page: a brief, a title, what is shared, and some sections with their goals."""
    rng = random.Random(f"page:{seed}:{number}")
    lexicon = load_lexicon(core)
    genre: Genre = rng.choices(GENRES, (30, 22, 28, 20))[0]
    wish = draw_wish(lexicon, rng, story=genre == "story")
    outliner = Outliner(genre, wish, draw_cast(lexicon.names, rng), lexicon, rng)
    count = rng.randint(2, 5)
    asked = word_brief(genre, wish, rng.choice((500, 1000, 2000)), lexicon, outliner.frame(0), rng)
    parts = [asked.text, f"# {outliner.title()}", outliner.bible()]
    for entry in outliner.entries(count, 150 * count):
        text = Author(genre, entry.frame, rng).section(rng.randint(70, 330))
        parts += [f"## {entry.title}\n{entry.goal}", text]
    return "\n\n".join(parts)


def write_outline(seed: int, number: int, core: bool = False) -> str:
    """Return one short page: a brief and its plan, then how one of its parts is divided.

    Plans are a small share of what documents hold, and to find the subject in a brief, and things
    that belong together for a goal, takes more of them than there are documents.
    """
    rng = random.Random(f"outline:{seed}:{number}")
    lexicon = load_lexicon(core)
    genre: Genre = rng.choices(GENRES, (30, 22, 28, 20))[0]
    wish = draw_wish(lexicon, rng, story=genre == "story")
    outliner = Outliner(genre, wish, draw_cast(lexicon.names, rng), lexicon, rng)
    words = rng.choice((800, 1000, 1500, 2000, 3000, 5000, 10_000))
    asked = word_brief(genre, wish, words, lexicon, outliner.frame(0), rng)
    entries = outliner.entries(rng.randint(2, 6), words)
    as_json = rng.random() < _AS_JSON
    title, bible = outliner.title(), outliner.bible()
    plan = dump_plan(title, bible, entries, ROOT) if as_json else list_plan(title, bible, entries)
    place = rng.randrange(len(entries))
    part = entries[place]
    below = outliner.entries(rng.randint(2, 3), part.words, part.frame)
    division = dump_plan("", "", below, SECTIONS) if as_json else list_plan("", "", below)
    head = f"{place + 1}. {part.title}\n{part.goal}"
    return "\n\n".join((f"<brief>\n{asked.text}\n</brief>", plan, head, division))


def write_document(seed: int, genre: Genre, topic: int, words: int, core: bool = False) -> str:
    """Return a document on one known topic, for judging the corpus itself."""
    rng = random.Random(f"document:{seed}:{genre}:{topic}")
    lexicon = load_lexicon(core)
    wish = draw_wish(lexicon, rng, story=genre == "story")
    outliner = Outliner(genre, wish, draw_cast(lexicon.names, rng), lexicon, rng)
    parts = [f"# {outliner.title()}"]
    for entry in outliner.entries(max(1, words // 500), words):
        parts += [f"## {entry.title}", Author(genre, entry.frame, rng).section(500)]
    return "\n\n".join(parts)


def _in_chunks(count: int) -> list[range]:
    return [range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]


def _chain(
    work: Callable[..., list[_Item]], tasks: list[tuple[object, ...]], processes: int
) -> list[_Item]:
    """Return what all tasks bring, in their order."""
    if processes < 2:
        return [item for task in tasks for item in work(*task)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(work, *task) for task in tasks]
        return [item for future in futures for item in future.result()]


def write_pages(
    seed: int, count: int, outlines: int = 0, processes: int = 1, *, core: bool = False
) -> list[str]:
    """Return so many pages, and so many outlines behind them."""
    tasks: list[tuple[object, ...]] = [
        (write, seed, numbers, core)
        for write, wanted in ((write_page, count), (write_outline, outlines))
        for numbers in _in_chunks(wanted)
    ]
    return _chain(_write_pages, tasks, processes)


def _write_pages(
    write: Callable[[int, int, bool], str], seed: int, numbers: range, core: bool
) -> list[str]:
    return [write(seed, number, core) for number in numbers]


def encode_pages(tokenizer: Tokenizer, pages: list[str]) -> NDArray[np.uint16]:
    """Return all pages as one row of ids, each ended by the end of text."""
    end = tokenizer.token_to_id(END_OF_TEXT)
    rows = [np.array([*code.ids, end], np.uint16) for code in tokenizer.encode_batch(pages)]
    return np.concatenate(rows)


Conversation = tuple[NDArray[np.uint16], NDArray[np.bool_]]
"""Ids, and which of them are learned."""


def write_conversations(
    tokenizer: Tokenizer,
    seed: int,
    documents: int,
    plans: int = 0,
    processes: int = 1,
    *,
    prompts: bool = False,
    core: bool = False,
) -> list[Conversation]:
    """Return the conversations of so many documents, and of so many that are only planned, as ids.

    Args:
        tokenizer: Of the model.
        seed: Of the documents.
        documents: How many are written.
        plans: How many are only planned.
        processes: That write.
        prompts: Whether the user's messages are learned as well.
        core: Whether only the fields of the core are used.
    """
    plain = tokenizer.to_str()
    tasks: list[tuple[object, ...]] = [
        (plain, seed, numbers, write, prompts, core)
        for write, count in ((write_examples, documents), (write_plans, plans))
        for numbers in _in_chunks(count)
    ]
    return _chain(_encode_documents, tasks, processes)


def _encode_documents(
    plain: str,
    seed: int,
    documents: range,
    write: Callable[..., Iterator[Example]],
    prompts: bool,
    core: bool,
) -> list[Conversation]:
    tokenizer = Tokenizer.from_str(plain)
    return [
        encode_chat(tokenizer, example.messages, example.learned, prompts=prompts)
        for example in write(seed, documents, core=core)
    ]
