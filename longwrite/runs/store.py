"""The run's database: completed calls, pinned texts, and what was written to which file.

One SQLite file in WAL mode with full synchronisation, so that what was paid for survives a kill or
a power cut. A call is stored once under a hash of what was asked and answers that question for
ever; a failed call is noted beside it and never answers anything. Messages are stored once, each
under a hash that includes the one before it, so that a thread of n turns takes n rows. Every row
carries a hash of its content: a row that was damaged is as if it were not there. That no row went
missing is seen when the file is opened.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from longwrite.errors import RunError
from longwrite.runs.flusher import Flusher
from longwrite.types import CallError, Defect, Reply, Request, Usage, Written

VERSION = "1"
"""Of the run folder; another one is refused."""

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE messages (hash TEXT PRIMARY KEY, parent TEXT, role TEXT, content TEXT) WITHOUT ROWID;
CREATE TABLE calls (
    key TEXT PRIMARY KEY, step TEXT, section TEXT, tip TEXT, request TEXT, reply TEXT,
    hash TEXT, at REAL);
CREATE TABLE errors (key TEXT, step TEXT, section TEXT, kind TEXT, message TEXT, at REAL);
CREATE TABLE pins (
    section TEXT, node TEXT, stage TEXT, inputs TEXT, written TEXT, hash TEXT, at REAL,
    PRIMARY KEY (section, node, stage));
CREATE TABLE files (name TEXT PRIMARY KEY, hash TEXT, pending TEXT);
"""

_Row = tuple[Any, ...]


def digest(*parts: str) -> str:
    """Return a hash of some texts, their borders included."""
    state = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        state.update(len(raw).to_bytes(8, "big") + raw)
    return state.hexdigest()


