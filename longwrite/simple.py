"""The interface for a person with a Python prompt: one call, no event loop, the defaults.

The command line and larger programs stand on `longwrite.api`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from longwrite.agent.record import read_models
from longwrite.agent.settings import Settings
from longwrite.api import Outcome, default_folder, open_press, write_run
from longwrite.engines.choice import Choice, choose_model
from longwrite.rewards.briefs import compile_brief
from longwrite.types import Brief, Document, Plan, Role
from longwrite.verdicts import Scored, score_text


def score(
    text: str, prompt: str = "", *, words: int | None = None, counter: str = "words"
) -> Scored:
    """Measure a text, and hold it against what was asked for.

    Args:
        text: Markdown or plain text, whoever wrote it.
        prompt: What was asked for; empty where nobody said.
        words: The length asked for; else as the prompt says.
        counter: How words are counted; see `longwrite.scoring.counters`.

    Raises:
        UsageError: There is no such counter, or the prompt can't be used.
    """
    brief = compile_brief(prompt or "Write a text.", words=words) if prompt or words else None
    return score_text(text, brief=brief, counter=counter)


def plan(
    prompt: str,
    *,
    words: int | None = None,
    model: str | None = None,
    base_url: str | None = None,
    runs: str | Path = "runs",
    settings: Settings | None = None,
) -> Plan:
    """Plan a document; `write` with the same arguments goes on from the plan.

    Raises:
        LongwriteError: It can't be planned; the message says what to do.
    """
    brief = compile_brief(prompt, words=words)
    return _work(brief, model, base_url, Path(runs), settings, plan_only=True).document.plan


def write(
    prompt: str,
    *,
    words: int | None = None,
    model: str | None = None,
    base_url: str | None = None,
    runs: str | Path = "runs",
    settings: Settings | None = None,
) -> Document:
    """Plan and write a document; calling it again resumes, or returns what is finished.

    Args:
        prompt: What to write.
        words: The length; else as the prompt says, else 10,000.
        model: As the command line's ``--model``.
        base_url: Of an OpenAI-compatible server.
        runs: The folder that holds the runs.
        settings: Mode, planner, seed, sampling.

    Raises:
        LongwriteError: It can't be written; the message says what to do.
    """
    brief = compile_brief(prompt, words=words)
    return _work(brief, model, base_url, Path(runs), settings, plan_only=False).document


def resume(run: str | Path) -> Document:
    """Go on with a run folder, with the models that it was begun with.

    Raises:
        LongwriteError: It holds no run, or it can't go on.
    """
    models = read_models(Path(run))
    address = models.get("base_url", "")
    choices: dict[Role, Choice] = {"write": Choice(models["write"], address)}
    if "plan" in models:
        choices["plan"] = Choice(models["plan"], address)
    if "check" in models:
        choices["check"] = Choice(models["check"], address)

    async def work() -> Outcome:
        press = await open_press(choices)
        try:
            return await write_run(Path(run), press)
        finally:
            await press.close()

    return asyncio.run(work()).document


def _work(
    brief: Brief,
    model: str | None,
    base_url: str | None,
    runs: Path,
    settings: Settings | None,
    *,
    plan_only: bool,
) -> Outcome:
    name, address = choose_model(model, base_url)
    settings = settings or Settings()
    choice = Choice(name, address, in_flight=settings.concurrency)
    folder = default_folder(runs, brief, settings, {"write": name})

    async def work() -> Outcome:
        press = await open_press({"write": replace(choice, window=settings.window)})
        try:
            return await write_run(folder, press, brief, settings, stop_after_plan=plan_only)
        finally:
            await press.close()

    return asyncio.run(work())
