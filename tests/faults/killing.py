"""Runs the real command line and kills it, at any time or at any step, many times a minute.

Starting Python and importing longwrite takes most of a second, so each command is forked off a warm
process that has done both (`multiprocessing`'s fork server). A kill at a step is dealt by the
command to itself before its n-th step, which is an operation on a file or a statement of SQL: so
the windows between two writes are hit, however short they are.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from unittest.mock import patch

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "longwrite.cli.batch",
        "longwrite.cli.data",
        "longwrite.cli.forecast",
        "longwrite.cli.main",
        "longwrite.cli.progress",
        "longwrite.cli.write",
        "longwrite.data.agentwrite",
        "longwrite.data.best_vs_rest",
        "longwrite.data.sets",
        "longwrite.engines.nano",
        "longwrite.engines.openai",
        "longwrite.engines.scripted",
        "longwrite.planners.outline",
        "longwrite.scoring.endings",
        "pandas",
        "pytest",
        "pyarrow.compute",
        "pyarrow.parquet",
        "typer._adapters",
        __name__,
    ]
)
_STEPS = ("open", "os.", "shutil.")
"""Beginnings of the audit events that count as a step; SQL statements are counted besides."""

JOURNAL = "journal"
"""The scripted engine's file with a line for each call begun, in the folder of the work."""

Calls = Mapping[tuple[str, str], tuple[str, float]]
"""Completed calls: (log, key) to the name in the journal and the time of completion."""

Signals = Mapping[int, signal.Signals]
"""Number of a step, from 1, to the signal that comes before it."""

IN_FLIGHT = 4


# --- a command -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Exit code; negative for the signal that ended it.
        told: What it printed, both streams together.
        steps: Steps that it took; 0 for one that was killed.
    """

    code: int
    told: str
    steps: int

    @property
    def killed(self) -> bool:
        """Whether it was still at work."""
        return self.code == -signal.SIGKILL


class Running:
    """A command at work in a folder of its own.

    Args:
        arguments: Of `longwrite`.
        place: The folder it runs in.
        signals: What it sends to itself before which step.
        statement: Counts as a step, and nothing else does; every step where it is empty.
    """

    def __init__(
        self, arguments: list[str], place: Path, signals: Signals, statement: str = ""
    ) -> None:
        """Start it."""
        self._scratch = Path(tempfile.mkdtemp())
        self._process: ForkServerProcess = _CONTEXT.Process(
            target=_work, args=(arguments, str(place), str(self._scratch), dict(signals), statement)
        )
        self._process.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end, for some seconds at most; True when it has ended."""
        self._process.join(seconds)
        return self._process.exitcode is not None

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it is still there."""
        if self._process.pid is not None and self._process.exitcode is None:
            os.kill(self._process.pid, number)

    def end(self) -> Ended:
        """Wait for its end and tell of it."""
        self._process.join()
        code = self._process.exitcode
        assert code is not None
        steps = self._scratch / "steps"
        count = int(steps.read_text()) if steps.exists() else 0
        told = (self._scratch / "told").read_text("utf-8") if code != -signal.SIGKILL else ""
        shutil.rmtree(self._scratch)
        self._process.close()
        return Ended(code, told, count)


def _work(arguments: list[str], place: str, scratch: str, signals: Signals, statement: str) -> None:
    """Be the command; runs in the forked process."""
    told = os.open(f"{scratch}/told", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    os.dup2(told, 1)
    os.dup2(told, 2)
    os.chdir(place)
    sys.argv = ["longwrite", *arguments]
    from longwrite.cli.main import run

    steps = _count_steps(signals, statement)
    try:
        run()
    finally:
        Path(scratch, "steps").write_text(str(steps()))


def _count_steps(signals: Signals, statement: str) -> Callable[[], int]:
    """Begin to count the steps of this process, which gets a signal before some of them."""
    taken = 0

    def take(name: str) -> None:
        nonlocal taken
        if statement not in {"", name}:
            return
        taken += 1
        if taken in signals:
            os.kill(os.getpid(), signals[taken])

    def see(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_STEPS):
            take(event)

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        database: sqlite3.Connection = open_database(*arguments, **options)
        database.set_trace_callback(take)
        return database

    open_database = sqlite3.connect
    patch.object(sqlite3, "connect", connect).start()
    sys.addaudithook(see)
    return lambda: taken


# --- what it left --------------------------------------------------------------------------------


def completed(place: Path) -> Calls:
    """Return the calls in all logs below a folder, which are looked at in a copy."""
    found: dict[tuple[str, str], tuple[str, float]] = {}
    for log in sorted(place.rglob("calls.sqlite")):
        with tempfile.TemporaryDirectory() as scratch:
            for suffix in ("", "-wal"):
                if (whole := log.with_name(log.name + suffix)).exists():
                    shutil.copy(whole, scratch)
            with closing(sqlite3.connect(Path(scratch, log.name))) as database:
                if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
                    continue  # killed before the tables were made
                rows = database.execute("SELECT key, step, section, request, at FROM calls")
                for key, step, section, request, at in rows:
                    seed = json.loads(request)["sampling"]["seed"]
                    found[str(log.relative_to(place)), key] = (f"{step} {section} {seed}", at)
    return found


def begun(place: Path) -> list[str]:
    """Return the calls begun, as the scripted engine's journal names them."""
    journal = place / JOURNAL
    return journal.read_text("utf-8").splitlines() if journal.exists() else []


