"""Documents written by the real client of OpenAI servers on the modelled server, with its faults.

`Ended` is what a person sees of a run. `Bench` also knows what the server said to its end, so that
a run folder can be held against it.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.engine.faults import Rule
from benchmarks.engine.server import MODEL, Server, hash_request
from longwrite.agent.budget import Budget
from longwrite.agent.places import Places
from longwrite.agent.settings import Event, Settings
from longwrite.api import Press, write_run
from longwrite.engines.openai import OpenAIEngine
from longwrite.engines.thinking import split_thinking
from longwrite.errors import LongwriteError
from longwrite.runs.store import Store
from longwrite.text import sentences
from longwrite.types import Brief, Defect, Reply, Role

BRIEF = Brief("A history of salt", 1_600, language="en")
WINDOW = 4_200
"""Makes of the brief two chapters of two sections: with plans, notes and seams ten calls."""

MODES = ("thread", "dag")

QUICK = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where a folder needs no disk: it is not the disk that is tried here."""

SHORT: dict[str, Any] = {"first_token": 0.25, "minimum_rate": 1_500.0}
"""Deadlines in seconds and tokens a second, for servers that say nothing more."""

STRANGE = (
    "<think", "</think", "First a plan", "I'm sorry", "The sea was calm", "那天", "doctype",
    "keep-alive", "out of order", "worker died", "Too many requests", "context length",
)  # fmt: skip
"""What only the server's faults say."""

_ROLES: tuple[Role, ...] = ("write", "plan", "check")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, as a person sees it.

    Attributes:
        code: The exit code that the command line gives.
        reason: The sentence of the error that ended it; empty where there is a document.
        defects: Of the document.
        notes: What was told meanwhile.
        report: The content of report.json, empty where there is none.
        calls: Requests that the server got.
        tokens: Tokens that the server read and wrote, for answers that were broken off too.
    """

    code: int
    reason: str
    defects: tuple[Defect, ...]
    notes: tuple[str, ...]
    report: dict[str, Any]
    calls: int
    tokens: int

    @property
    def kinds(self) -> set[str]:
        """The kinds of the document's defects."""
        return {defect.kind for defect in self.defects}


@dataclass(slots=True)
class Bench:
    """A server and an engine that is open on it.

    Attributes:
        waits: Seconds that the engine wanted to wait in the last run; it didn't.
        finished: The answers that the server ever said to their end, by what was asked.
        begun: All that it ever began to say.
    """

    server: Server
    engine: OpenAIEngine
    waits: list[float]
    finished: dict[str, set[str]] = field(default_factory=dict)
    begun: dict[str, set[str]] = field(default_factory=dict)

    async def write(
        self,
        folder: Path,
        *rules: Rule,
        mode: str = "thread",
        brief: Brief = BRIEF,
        budget: Budget | None = None,
        in_flight: int = 4,
    ) -> Ended:
        """Write a run, or go on with it, as far as it will go under some faults."""
        self.server.rules = rules
        self.server.exchanges.clear()
        self.waits.clear()
        press = Press(
            dict.fromkeys(_ROLES, self.engine), {"write": MODEL}, budget or Budget(),
            Places(in_flight), in_flight,
        )  # fmt: skip
        notes: list[str] = []

        def note(event: Event) -> None:
            if event.kind in {"note", "failed"}:
                notes.append(event.message)

        reason = ""
        try:
            outcome = await write_run(folder, press, brief, Settings(mode=mode), notify=note)
        except LongwriteError as error:
            code, reason = error.exit_code, str(error)
        else:
            code = outcome.exit_code
        path = folder / "report.json"
        report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        defects = tuple(Defect(**entry) for entry in report.get("defects", ()))
        for exchange in self.server.exchanges:
            self.begun.setdefault(exchange.key, set()).add(exchange.text)
            if exchange.ended:
                self.finished.setdefault(exchange.key, set()).add(exchange.text)
        tokens = sum(exchange.prompt + exchange.written for exchange in self.server.exchanges)
        return Ended(code, reason, defects, tuple(notes), report, self.server.calls, tokens)

    def asked(self) -> Counter[str]:
        """Return how often the server was asked what in the last run."""
        return Counter(exchange.key for exchange in self.server.exchanges)

    def largest(self) -> int:
        """Return the tokens of the largest call of the last run."""
        return max(exchange.prompt + exchange.most for exchange in self.server.exchanges)


