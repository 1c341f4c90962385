"""Whole runs with a model that means harm, and run folders that came from a stranger."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st

from longwrite.agent.budget import Budget
from longwrite.agent.continuation import read_past
from longwrite.agent.places import Places
from longwrite.agent.settings import Settings
from longwrite.api import Outcome, Press, write_run
from longwrite.engines.engine import Watch
from longwrite.engines.scripted import ScriptedEngine, parse_rule
from longwrite.errors import LongwriteError
from longwrite.page import render_page
from longwrite.types import Brief, Finish, Reply, Request
from tests.agent.stage import BRIEF, PLAN_BRIEF, write
from tests.cli.conftest import Command
from tests.cli.conftest import longwrite as longwrite
from tests.faults.hostile import (
    NUMBERS,
    TEXTS,
    VALUES,
    Tell,
    mapping,
    try_cases,
    writing_only_in,
    written,
)
from tests.faults.test_hostile_pages import assert_harmless
from tests.faults.test_hostile_plans import FILES, plan_files, replies

FACTS = st.lists(
    mapping({"entity": TEXTS, "attribute": TEXTS, "value": TEXTS, "quote": TEXTS}), max_size=4
).map(lambda facts: written({"facts": facts}))


class HostileEngine(ScriptedEngine):
    """Answers plans, notes and texts with what it is given, each in turn."""

    def __init__(self, plans: list[str], notes: list[str], texts: list[str]) -> None:
        super().__init__(parse_rule(""))
        self.requests: list[Request] = []
        self._said = [itertools.cycle(list_) for list_ in (plans, notes, texts)]

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        for message in request.messages:
            message.content.encode()
        self.requests.append(request)
        plans, notes, texts = self._said
        if request.ask.step.startswith("plan"):
            text = next(plans)
        elif request.ask.step == "facts":
            text = next(notes)
        else:
            sound = await super().generate(request, watch)
            text = f"{sound.text}\n\n{next(texts)}"
        # As an engine's replies are: no half characters.
        text = text.encode("utf-8", "replace").decode()
        finish: Finish = "stop"
        return Reply(text, finish) if text.strip() else Reply(" ", finish)


def run_with(engine: ScriptedEngine, folder: Path, brief: Brief | None, **more: Any) -> Outcome:
    """Write a run with an engine for all roles."""
    settings = more.pop("settings", Settings("dag"))
    press = Press(
        {"write": engine, "plan": engine, "check": engine}, {"write": "x"}, Budget(), Places(4), 4
    )
    return asyncio.run(write_run(folder, press, brief, settings if brief else None, **more))


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Return what names another folder at each call; the test stands in the one above."""
    monkeypatch.chdir(tmp_path)
    numbers = itertools.count()
    return lambda: tmp_path / f"run-{next(numbers)}"


def test_a_model_that_means_harm_writes_in_its_run_alone(
    folders: Callable[[], Path], tell: Tell, amount: Callable[[int, int], int]
) -> None:
    def run(plans: list[str], notes: list[str], texts: list[str], past: str) -> None:
        folder = folders()
        engine = HostileEngine(plans, notes, texts)
        more = {"past": read_past(past)} if past.strip() else {}
        with writing_only_in(folder):
            try:
                outcome = run_with(engine, folder, BRIEF, **more)
            except LongwriteError as error:
                str(error).encode()
                return
        names = {path.name for path in folder.iterdir()}
        assert names <= {
            "brief.yaml",
            "plan.yaml",
            "sections",
            "document.md",
            "report.json",
            "calls.sqlite",
            "calls.sqlite-wal",
            "calls.sqlite-shm",
            ".lock",
        }
        assert all(path.suffix == ".md" for path in (folder / "sections").iterdir())
        assert_harmless(render_page(outcome.markdown, title=outcome.document.plan.title))
        json.loads((folder / "report.json").read_text("utf-8"))
        asked = len(engine.requests)
        assert run_with(engine, folder, None).markdown == outcome.markdown
        assert len(engine.requests) == asked, "a finished run asks nothing again"

    strategies = (st.lists(what, min_size=1, max_size=3) for what in (replies(), FACTS, TEXTS))
    manuscripts = st.just("") | TEXTS.filter(
        lambda text: "\ud800" not in text and "\udfff" not in text
    )
    cases = try_cases(run, *strategies, manuscripts, most=amount(4, 200), seconds=5)
    tell("runs with a hostile model", cases)


# --- folders of strangers -------------------------------------------------------------------------