@dataclass(frozen=True, slots=True)
class Pin:
    """A section's text at one stage, valid while its node's hash holds."""

    stage: str
    written: Written
    inputs: str = ""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A completed call as `Store.list_calls` tells it."""

    key: str
    step: str
    section: str
    reply: Reply


class Store:
    """The database of one run.

    Args:
        path: The SQLite file; made when absent.
        reading: Whether nothing will be written: then it need not be writable, nor its folder.

    Raises:
        RunError: The file is no database, is damaged, or is of another version.
    """

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        """Open the file, making its tables when it is new."""
        self.path = path
        with self._explained():
            self._db = (
                _open_to_read(path) if reading else sqlite3.connect(path, isolation_level=None)
            )
        self._flusher = Flusher(path.with_name(f"{path.name}-wal"))
        try:
            # Bytes that are no text make a row damaged, and may not keep it from being read.
            self._db.text_factory = lambda raw: raw.decode("utf-8", "replace")
            if not reading:
                self._make_tables()
            self._check_version()
        except BaseException:
            self._db.close()
            raise

    def _make_tables(self) -> None:
        self._execute("PRAGMA journal_mode=WAL")
        self._execute("PRAGMA synchronous=FULL")
        if not self._first("SELECT 1 FROM sqlite_master WHERE name='meta'"):
            first = f"INSERT INTO meta VALUES ('version', '{VERSION}');"
            with self._explained():
                self._db.executescript(f"BEGIN;{_SCHEMA}{first}COMMIT;")

    def _check_version(self) -> None:
        """Refuse a damaged file, and one of another version."""
        with self._explained():
            check_whole(self._db)
        version = self.get_meta("version")
        if version != VERSION:
            raise RunError(
                f"{self.path.parent} can't be resumed",
                f"it was made by another version of longwrite (run format {version!r}, "
                f"this one reads {VERSION!r})",
                "Start anew with --fresh or another --run folder; its files stay readable.",
            )

    def damaged(self, why: str) -> RunError:
        """Return the error of a file that can't be gone on with."""
        return RunError(
            f"{self.path} can't be read",
            f"it is damaged or no call log ({why})",
            f"Move it away and run the same command: sections already in "
            f"{self.path.parent / 'sections'} are kept.",
        )

    def _unwritable(self, why: str) -> RunError:
        return RunError(
            f"{self.path} can't be written",
            why,
            "Make room or allow writing, then run the same command: nothing is lost.",
        )

    def close(self) -> None:
        """Close the file.

        Raises:
            RunError: The disk refused what was kept last.
        """
        try:
            self._flusher.close()
        except OSError as error:
            raise self._unwritable(error.strerror or str(error)) from error
        finally:
            self._db.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if is_refusal(error):
                raise self._unwritable(str(error)) from error
            raise self.damaged(str(error)) from error

    def _execute(self, sql: str, values: tuple[object, ...] = ()) -> None:
        with self._explained():
            self._db.execute(sql, values)

    def _rows(self, sql: str, values: tuple[object, ...] = ()) -> Iterator[_Row]:
        with self._explained():
            yield from self._db.execute(sql, values)

    def _first(self, sql: str, values: tuple[object, ...] = ()) -> _Row | None:
        return next(self._rows(sql, values), None)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a disk that refuses has ended it already
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _quick_transaction(self) -> Iterator[None]:
        """Commit without waiting for the disk, which follows soon; any later commit waits for both.

        What is lost to a power cut is then asked for again. Pins and files wait for the disk, for a
        file that the log doesn't know would be taken for one that a person wrote.
        """
        self._execute("PRAGMA synchronous=NORMAL")
        try:
            with self._transaction():
                yield
        finally:
            self._execute("PRAGMA synchronous=FULL")
        try:
            self._flusher.mark()
        except OSError as error:
            raise self._unwritable(error.strerror or str(error)) from error

    # --- meta ------------------------------------------------------------------------------------

    def get_meta(self, name: str) -> str | None:
        """Return a value of the run, or None."""
        row = self._first("SELECT value FROM meta WHERE name=?", (name,))
        return None if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Keep a value of the run."""
        self._execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    # --- calls -----------------------------------------------------------------------------------

    def get_reply(self, key: str) -> Reply | None:
        """Return the reply stored under a key; None when absent or damaged."""
        row = self._first("SELECT reply, hash FROM calls WHERE key=?", (key,))
        if row is None or not isinstance(row[0], str) or digest(key, row[0]) != row[1]:
            return None
        return _read_reply(row[0])

    def put_reply(self, key: str, identity: str, request: Request, reply: Reply) -> None:
        """Store a completed call; the whole of it or nothing."""
        body = json.dumps(asdict(reply), ensure_ascii=False)
        asked = {
            "model": identity,
            "role": request.role,
            "attempt": request.attempt,
            "sampling": asdict(request.sampling),
            "schema": None if request.schema is None else digest(_canonical(request.schema)),
            "words": request.ask.words,
        }
        with self._quick_transaction():
            tip = ""
            for message in request.messages:
                parent, tip = tip, digest(tip, message.role, message.content)
                self._execute(
                    "INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?)",
                    (tip, parent, message.role, message.content),
                )
            self._execute(
                "INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (key, request.ask.step, request.ask.section, tip, _canonical(asked), body,
                 digest(key, body), time.time()),
            )  # fmt: skip

    def put_error(self, key: str, request: Request, error: CallError) -> None:
        """Note a failed call; it answers no key."""
        self._execute(
            "INSERT INTO errors VALUES (?, ?, ?, ?, ?, ?)",
            (key, request.ask.step, request.ask.section, error.kind, error.message, time.time()),
        )

    def list_calls(self, section: str | None = None) -> Iterator[CallRecord]:
        """Yield the completed calls in the order of their completion, whatever the clock said."""
        where, values = ("WHERE section=?", (section,)) if section is not None else ("", ())
        sql = f"SELECT key, step, section, reply, hash FROM calls {where} ORDER BY rowid"
        for key, step, name, reply, mark in self._rows(sql, values):
            if isinstance(reply, str) and digest(key, reply) == mark:
                yield CallRecord(key, step, name, _read_reply(reply))

    def add_lost(self, usage: Usage) -> None:
        """Add to what was paid for calls that brought no reply."""
        lost = self.read_lost()
        prompt = (lost.prompt or 0) + (usage.prompt or 0)
        completion = (lost.completion or 0) + (usage.completion or 0)
        if (prompt, completion) != (lost.prompt, lost.completion):
            self.set_meta("lost", f"{prompt} {completion}")

    def read_lost(self) -> Usage:
        """Return what was paid so far for calls that brought no reply."""
        prompt, _, completion = (self.get_meta("lost") or "0 0").partition(" ")
        known = prompt.isdecimal() and completion.isdecimal()
        return Usage(int(prompt), int(completion)) if known else Usage(0, 0)

    def list_messages(self, key: str) -> list[tuple[str, str]]:
        """Return the (role, content) of the request behind a stored call, first one first."""
        row = self._first("SELECT tip FROM calls WHERE key=?", (key,))
        found: list[tuple[str, str]] = []
        tip = row[0] if row else ""
        while tip:
            row = self._first("SELECT parent, role, content FROM messages WHERE hash=?", (tip,))
            if row is None or digest(*map(str, row)) != tip:
                break
            found.append((row[1], row[2]))
            tip = row[0]
        return found[::-1]

    def count_errors(self) -> dict[str, int]:
        """Return how many calls failed, by kind."""
        return dict(self._rows("SELECT kind, COUNT(*) FROM errors GROUP BY kind ORDER BY kind"))

    # --- pins ------------------------------------------------------------------------------------

    def get_pin(self, section: str, node: str, stage: str) -> Pin | None:
        """Return a pinned text; None when absent or damaged."""
        row = self._first(
            "SELECT inputs, written, hash FROM pins WHERE section=? AND node=? AND stage=?",
            (section, node, stage),
        )
        if row is None or digest(section, node, stage, str(row[0]), str(row[1])) != row[2]:
            return None
        data = json.loads(row[1])
        data["defects"] = tuple(Defect(**entry) for entry in data["defects"])
        return Pin(stage, Written(**data), row[0])

    def has_pin(self, section: str, node: str, stage: str) -> bool:
        """Tell whether a text was pinned, damaged or not."""
        sql = "SELECT 1 FROM pins WHERE section=? AND node=? AND stage=?"
        return self._first(sql, (section, node, stage)) is not None

    def list_texts(self, section: str) -> list[str]:
        """Return every text that was ever pinned for a section and is not damaged."""
        rows = list(self._rows("SELECT node, stage FROM pins WHERE section=?", (section,)))
        pins = (self.get_pin(section, node, stage) for node, stage in rows)
        return [pin.written.text for pin in pins if pin is not None]

    def put_pins(self, pins: Sequence[tuple[str, str, Pin]]) -> None:
        """Pin several texts, given as (section, node, pin), all or none."""
        with self._transaction():
            for section, node, pin in pins:
                self.put_pin(section, node, pin)

    def put_pin(self, section: str, node: str, pin: Pin) -> None:
        """Pin a text."""
        body = json.dumps(asdict(pin.written), ensure_ascii=False)
        self._execute(
            "INSERT OR REPLACE INTO pins VALUES (?, ?, ?, ?, ?, ?, ?)",
            (section, node, pin.stage, pin.inputs, body,
             digest(section, node, pin.stage, pin.inputs, body), time.time()),
        )  # fmt: skip

    # --- files -----------------------------------------------------------------------------------

    def announce_file(self, name: str, content: str) -> None:
        """Remember what is about to be written to a file, whose present content stays known too."""
        self._execute(
            "INSERT INTO files VALUES (?, NULL, ?) "
            "ON CONFLICT (name) DO UPDATE SET pending=excluded.pending",
            (name, digest(content)),
        )

    def note_file(self, name: str, content: str) -> None:
        """Remember what now stands in a file, and nothing that stood there before."""
        mark = digest(content)
        known = self._first("SELECT hash, pending FROM files WHERE name=?", (name,))
        if known != (mark, None):
            self._execute("INSERT OR REPLACE INTO files VALUES (?, ?, NULL)", (name, mark))

    def is_own(self, name: str, content: str) -> bool:
        """Tell whether a file's content is what a run last wrote, or was writing when it ended."""
        row = self._first("SELECT hash, pending FROM files WHERE name=?", (name,))
        return row is not None and digest(content) in row


