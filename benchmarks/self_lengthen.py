"""A model that was taught to write short teaches itself to write longer, in three rounds.

python benchmarks/self_lengthen.py                       # three rounds, 7 minutes of one core
python benchmarks/self_lengthen.py --rows 40 --prompts 6 --held-out 2 --rounds 1   # whether it runs

The embedded model is fine-tuned on replies of at most 120 words: short texts, and the two things
that an extender is asked for, on short texts too. From then on it sees only what it writes itself.
Held-out prompts state no length; they are answered at temperature 1 after each round.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import typer

from longwrite.agent.budget import Budget
from longwrite.agent.settings import Settings
from longwrite.cli.running import run_with_press
from longwrite.data.lengthen import fill_first, fill_rest
from longwrite.nano.lexicon import Lexicon, load_lexicon
from longwrite.nano.outlines import Outliner
from longwrite.nano.prose import GENRES, Author, Genre
from longwrite.nano.speaker import draw_cast
from longwrite.nano.subjects import draw_wish
from longwrite.text import count_words, sentences
from longwrite.train.rounds import Round, show_rounds
from longwrite.train.self_lengthen import LoopSettings, run_loop

MOST = 120
"""Words of the longest reply that the model is shown before the rounds."""

_NANO = Path(__file__).resolve().parents[1] / "longwrite" / "nano"
_SHORT = ("--packing=true", "--per_device_train_batch_size=1", "--disable_tqdm=true",
          "--report_to=none", "--logging_steps=20")  # fmt: skip
_START = (*_SHORT, "--max_length=1024", "--gradient_accumulation_steps=2", "--learning_rate=1e-3",
          "--lr_scheduler_type=cosine", "--num_train_epochs=1", "--save_strategy=no")  # fmt: skip
_ROUNDS = (*_SHORT, "--gradient_accumulation_steps=1", "--learning_rate=1e-3",
           "--max_steps=100")  # fmt: skip


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
    """Return rows of replies of at most `MOST` words: half answers, half extensions."""
    lexicon, rng = load_lexicon(core=True), random.Random(f"start:{seed}")
    rows: list[dict[str, str]] = []
    while len(rows) < count:
        request, author = begin(rng, lexicon)
        kind = len(rows) % 4
        if kind < 2:
            prompt, text = request, author.section(rng.randint(40, MOST - 15))
        elif kind == 2:
            text = author.section(rng.randint(60, MOST - 15))
            head = thin(text)
            prompt = fill_first(request, head, 2 * count_words(head), "en")
        else:
            whole = author.section(rng.randint(100, 220))
            pieces = list(sentences(whole))
            place = rng.randint(1, max(1, len(pieces) - 2))
            kept, text = ("".join(part).strip() for part in (pieces[:place], pieces[place:]))
            prompt = fill_rest(request, thin(whole), kept, count_words(text), "en")
        if 20 <= count_words(text) <= MOST:
            rows.append({"prompt": prompt, "completion": text})
    return rows


def thin(text: str) -> str:
    """Return a text with every other sentence left out: what its extension began with.

    >>> thin("One came. Two left. Three stayed.")
    'One came. Three stayed.'
    """
    parts = (list(sentences(part))[::2] for part in text.split("\n\n"))
    return "\n\n".join(" ".join(piece.strip() for piece in part) for part in parts)


def tune_start(seed: int, count: int, work: Path) -> Path:
    """Return a folder of the embedded model taught to write short."""
    from longwrite.train.preparation import prepare
    from longwrite.train.running import train
    from longwrite.train.settings import read_order

    data, folder = work / "start.jsonl", work / "start"
    if (folder / "model.safetensors").is_file():
        return folder
    work.mkdir(parents=True, exist_ok=True)
    data.write_text("".join(json.dumps(row) + "\n" for row in write_start(seed, count)), "utf-8")
    places = (f"--model_name_or_path={_NANO}", f"--dataset_name={data}", f"--output_dir={folder}")
    train(prepare(read_order("sft", None, [*_START, f"--seed={seed}", *places])), typer.echo)
    return folder


def lengthen(seed: int, options: argparse.Namespace, work: Path) -> list[Round]:
    """Return the rounds of one seed."""
    start = tune_start(seed, options.rows, work)
    files = {}
    for name, count in (("prompts", options.prompts * options.rounds), ("held", options.held_out)):
        files[name] = work / f"{name}.txt"
        files[name].write_text("\n".join(write_requests(f"{name}:{seed}", count)) + "\n", "utf-8")
    settings = LoopSettings(
        start,
        (str(files["prompts"]),),
        work / "loop",
        rounds=options.rounds,
        recipe={"rounds": 2, "first_words": 300, "least_words": 20, "stated": 0.2},
        held_out=files["held"],
        samples=2,
        reply_tokens=2_000,
        arguments=_ROUNDS,
        settings=Settings(seed=seed, concurrency=32),
    )

    def run(choices: Any, do: Any) -> Any:
        return run_with_press(choices, Budget(), do, quiet=True)

    return run_loop(settings, run, typer.echo)


def judge(rounds: Sequence[Round]) -> list[str]:
    """Return what the rounds had to bring and did not."""
    lines = []
    for before, after in pairwise(rounds):
        if not (after.sound_words or 0) > (before.sound_words or 0):
            lines.append(f"round {after.number} is not longer than the one before")
    if rounds[-1].loop_free < rounds[0].loop_free:
        lines.append("the loop-free share is lower than at the start")
    return lines


def main() -> None:
    """Run the seeds and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=320, help="of the set that it starts with")
    parser.add_argument("--prompts", type=int, default=36, help="of each round")
    parser.add_argument("--held-out", type=int, default=10)
    parser.add_argument("--work", type=Path, default=Path("self-lengthen"))
    options = parser.parse_args()
    failed = False
    for seed in options.seeds:
        begun, worked = time.monotonic(), time.process_time()
        rounds = lengthen(seed, options, options.work / f"seed-{seed}")
        typer.echo(show_rounds(rounds))
        wall, busy = ((now - then) / 60 for now, then in (
            (time.monotonic(), begun), (time.process_time(), worked),
        ))  # fmt: skip
        typer.echo(f"seed {seed}: {wall:.1f} minutes, {busy:.1f} of them on the processor")
        for line in judge(rounds):
            failed = True
            typer.echo(line)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