STARTS = mapping(
    {
        "settings": mapping(
            {
                "mode": TEXTS,
                "planner": TEXTS,
                "seed": NUMBERS,
                "temperature": NUMBERS,
                "top_p": NUMBERS,
                "extra": VALUES,
                "window": NUMBERS,
                "concurrency": NUMBERS,
            }
        ),
        "models": mapping({"write": st.just("scripted"), "plan": TEXTS, "base_url": TEXTS}),
        "identities": mapping({"write": st.just("scripted"), "plan": TEXTS}),
        "abilities": mapping(
            {
                "window": NUMBERS,
                "json": st.booleans(),
                "checks": st.booleans(),
                "deterministic": st.booleans(),
                "languages": st.lists(TEXTS),
            }
        ),
    }
)


def test_a_run_folder_of_a_stranger_is_gone_on_with_or_refused(
    folders: Callable[[], Path], tell: Tell, amount: Callable[[int, int], int]
) -> None:
    sound = write(folders(), PLAN_BRIEF).path
    brief, plan = ((sound / name).read_text() for name in ("brief.yaml", "plan.yaml"))
    head, tail = brief.split("\nrun:\n")
    start = yaml.safe_load(f"run:\n{tail}")["run"]

    def resume(changes: dict[str, Any], text: str, place: str) -> None:
        folder = folders()
        folder.mkdir()
        run = start | {
            name: start[name] | one if isinstance(one, dict) and name in start else one
            for name, one in changes.items()
        }
        told = {
            "start": f" {json.dumps(run, skipkeys=True)}",
            "brief": f"{tail}{text}",
            "plan": tail,
        }[place]
        (folder / "brief.yaml").write_text(f"{head}\nrun:\n{told}", "utf-8", "replace")
        (folder / "plan.yaml").write_text(text if place == "plan" else plan, "utf-8", "replace")
        with writing_only_in(folder):
            try:
                write(folder)
            except LongwriteError as error:
                str(error).encode("utf-8", "surrogatepass")

    texts = plan_files() | FILES.map(written) | TEXTS
    places = st.sampled_from(["plan", "brief", "start"])
    cases = try_cases(resume, STARTS, texts, places, most=amount(10, 400), seconds=5)
    tell("run folders of strangers", cases)


def test_no_title_commands_the_terminal(longwrite: Command, tmp_path: Path) -> None:
    evil = "A\\e[2J\\e]0;x\\x9b2J"
    plan = f'title: "{evil}"\nsections:\n- {{id: a, title: "{evil}", words: 200}}\n'
    (tmp_path / "plan.yaml").write_text(plan)
    model = ("--model", "scripted")
    shown = [longwrite("write", "plan.yaml", "--run", "r", *model), longwrite("status", "r")]
    shown.append(longwrite("write", "plan.yaml", "--run", "r", "--seed", "9", *model))
    for result in shown:
        assert not set("\x1b\x9b") & set(result.out + result.err)
    assert "A\ufffd[2J" in shown[1].out


def begin_stolen(longwrite: Command, folder: Path) -> tuple[Path, str]:
    """Return an empty folder, and the brief of a run to be put into it in another wording."""
    arguments = ("--run", "r", "--model", "scripted", "--quiet")
    assert longwrite("write", "On salt, 300 words", *arguments).code == 0
    stolen = folder / "stolen"
    stolen.mkdir()
    return stolen, (folder / "r" / "brief.yaml").read_text()


@pytest.mark.parametrize("planner", ["antigravity:x", "os:abort", "code:interact", "pathlib:Path"])
def test_a_folder_chooses_no_code_to_run(longwrite: Command, tmp_path: Path, planner: str) -> None:
    stolen, brief = begin_stolen(longwrite, tmp_path)
    (stolen / "brief.yaml").write_text(brief.replace("planner: outline", f"planner: {planner}"))
    result = longwrite("resume", "stolen")
    assert result.code == 2 and "planner" in result.err
    assert not (stolen / "plan.yaml").exists()


def test_a_folder_sends_no_key_to_its_server(
    longwrite: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen, brief = begin_stolen(longwrite, tmp_path)
    evil = "http://collector.invalid/v1"
    told = brief.replace("write: scripted\n", "write: m\n", 1).replace(
        "base_url: ''", f"base_url: {evil}"
    )
    (stolen / "brief.yaml").write_text(told)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    result = longwrite("resume", "stolen")
    assert result.code == 2 and evil in result.err and "--base-url" in result.err
    assert longwrite("resume", "stolen", "--base-url", evil).code == 5, (
        "named by a person, it is asked"
    )