def _open_to_read(path: Path) -> sqlite3.Connection:
    """Open a file that may stand in a folder that can only be read, and leave nothing beside it.

    While a run is written, or after a kill, its last rows are in a file beside it; else it is all
    there is, and no lock is needed to read it.
    """
    log = path.with_name(f"{path.name}-wal")
    way = "mode=ro" if log.exists() else "mode=ro&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{way}", uri=True, isolation_level=None)


def check_whole(database: sqlite3.Connection) -> None:
    """See that a database has lost no page and no row: damage may hide them without a word.

    It takes a millisecond for a megabyte.

    Raises:
        sqlite3.DatabaseError: It has.
    """
    (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(" ".join(str(found).split()))


_REFUSALS = frozenset(
    {
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY,
    }
)  # fmt: skip


def is_refusal(error: sqlite3.Error) -> bool:
    """Tell whether the system refused a database its due, rather than the file being damaged."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _REFUSALS


def make_key(identity: str, request: Request) -> str:
    """Return the key of a call: everything that was asked, and of whom, and nothing else."""
    return digest(
        identity,
        _canonical([[message.role, message.content] for message in request.messages]),
        _canonical(asdict(request.sampling)),
        _canonical(request.schema),
        str(request.attempt),
    )


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _read_reply(body: str) -> Reply:
    data = json.loads(body)
    data["usage"] = Usage(**data["usage"])
    data["dropped"] = tuple(data["dropped"])
    return Reply(**data)
