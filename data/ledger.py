"""What was made of each unit so far, in one SQLite file that survives a kill.

The call log beside it keeps what was paid for; the ledger keeps what became of it, so that a rerun
need not make the rows again. A unit is stored whole, with its rows and drops, under a fingerprint
of everything that decided them; with another fingerprint it is as if it were not there.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from longwrite.data.rows import Drop, Label, Row
from longwrite.errors import RunError
from longwrite.runs.store import check_whole, digest, is_refusal
from longwrite.types import Constraint, Message

_FORMAT = "1"
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE units (
    id TEXT PRIMARY KEY, fingerprint TEXT, place INTEGER, passing INTEGER, body TEXT, hash TEXT);
CREATE INDEX by_place ON units (place);
"""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one unit.

    Attributes:
        unit: Its id.
        place: Its place in the source, counted over all shards.
        rows: Those that passed the row filters and whose labels hold.
        drops: The others.
        passing: Whether another try may bring more: an engine failed.
    """

    unit: str
    place: int
    rows: tuple[Row, ...] = ()
    drops: tuple[Drop, ...] = ()
    passing: bool = False


class Ledger:
    """The ledger of one build.

    Args:
        path: The file; made when absent.

    Raises:
        RunError: It is no ledger, damaged, or of another version.
    """

    def __init__(self, path: Path) -> None:
        """Open it."""
        self.path = path
        with self._explained():
            self._db = sqlite3.connect(path, isolation_level=None)
        try:
            self._check_format()
        except BaseException:
            self._db.close()
            raise

    def _check_format(self) -> None:
        """Make the tables of a new file; refuse one of another version."""
        with self._explained():
            self._db.text_factory = lambda raw: raw.decode("utf-8", "replace")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            known = self._db.execute("SELECT 1 FROM sqlite_master WHERE name='meta'").fetchone()
            check_whole(self._db)
            if not known:
                first = f"INSERT INTO meta VALUES ('format', '{_FORMAT}');"
                self._db.executescript(f"BEGIN;{_SCHEMA}{first}COMMIT;")
        if self.get_meta("format") != _FORMAT:
            raise RunError(
                f"{self.path} can't be used",
                "another version of longwrite made it",
                "Name a new folder.",
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if is_refusal(error):
                mend = "Make room or allow writing, then run the same command: nothing is lost."
                raise RunError(f"{self.path} can't be written", str(error), mend) from error
            mend = "Move it away and run the same command: the calls are logged elsewhere."
            raise RunError(f"{self.path} can't be read", str(error), mend) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def get_meta(self, name: str) -> str | None:
        """Return a value of the build, or None."""
        with self._explained():
            row = self._db.execute("SELECT value FROM meta WHERE name=?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Keep a value of the build."""
        with self._explained():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def forget_places(self) -> None:
        """Begin a new pass over the source: nothing has a place in it yet."""
        with self._explained():
            self._db.execute("UPDATE units SET place=NULL")

    def find(self, unit: str, fingerprint: str, place: int) -> bool:
        """Tell whether a unit is done and undamaged, and note its place in the source if so."""
        if self.get(unit) is None:
            return False
        with self._explained():
            found = self._db.execute(
                "UPDATE units SET place=? WHERE id=? AND fingerprint=? AND NOT passing",
                (place, unit, fingerprint),
            )
        return found.rowcount > 0

    def put(self, fingerprint: str, made: Iterable[Made]) -> None:
        """Store several units, all or none."""
        values = []
        for one in made:
            body = json.dumps(
                {
                    "rows": [encode_row(row) for row in one.rows],
                    "drops": list(map(asdict, one.drops)),
                },
                ensure_ascii=False,
            )
            mark = digest(one.unit, fingerprint, body)
            values.append((one.unit, fingerprint, one.place, one.passing, body, mark))
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(
                    "INSERT OR REPLACE INTO units VALUES (?, ?, ?, ?, ?, ?)", values
                )
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a disk that refuses has ended it already
                    self._db.execute("ROLLBACK")
                raise

    def get(self, unit: str) -> Made | None:
        """Return one unit, or None when it is absent or damaged."""
        sql = "SELECT id, fingerprint, place, passing, body, hash FROM units WHERE id=?"
        with self._explained():
            row = self._db.execute(sql, (unit,)).fetchone()
        return None if row is None else _read(row)

    def list_made(self) -> Iterator[Made]:
        """Yield the units of the present source, in its order; damaged ones are left out."""
        sql = (
            "SELECT id, fingerprint, place, passing, body, hash FROM units "
            "WHERE place IS NOT NULL ORDER BY place"
        )
        with self._explained():
            for row in self._db.execute(sql):
                made = _read(row)
                if made is not None:
                    yield made


def _read(row: tuple[Any, ...]) -> Made | None:
    unit, fingerprint, place, passing, body, mark = row
    if not isinstance(body, str) or digest(unit, fingerprint, body) != mark:
        return None
    data = json.loads(body)
    rows = tuple(map(decode_row, data["rows"]))
    drops = tuple(Drop(**drop) for drop in data["drops"])
    return Made(unit, -1 if place is None else place, rows, drops, bool(passing))


def encode_row(row: Row) -> dict[str, Any]:
    """Return a row as JSON values."""
    return asdict(row)


def decode_row(data: dict[str, Any]) -> Row:
    """Return the row that `encode_row` made values of."""
    broken = data["broken"]
    labels = (
        Label(Constraint(**x["constraint"]), x["holds"], x["checker"]) for x in data["labels"]
    )
    return Row(
        **data
        | {
            "prompt": tuple(Message(**message) for message in data["prompt"]),
            "steps": tuple((text, good) for text, good in data["steps"]),
            "constraints": tuple(Constraint(**one) for one in data["constraints"]),
            "broken": None if broken is None else Constraint(**broken),
            "labels": tuple(labels),
        }
    )
