"""Self-Lengthen: a model that was taught to write short teaches itself to write longer.

It is fine-tuned on replies of at most 60 words to plain requests, and on the two things that an
extender is asked for, which any instructed model can do: up to 400 words that go on from a text it
is shown. From then on it sees only what it writes itself, in three rounds. All is sampled at
temperature 1: below it each round would learn a sharper model than it has, and repeat itself
sooner. Held-out prompts state no length; they are answered after each round.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import typer
from matplotlib.axes import Axes

from benchmarks.recipes.commands import NANO, train, write_rows
from benchmarks.recipes.report import Line, show_mean
from longwrite.agent.budget import Budget
from longwrite.agent.settings import Settings
from longwrite.api import Press
from longwrite.cli.running import run_with_press
from longwrite.data.lengthen import fill_first, fill_rest
from longwrite.engines.choice import Choice
from longwrite.nano.lexicon import Lexicon, load_lexicon
from longwrite.nano.outlines import Outliner
from longwrite.nano.prose import GENRES, Author, Genre
from longwrite.nano.speaker import draw_cast
from longwrite.nano.subjects import draw_wish
from longwrite.text import count_words, sentences
from longwrite.train.loop_settings import LoopSettings
from longwrite.train.self_lengthen import run_loop
from longwrite.types import Role

_T = TypeVar("_T")

MOST, MOST_EXTENDED = 60, 400
"""Words of the longest reply that the model is shown before the rounds: to a request, and to a
request with a text that is to be lengthened."""

_ROWS, _PROMPTS, _ROUNDS, _BRIEFS, _SAMPLES = 320, 72, 3, 20, 3
_TRAINING = (
    "--packing=true", "--per_device_train_batch_size=1", "--gradient_accumulation_steps=1",
    "--learning_rate=1e-3", "--generator.num_train_epochs=4", "--generator.stop_weight=5",
    "--generator.use_peft=true", "--generator.lora_target_modules=all-linear",
    "--extender.num_train_epochs=1", "--logging_steps=10", "--report_to=none",
    "--disable_tqdm=true",
)  # fmt: skip
"""Of both models in each round. The generator has to come up to the lengths of its rows, and its
words are its own already: where to end counts five times, and an adapter keeps the rest as it was.
The extender's rows hold each text up to three times, and it goes over them once."""


def run(work: Path, seed: int) -> dict[str, Any]:
    """Return what each round came to; round 0 is the start."""
    data = work / "start.jsonl"
    if not data.is_file():
        write_rows(data, write_start(seed, _ROWS))
    start = train("sft", "self_lengthen.yaml", NANO, data, work / "start", seed)
    files = {}
    for name, count in (("prompts", _PROMPTS * _ROUNDS), ("held", _BRIEFS)):
        files[name] = work / f"{name}.txt"
        files[name].write_text("\n".join(write_requests(f"{name}:{seed}", count)) + "\n", "utf-8")
    settings = LoopSettings(
        start,
        (str(files["prompts"]),),
        work / "loop",
        rounds=_ROUNDS,
        recipe={
            "rounds": 1,
            "attempts": 3,
            "first_words": 600,
            "least_words": 20,
            "stated": 0.2,
        },
        held_out=files["held"],
        samples=_SAMPLES,
        reply_tokens=2_000,
        arguments=_TRAINING,
        settings=Settings(seed=seed, temperature=1.0, concurrency=32),
    )

    return {"rounds": [asdict(one) for one in run_loop(settings, run_quietly, typer.echo)]}


def begin(rng: random.Random, lexicon: Lexicon) -> tuple[str, Author]:
    """Return a request without a length, and who can answer it."""
    genre: Genre = rng.choice(GENRES)
    wish = draw_wish(lexicon, rng, story=genre == "story")
    outliner = Outliner(genre, wish, draw_cast(lexicon.names, rng), lexicon, rng)
    return f"Write a text about {wish.full}.", Author(genre, outliner.frame(0), rng)


def write_requests(seed: str, count: int) -> list[str]:
    """Return so many requests, each another."""
    lexicon = load_lexicon(core=True)
    found: dict[str, None] = {}
    for number in range(20 * count):
        if len(found) == count:
            break
        found[begin(random.Random(f"{seed}:{number}"), lexicon)[0]] = None
    return list(found)


def write_start(seed: int, count: int) -> list[dict[str, str]]:
    """Return rows, half of them short answers and half extensions."""
    lexicon, rng = load_lexicon(core=True), random.Random(f"start:{seed}")
    rows: list[dict[str, str]] = []
    while len(rows) < count:
        request, author = begin(rng, lexicon)
        kind = len(rows) % 4
        most = MOST if kind < 2 else MOST_EXTENDED
        if kind < 2:
            prompt, text = request, author.section(rng.randint(25, most - 10))
        elif kind == 2:
            text = author.section(rng.randint(60, most - 15))
            head = thin(text)
            prompt = fill_first(request, head, 2 * count_words(head), "en")
        else:
            whole = author.section(rng.randint(100, round(1.5 * most)))
            pieces = list(sentences(whole))
            place = rng.randint(1, max(1, len(pieces) - 2))
            kept, text = ("".join(part).strip() for part in (pieces[:place], pieces[place:]))
            prompt = fill_rest(request, thin(whole), kept, count_words(text), "en")
        if 20 <= count_words(text) <= most:
            rows.append({"prompt": prompt, "completion": text})
    return rows


def thin(text: str) -> str:
    """Return a text with every other sentence left out: what its extension began with.

    >>> thin("One came. Two left. Three stayed.")
    'One came. Three stayed.'
    """
    parts = (list(sentences(part))[::2] for part in text.split("\n\n"))
    return "\n\n".join(" ".join(piece.strip() for piece in part) for part in parts)


def run_quietly(choices: dict[Role, Choice], work: Callable[[Press], Awaitable[_T]]) -> _T:
    """Do some work with engines, their progress untold."""
    return run_with_press(choices, Budget(), work, quiet=True)


def show(figures: dict[str, Any]) -> str:
    """Return a seed's figures in a line, with what the rounds had to bring and did not."""
    rounds = figures["rounds"]
    words = " → ".join(f"{one['sound_words'] or 0:.0f}" for one in rounds)
    shares = " → ".join(f"{one['loop_free']:.0%}" for one in rounds)
    grew = all((b["sound_words"] or 0) > (a["sound_words"] or 0) for a, b in pairwise(rounds))
    kept = rounds[-1]["loop_free"] >= rounds[0]["loop_free"]
    told = "" if grew and kept else "; NOT " + ("longer at each" if not grew else "as loop-free")
    return f"median words of sound replies {words}, loop-free {shares}{told}"


def summarise(lines: Sequence[Line]) -> str:
    """Return what all seeds come to."""
    grown = [line["rounds"][-1]["sound_words"] / line["rounds"][0]["sound_words"] for line in lines]
    return f"{show_mean(grown, '.2f')} times the words after three rounds"


def draw(axes: Axes, lines: Sequence[Line]) -> None:
    """Draw the median words by round."""
    for line in lines:
        words = [one["sound_words"] for one in line["rounds"]]
        axes.plot(range(len(words)), words, marker="o", label=f"seed {line['seed']}")
    axes.set(xlabel="round", ylabel="median words, sound replies", ylim=(0, None))
    axes.set_xticks(range(_ROUNDS + 1))
    axes.legend(frameon=False)