_VARYING = {"calls.sqlite", "ledger.sqlite", "report.json", ".lock", JOURNAL}
_TOLD = ("title", "words", "complete", "sections", "defects", "canon", "plan_warnings")


def outcome(place: Path) -> dict[str, object]:
    """Return all that a work left: each file's bytes, and of reports what isn't a count of calls.

    What differs between two runs by right is left out: databases, whose rows carry times.
    """
    found: dict[str, object] = {}
    for path in sorted(place.rglob("*")):
        name = str(path.relative_to(place))
        if path.name == "report.json":
            report = json.loads(path.read_text("utf-8"))
            found[name] = {key: report[key] for key in _TOLD}
        elif path.is_file() and path.name not in _VARYING:
            found[name] = path.read_bytes()
    return found


# --- works ---------------------------------------------------------------------------------------


def write_by(model: str, words: int, mode: str) -> list[str]:
    """Return the arguments of the command that writes a document."""
    about = [f"A {words}-word history of salt", "--mode", mode, "--seed", "5"]
    return ["write", *about, "--run", "run", "--model", model, *_LIMITS]


_LIMITS = ["--concurrency", str(IN_FLIGHT), "--quiet"]
_SCRIPTED = f"scripted:spread=0.3,delay=0.01,journal={JOURNAL}"

WORKS: Mapping[str, list[str]] = {
    "thread": write_by(_SCRIPTED, 3_000, "thread"),
    "dag": write_by(_SCRIPTED, 4_000, "dag"),
    "batch": [
        "write", "rows.jsonl", "--run", "run", "--documents", "2", "--model", _SCRIPTED, *_LIMITS
    ],
    "documents": [
        "data", "build", "agentwrite", "--prompts", "rows.jsonl", "-o", "set",
        "--model", _SCRIPTED, *_LIMITS,
    ],
    "rows": ["data", "build", "recipe.yaml", "-o", "set", "--model", _SCRIPTED, *_LIMITS],
    "nano": write_by("nano", 120, "dag"),
}  # fmt: skip
"""Name to the arguments of a command that is the same whenever it is given again."""

_LENGTHS = {"salt": 300, "ships": 1_200, "taxes": 900, "roads": 200}
_RECIPE = """
recipe: best_vs_rest
options: {prompts: prompts.txt, samples: 3, keep_best: true}
filters: {pair: off}
"""


def prepare(place: Path) -> Path:
    """Make a folder with what the works read."""
    place.mkdir()
    rows = [{"prompt": f"An essay on {name}", "length": n} for name, n in _LENGTHS.items()]
    (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prompts = [f"Write an essay on {name} of 150 words" for name in _LENGTHS]
    (place / "prompts.txt").write_text("\n".join(prompts))
    (place / "recipe.yaml").write_text(_RECIPE)
    return place
