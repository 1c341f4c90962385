"""Works of every kind, begun as often as wanted, and what has to hold of what they leave."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.hosting import Ended, Fault, Host, build_layer, hosting

DISK = "disk"
"""Where all works write; beside it stands what they read, and the journal of the engine's calls."""
IN_FLIGHT = 2
JOURNAL = ("--model", "scripted:journal=journal")
WRITE = (*JOURNAL, "--run", f"{DISK}/run", "--concurrency", str(IN_FLIGHT), "--quiet")
BUILD = (
    "data",
    "build",
    "agentwrite",
    "--prompts",
    "prompts.txt",
    "--concurrency",
    str(IN_FLIGHT),
    "--quiet",
    *JOURNAL,
)


@dataclass(frozen=True, slots=True)
class Work:
    """A command, and those that are to be run before it."""

    arguments: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()


WORKS: Mapping[str, Work] = {
    "thread": Work(
        ("write", "A 500-word history of salt", "--mode", "thread", *WRITE, "-o", "disk/salt.html")
    ),
    "dag": Work(("write", "plan.yaml", "--mode", "dag", *WRITE, "-o", "disk/salt.md")),
    "batch": Work(("write", "rows.jsonl", *WRITE, "-o", "disk/salt.jsonl")),
    "build": Work((*BUILD, "-o", "disk/set")),
    "merge": Work(
        ("data", "merge", "disk/1", "disk/2", "-o", "disk/set"),
        before=tuple((*BUILD, "-o", f"disk/{n}", "--shard", f"{n}/2") for n in (1, 2)),
    ),
    "score": Work(("score", "text.md", "--html", "disk/score.html")),
    "lint": Work(("data", "lint", "rows.jsonl", "--html", "disk/lint.html", "--cores", "1")),
}

PLAN = """
title: Salt
sections:
- {id: a, title: Mines, words: 150}
- {id: b, title: Trade, words: 150}
- {id: c, title: Taxes, words: 150, needs: [a]}
"""


@dataclass(frozen=True, slots=True)
class Whole:
    """What a work comes to on a sound disk: its files, its calls, its changes of the disk."""

    texts: Mapping[str, bytes]
    calls: Counter[str]
    changes: int


class Workshop:
    """Begins works as often as wanted, one at a time.

    Args:
        host: Runs their commands.
        place: A folder for them.
    """

    def __init__(self, host: Host, place: Path) -> None:
        """Begin none."""
        self.host, self._place = host, place
        self._wholes: dict[Work, Whole] = {}

    def begin(self, work: Work) -> Path:
        """Return a new folder with all that a work needs; the one before is gone."""
        kept = self._place / f"before-{abs(hash(work))}"
        if not kept.exists():
            _prepare(kept)
            for arguments in work.before:
                ended = self.host.run(arguments, kept)
                assert ended.code == 0, ended
        folder = self._place / "work"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept, folder)
        return folder

    def whole(self, work: Work) -> Whole:
        """Return what a work comes to."""
        if work not in self._wholes:
            folder = self.begin(work)
            done = self.host.run(work.arguments, folder, watch(folder))
            assert done.code == 0, done
            self._wholes[work] = Whole(texts(folder), journal(folder), done.changes)
        return self._wholes[work]

    def go_on(self, work: Work, ended: Ended) -> None:
        """Run a work's command again on a sound disk, as a person who was told how."""
        force = ["--force"] if "need --force" in ended.err else []
        again = self.host.run([*work.arguments, *force], self._place / "work")
        assert again.code == 0, again

    def end(self, work: Work, ended: Ended, what: str) -> None:
        """Go on with a work, and hold that it comes to what no fault would have changed."""
        self.go_on(work, ended)
        folder = self._place / "work"
        found, calls = texts(folder), journal(folder)
        assert_sound(folder)
        whole = self.whole(work)
        assert found == whole.texts, what
        repeated = calls - whole.calls
        assert repeated.total() <= IN_FLIGHT, f"{what}: {repeated}"


def _prepare(folder: Path) -> None:
    (folder / DISK).mkdir(parents=True)
    rows = [{"prompt": "On salt", "length": 150}, {"prompt": "On pepper", "length": 100}]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prompts = [f"Write 120 words about salt mine number {number}." for number in (1, 4)]
    (folder / "prompts.txt").write_text("\n".join(prompts))
    (folder / "plan.yaml").write_text(PLAN)
    (folder / "text.md").write_text("# Salt\n\n" + "Salt is white. It came from the sea.\n\n" * 9)


@contextmanager
def opening() -> Iterator[Workshop]:
    """Give a workshop in memory where that may be, for a disk makes others wait."""
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**28
    with (
        tempfile.TemporaryDirectory() as built,
        tempfile.TemporaryDirectory(dir=memory if roomy else None) as place,
        hosting(build_layer(Path(built))) as host,
    ):
        yield Workshop(host, Path(place))


def watch(folder: Path, first: int = 0, count: int = 0, error: int = 0) -> Fault:
    """Return a fault of the disk in a folder; with no number, what only counts."""
    return Fault(str(folder / DISK), first, first + count - 1, error)


def texts(folder: Path) -> dict[str, bytes]:
    """Return all that a work leaves, but what tells of the way to it."""
    found = {}
    for path in sorted((folder / DISK).rglob("*")):
        name = str(path.relative_to(folder))
        if not path.is_file() or "sqlite" in name or path.name == ".lock" or "/home/" in name:
            continue
        found[name] = path.read_bytes()
        if path.name == "report.json":
            report = json.loads(found[name])
            told = {key: report[key] for key in ("words", "complete", "sections", "defects")}
            found[name] = json.dumps(told).encode()
    return found


def journal(folder: Path) -> Counter[str]:
    """Return the calls that were made of the engine."""
    path = folder / "journal"
    return Counter(path.read_text().splitlines() if path.exists() else [])


def assert_sound(folder: Path) -> None:
    """Hold that no database is damaged and no temporary file is left."""
    for path in (folder / DISK).rglob("*"):
        assert not path.name.endswith((".tmp", ".new", ".old", ".part")), path
        if path.suffix == ".sqlite" and path.stat().st_size:
            with closing(sqlite3.connect(path)) as database:
                assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",), path


def assert_told(ended: Ended, why: str) -> None:
    """Hold that a command ended with a sentence that says why."""
    assert "Traceback" not in ended.err and "Exception ignored" not in ended.err, ended.err
    assert ended.code in {0, 2, 3}, ended
    if ended.code:
        assert any(word in ended.err + ended.out for word in why.split("|")), ended
