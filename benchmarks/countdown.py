"""How near to a target of tokens a model ends that is told how many remain.

python benchmarks/countdown.py                      # three seeds
python benchmarks/countdown.py --seeds 0 --steps 20 --briefs 2   # whether it runs

The embedded model is fine-tuned with a count-down by TRL's trainer on replies of about 20 to 500
tokens, to prompts that state no length, and then asked through the engine `local` for 50 to 400
tokens on briefs that it never saw, at temperature 1. Without a target the same model shows what
the count does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from longwrite.data.rows import Row
from longwrite.data.tokenised import encode_completion
from longwrite.engines.local import LocalEngine
from longwrite.nano.bound import write_pair
from longwrite.scoring.endings import is_truncated
from longwrite.text import count_words
from longwrite.train.countdown import CountdownTraining, fit_countdown
from longwrite.train.rows import IGNORED
from longwrite.types import Message, Request, Sampling

TARGETS = (50, 100, 150, 200, 250, 300, 350, 400)
_FOLDER = Path(__file__).resolve().parents[1] / "longwrite" / "nano"
_SHORT, _LONG = (12, 40), (28, 340)
_SHORT_SHARE = 0.6
"""Each reply ends once, and to end is what is learned: so most are short."""
_PACKED = 1024
_CAP = 800


@dataclass(frozen=True, slots=True)
class Written:
    """A reply to a held-out brief.

    Attributes:
        target: Tokens asked for; 0 for none.
        tokens: Tokens written.
        words: Words written.
        asked: Words that the target comes to.
        ended: Whether it ended itself.
        whole: Whether its last sentence is complete.
    """

    target: int
    tokens: int
    words: int
    asked: float
    ended: bool
    whole: bool


def make_pair(rng: random.Random, words: int, *, answer: bool = True) -> tuple[Message, Message]:
    """Return a prompt that states no length, and a text of about so many words."""
    prompt, text = write_pair(rng, words, answer=answer)
    return Message("user", prompt.content.partition(" Length:")[0]), text


def make_rows(tokenizer: Any, tokens: int, seed: int) -> tuple[list[dict[str, list[int]]], float]:
    """Return rows of so many tokens together, and the tokens of a word of their replies."""
    rng = random.Random(f"countdown:{seed}")
    rows: list[dict[str, list[int]]] = []
    total = replies = words = 0
    while total < tokens:
        prompt, text = make_pair(rng, _draw_words(rng))
        ids = encode_completion(
            tokenizer, Row(str(len(rows)), "completion", (prompt,), text.content)
        )
        asked, reply = ids["prompt_ids"], ids["completion_ids"]
        rows.append({"input_ids": asked + reply, "labels": [IGNORED] * len(asked) + reply})
        total += len(asked) + len(reply)
        replies += len(reply) - 1
        words += count_words(text.content)
    return rows, replies / words


def _draw_words(rng: random.Random) -> int:
    if rng.random() < _SHORT_SHARE:
        return rng.randint(*_SHORT)
    shortest, longest = _LONG
    return round(shortest * (longest / shortest) ** rng.random())


def tune(folder: Path, out: Path, seed: int, options: argparse.Namespace) -> None:
    """Fine-tune the model of a folder into another."""
    trl: Any = import_module("trl")
    auto: Any = import_module("transformers")
    tokenizer = auto.AutoTokenizer.from_pretrained(folder)
    rows, tokens_per_word = make_rows(tokenizer, options.steps * _PACKED, seed)

    class Trainer(CountdownTraining, trl.SFTTrainer):  # type: ignore[misc, name-defined]
        pass

    config = trl.SFTConfig(
        output_dir=str(out), max_steps=options.steps, per_device_train_batch_size=1, packing=True,
        max_length=_PACKED, learning_rate=options.rate, lr_scheduler_type="cosine", warmup_steps=10,
        weight_decay=0.0, adam_beta2=0.95, use_cpu=True, bf16=False, seed=seed, report_to="none",
        save_strategy="no", logging_steps=25, gradient_checkpointing=False,
    )  # fmt: skip
    trainer = Trainer(
        auto.AutoModelForCausalLM.from_pretrained(folder, dtype="float32"),
        config,
        train_dataset=import_module("datasets").Dataset.from_list(rows),
        processing_class=tokenizer,
    )
    countdown = fit_countdown(
        trainer.model,
        tokens_per_word=tokens_per_word,
        loudness=options.loudness,
        base=options.base,
    )
    trainer.teach_countdown(countdown, stops={tokenizer.eos_token_id}, blank=options.blank)
    trainer.train()
    trainer.save_model()


async def measure(folder: Path, seed: int, briefs: int, temperature: float) -> list[Written]:
    """Return what a tuned model writes to each target, and to none, on unseen briefs."""
    engine = await LocalEngine.open(folder, device="cpu", batch=32)
    rate = engine.countdown.tokens_per_word if engine.countdown else 0.0
    rng = random.Random(f"held-out:{seed}")
    prompts = [make_pair(rng, 100, answer=False)[0] for _ in range(briefs)]

    async def write(prompt: Message, target: int, number: int) -> Written:
        extra = {"target_tokens": target} if target else {}
        sampling = Sampling(_CAP, temperature, 1.0, seed * 1_000 + number, extra)
        reply = await engine.generate(Request((prompt,), sampling))
        ended = reply.finish == "stop"
        tokens = (reply.usage.completion or 0) - ended
        whole = ended and not is_truncated(reply.text)
        asked = target / rate
        return Written(target, tokens, count_words(reply.text), asked, ended, whole)

    try:
        # By target, so that the rows of a batch are about as long.
        calls = [
            write(prompt, target, number)
            for target in (*TARGETS, 0)
            for number, prompt in enumerate(prompts)
        ]
        return list(await asyncio.gather(*calls))
    finally:
        await engine.close()


def tabulate(written: Sequence[Written]) -> str:
    """Return the errors as a Markdown table: a row for each target, and one for all."""
    head = (
        "| target, tokens | mean error, tokens | largest | within 3 | mean error, words "
        "| ended | last sentence whole |\n|---|---|---|---|---|---|---|"
    )
    lines = [head]
    targets = sorted({one.target for one in written if one.target})
    groups: list[tuple[str, list[Written]]] = [
        (str(target), [one for one in written if one.target == target]) for target in targets
    ]
    groups.append(("all", [one for one in written if one.target]))
    for name, ones in groups:
        errors = [abs(one.tokens - one.target) for one in ones]
        words = statistics.mean(abs(one.words - one.asked) for one in ones)
        shares = (
            sum(error <= 3 for error in errors), sum(one.ended for one in ones),
            sum(one.whole for one in ones),
        )  # fmt: skip
        near, ended, whole = (f"{share / len(ones):.0%}" for share in shares)
        lines.append(
            f"| {name} | {statistics.mean(errors):.2f} | {max(errors)} | {near} | {words:.1f} "
            f"| {ended} | {whole} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Train and measure for each seed, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--loudness", type=float, default=1.0)
    parser.add_argument("--base", type=float, default=10_000.0)
    parser.add_argument("--blank", type=float, default=0.0, help="Share of replies not counted.")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--briefs", type=int, default=20)
    parser.add_argument("--folder", type=Path, default=_FOLDER)
    parser.add_argument("--keep", type=Path, help="Folder for the tuned models.")
    options = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import_module("transformers").utils.logging.disable_progress_bar()
    means = []
    everything: list[Written] = []
    with tempfile.TemporaryDirectory() as temporary:
        for seed in options.seeds:
            out = (options.keep or Path(temporary)) / f"seed-{seed}"
            begun = time.perf_counter()
            tune(options.folder, out, seed, options)
            tuned = time.perf_counter()
            written = asyncio.run(measure(out, seed, options.briefs, options.temperature))
            ended = time.perf_counter()
            told = [one for one in written if one.target]
            free = [one for one in written if not one.target]
            means.append(statistics.mean(abs(one.tokens - one.target) for one in told))
            everything += written
            lengths = [one.tokens for one in free]
            typer.echo(
                f"\nSeed {seed}: {tuned - begun:.0f} s to tune, {ended - tuned:.0f} s to ask\n"
            )
            typer.echo(tabulate(written))
            typer.echo(
                f"\nWithout a target: {min(lengths)} to {max(lengths)} tokens, median "
                f"{statistics.median(lengths):.0f}, {sum(one.ended for one in free)} of "
                f"{len(free)} ended"
            )
    if len(means) > 1:
        typer.echo(f"\nAll {len(means)} seeds\n\n{tabulate(everything)}")
        typer.echo(
            f"\nMean error by seed: {', '.join(f'{mean:.2f}' for mean in means)}; "
            f"{statistics.mean(means):.2f} ± {statistics.stdev(means):.2f}"
        )


if __name__ == "__main__":
    main()