@asynccontextmanager
async def opened(server: Server | None = None, **options: Any) -> AsyncIterator[Bench]:
    """Open an engine on a server; options are those of `OpenAIEngine.open`."""
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    server = server or make_server()
    given = {"api_key": "none", "sleep": wait, "first_token": 60.0, **options}
    async with server.listen() as address:
        engine = await OpenAIEngine.open(MODEL, address, **given)
        try:
            yield Bench(server, engine, waits)
        finally:
            await engine.close()


def make_server(window: int = WINDOW, chunk: int = 16) -> Server:
    """Return a server whose prose has letters of up to four bytes."""
    return Server(chunk=chunk, accented=True, window=window)


# --- what a run folder holds ---------------------------------------------------------------------


def read_log(folder: Path) -> dict[str, Reply]:
    """Return the replies of a run's log, by what was asked, as the server's exchanges name it."""
    with closing(sqlite3.connect(folder / "calls.sqlite")) as database:
        rows = database.execute("SELECT key, request FROM calls").fetchall()
    seeds = {key: json.loads(asked)["sampling"]["seed"] for key, asked in rows}
    with closing(Store(folder / "calls.sqlite")) as store:
        return {
            hash_request(store.list_messages(call.key), seeds[call.key]): call.reply
            for call in list(store.list_calls())
        }


def read_document(folder: Path) -> str:
    """Return the document as far as there is one."""
    path = folder / "document.md"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def flatten(text: str) -> str:
    """Return a text without its breaks."""
    return " ".join(text.split())


def find_wrong(bench: Bench, folder: Path, ended: Ended) -> list[str]:
    """Return what a run has that it must not have, as sentences; empty when all is well."""
    return [
        *_find_partial_replies(bench, folder),
        *_find_strange_text(bench, folder, ended),
        *_find_broken_promises(ended),
    ]


def _find_partial_replies(bench: Bench, folder: Path) -> Iterator[str]:
    """Hold the log against what the server said to its end."""
    for key, reply in read_log(folder).items():
        whole = {split_thinking(text)[0] for text in bench.finished.get(key, ())}
        begun = bench.begun.get(key, ()) if reply.finish == "watch" else ()
        if reply.text not in whole and not any(text.startswith(reply.text) for text in begun):
            yield f"a reply is kept that the server never said to its end: {reply.text[-80:]!r}"


def _find_strange_text(bench: Bench, folder: Path, ended: Ended) -> Iterator[str]:
    """Hold the sections against what the server said to its end, and against its faults."""
    told = {
        flatten(sentence)
        for texts in bench.finished.values()
        for text in texts
        for sentence in sentences(split_thinking(text)[0])
    }
    flagged = {defect.section for defect in ended.defects if defect.hard}
    times: Counter[str] = Counter()
    for path in sorted((folder / "sections").glob("*.md")):
        if path.stem in flagged:
            continue
        text = path.read_text(encoding="utf-8")
        said = [flatten(sentence) for sentence in sentences(text) if sentence.strip()]
        times.update(said)
        for sentence in said:
            if sentence not in told:
                yield f"section {path.stem} holds what the server never said: {sentence!r}"
        for mark in STRANGE:
            if mark in text:
                yield f"section {path.stem} holds {mark!r} and no defect says so"
    for sentence, count in times.items():
        if count > 1:
            yield f"it is said {count} times: {sentence!r}"


def _find_broken_promises(ended: Ended) -> Iterator[str]:
    """Hold an exit code against what it promises."""
    if ended.code in {0, 6}:
        words = ended.report["words"]
        if not ended.report["complete"]:
            yield "it is told as done, and sections are missing"
        if ended.code == 0 and abs(words["delivered"] - words["asked"]) > 0.05 * words["asked"]:
            yield f"it has {words['delivered']} words of {words['asked']}"
        hard = [defect for defect in ended.defects if defect.hard]
        if bool(hard) is (ended.code == 0):
            yield f"the exit code is {ended.code} with {len(hard)} hard defects"
    elif ended.code == 3:
        reasons = [defect.message for defect in ended.defects if defect.kind == "missing"]
        first = next(iter(reasons), "")
        if not first.startswith("It could not be written: ") or not first.endswith("."):
            yield f"no reason is given: {reasons}"
    elif "again to go on" not in ended.reason and "Resume with" not in ended.reason:
        yield f"no reason is given: {ended.reason!r}"
