"""Self-Lengthen as a loop: a model taught to write longer by what it writes itself.

Quan et al. 2024 (arXiv:2410.23933), in rounds:

    generate and extend   answers of the generator, lengthened by the extender (recipe `lengthen`)
    filter                the builder's filters and labels; duplicates; each role's rows a set
    train                 generator and extender, by SFT
    measure               the new generator's replies to held-out prompts

Every stage is written down when it is over and goes on by itself when it was stopped: a build from
its call log, a training from its last checkpoint. Differently from the released code, no slow row
is lost, what was cut never becomes text, a length that a prompt states is measured, an answer may
become as long as the round before made them, and each round has prompts of its own: a model that
was trained on a prompt's answer would only say that again.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Protocol, TypeVar

from longwrite.api import Press
from longwrite.data.build import Count, lock_set
from longwrite.data.prompt_files import read_lines
from longwrite.data.sets import build_set
from longwrite.engines.choice import Choice
from longwrite.errors import UsageError
from longwrite.prompts import derive_seed
from longwrite.runs.folder import replace_file
from longwrite.train.held_out import HeldOut, read_held_out
from longwrite.train.loop_settings import (
    LoopSettings,
    deal,
    describe,
    make_blueprint,
    read_training,
)
from longwrite.train.measuring import measure_reply
from longwrite.train.replies import Way, write_answers
from longwrite.train.round_rows import find_least, split_rows, write_prompts
from longwrite.train.rounds import (
    MODELS,
    Model,
    Round,
    State,
    make_round,
    summarise_replies,
    write_report,
)
from longwrite.types import Role

_TOLD_REPLIES = 4
"""Times that the replies of a round are told while they come in."""

_T = TypeVar("_T")


class Runner(Protocol):
    """Opens engines, has them do some work, and closes them."""

    def __call__(
        self, choices: dict[Role, Choice], work: Callable[[Press], Awaitable[_T]]
    ) -> _T: ...


def run_loop(
    settings: LoopSettings,
    run: Runner,
    say: Callable[[str], None] = lambda line: None,
    notify: Callable[[Count], None] = lambda count: None,
) -> list[Round]:
    """Run the loop, or go on with it, and return its rounds.

    Args:
        settings: What is asked for.
        run: Opens engines for a piece of work.
        say: Told what happens.
        notify: Told how far a build has come.

    Raises:
        LongwriteError: It can't begin, or had to stop; the same call goes on from there.
    """
    settings.folder.mkdir(parents=True, exist_ok=True)
    lock = lock_set(settings.folder)
    try:
        return _Loop(settings, run, say, notify).go()
    finally:
        lock.release()


class _Loop:
    """One run."""

    def __init__(
        self,
        settings: LoopSettings,
        run: Runner,
        say: Callable[[str], None],
        notify: Callable[[Count], None],
    ) -> None:
        self._settings, self._run, self._say, self._notify = settings, run, say, notify
        for model in MODELS:
            read_training(settings, model, settings.model, settings.folder, settings.folder)
        self._lines = read_lines(settings.prompts)
        self._state = State(settings.folder, describe(settings, self._lines))
        self._held_out = self._set_apart()

    def go(self) -> list[Round]:
        """Do what isn't done."""
        total = self._settings.rounds
        self._do(0, "measured", self._measure)
        self._report(0)
        for number in range(1, total + 1):
            self._do(number, "rows", self._build)
            self._do(number, "generator", lambda n: self._train(n, "generator"))
            self._clear(number)
            self._do(number, "measured", self._measure)
            self._report(number)
            if number < total:  # the last round's would extend nothing
                self._do(number, "extender", lambda n: self._train(n, "extender"))
                self._clear(number)
        self._keep_last()
        return self._report(total)

    def _do(self, number: int, stage: str, work: Callable[[int], dict[str, Any]]) -> None:
        name = f"{number}/{stage}"
        if self._state.get(name) is None:
            self._say(f"Round {number} of {self._settings.rounds}: {_TOLD[stage]}")
            begun = time.monotonic()
            found = work(number)
            found["seconds"] = round(time.monotonic() - begun, 1)
            self._state.put(name, found)

    def _clear(self, number: int) -> None:
        """Remove the checkpoints of trainings that are over and written down."""
        for checkpoint in (self._settings.folder / f"round-{number}").glob("*/checkpoint-*"):
            shutil.rmtree(checkpoint)

    def _report(self, last: int) -> list[Round]:
        rounds = [make_round(self._state, number) for number in range(last + 1)]
        write_report(self._settings.folder, rounds)
        return rounds

    # --- prompts and folders ----------------------------------------------------------------------

    def _set_apart(self) -> tuple[HeldOut, ...]:
        """Deal the prompts to the rounds, some held out, and return those."""
        settings = self._settings
        lines, apart = deal(settings, self._lines)
        for number, share in enumerate(lines, 1):
            write_prompts(self._prompts(number), share)
        path = settings.held_out
        if path is None:
            path = settings.folder / "prompts" / "held-out.jsonl"
            write_prompts(path, apart)
        return read_held_out(path)

    def _prompts(self, number: int) -> Path:
        return self._settings.folder / "prompts" / f"round-{number}.jsonl"

    def _place(self, number: int, name: str) -> Path:
        return self._settings.folder / f"round-{number}" / name

    def _find(self, model: Model, number: int) -> Path:
        """Return a model as it is after a round."""
        base = self._settings.model
        return (self._place(number, model) if number else base).expanduser().resolve()

    def _choose(self, folder: Path) -> Choice:
        settings = self._settings
        name = f"vllm:{folder}" if settings.engine == "vllm" else str(folder)
        calls = settings.settings.concurrency
        return Choice(name, vllm_python=settings.vllm_python, in_flight=calls)

    # --- stages -----------------------------------------------------------------------------------

    def _build(self, number: int) -> dict[str, Any]:
        """Have answers written and lengthened, and keep each model's rows as a set."""
        settings = self._settings
        before = self._state.get(f"{number - 1}/rows") or {}
        longest = int(before.get("longest", 0))
        blueprint = make_blueprint(settings, number, self._prompts(number), longest)
        folder = self._place(number, "rows")
        seed = derive_seed(settings.settings.seed, "calls", number)
        writing = replace(settings.settings, seed=seed)
        writer = settings.writer or self._choose(self._find("generator", number - 1))
        extender = settings.writer or self._choose(self._find("extender", number - 1))
        built = self._run(
            {"write": writer, "plan": extender, "check": writer},
            lambda press: build_set(blueprint, folder, writing, press, notify=self._notify),
        )
        if built.stopped is not None:
            raise built.stopped
        stages = built.finished.funnel.stages.values()
        dropped = {reason: loss.count for one in stages for reason, loss in one.losses.items()}
        rows, texts = {}, []
        replies = float(self._state.get(f"{number - 1}/measured")["words"])
        for model in MODELS:
            least = find_least(model, settings.recipe, replies)
            alone = split_rows(folder, self._place(number, f"{model}-rows"), model, least)
            rows[model] = alone[0]
            for reason, count in alone[1].items():
                dropped[reason] = dropped.get(reason, 0) + count
            if model == "generator":
                texts = alone[2]
        if not all(rows.values()):
            reasons = sorted(dropped, key=lambda reason: -dropped[reason])[:3]
            why = "; ".join(reasons) or "there are no prompts"
            lacking = min(rows, key=lambda model: rows[model])
            mend = f"See {folder}/funnel.html; give more prompts, or loosen the recipe with --set."
            raise UsageError(f"Round {number} made no row for the {lacking}", why, mend)
        return {"rows": rows, "dropped": dropped, "words": median(texts), "longest": max(texts)}

    def _train(self, number: int, model: Model) -> dict[str, Any]:
        """Train a model on its rows; the folder of the round then holds a whole one."""
        from longwrite.train.adapters import merge_adapter
        from longwrite.train.preparation import prepare
        from longwrite.train.running import train

        settings, whole = self._settings, self._place(number, model)
        start = self._find(model, 0 if settings.from_base else number - 1)
        rows = self._place(number, f"{model}-rows")
        order = read_training(settings, model, start, rows, whole)
        adapter = whole.with_name(f"{model}-adapter")
        if order.model.use_peft:
            order.training.output_dir = str(adapter)
        done = train(prepare(order), self._say)
        free_memory()
        if order.model.use_peft:
            merge_adapter(adapter, whole, base=str(start), force=True)
        return {"steps": done.steps, "losses": list(done.losses), "dropped": dict(done.dropped)}

    def _measure(self, number: int) -> dict[str, Any]:
        """Have the generator answer the held-out prompts."""
        settings, folder = self._settings, self._place(number, "held-out")
        folder.mkdir(parents=True, exist_ok=True)
        asked = replace(settings.settings, temperature=1.0, top_p=1.0)
        way = Way("reply", settings.samples, asked, settings.reply_tokens)
        choices: dict[Role, Choice] = {"write": self._choose(self._find("generator", number))}
        answers = self._run(
            choices,
            lambda press: write_answers(self._held_out, press, way, folder, self._tell_replies),
        )
        replies = []
        for one in answers:
            asked_for = self._held_out[one.brief]
            told = {"prompt": asked_for.brief.prompt, "reply": one.text, "failed": one.failed}
            measures = measure_reply(asked_for.brief, one.text, ended=one.ended)
            replies.append({**told, **measures})
        lines = (json.dumps(one, ensure_ascii=True) + "\n" for one in replies)
        replace_file(folder / "replies.jsonl", "".join(lines))
        return summarise_replies(replies)

    def _tell_replies(self, done: int, total: int) -> None:
        if done % max(1, total // _TOLD_REPLIES) == 0:
            self._say(f"{done:,} of {total:,} replies")

    def _keep_last(self) -> None:
        """Put the last generator to where a person looks for it."""
        place = self._settings.folder / "model"
        part = place.with_name(".model.part")
        shutil.rmtree(part, ignore_errors=True)
        last = self._place(self._settings.rounds, "generator")
        shutil.copytree(last, part, copy_function=_link)
        shutil.rmtree(place, ignore_errors=True)
        part.rename(place)


_TOLD = {
    "rows": "answers are written and lengthened",
    "generator": "the generator is trained",
    "extender": "the extender is trained",
    "measured": "held-out prompts are answered",
}


def free_memory() -> None:
    """Give back what a training held, so that the next engine has room."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _link(source: str, target: str) -> str:
    """Have a file in a second place; where a disk knows no links, as a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target
