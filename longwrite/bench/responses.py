"""The file that responses are written to as they come, so that nothing finished is made twice.

One JSON object a line, synced before the next is begun. A line that a kill or a full disk cut is
taken away when the file is next opened; a response that failed stands there with its reason, and a
later line for the same item takes its place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from longwrite.bench.rows import Row
from longwrite.errors import UsageError
from longwrite.strict_json import parse_json
from longwrite.types import Json

_BEGINS = b'{"id": '
"""How each line begins, by which a cut one is known as ours."""


class ResponseFile:
    """An open file of responses, locked for this process.

    Args:
        path: The file; made when absent.
        benchmark: Whose responses it holds.
        how: How they are made; the same for all.

    Raises:
        UsageError: Another process writes it, it can't be written, or it holds something else.
    """

    def __init__(self, path: Path, benchmark: str, how: str) -> None:
        """Lock the file, repair its end and read it."""
        self.path, self._benchmark, self._how = path, benchmark, how
        self._lock = FileLock(path.with_name(f".{path.name}.lock"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise UsageError(
                f"{path} is in use", "another process writes its responses there", "Wait for it."
            ) from error
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self.rows: list[Row] = self._read()
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> ResponseFile:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the lock."""
        self._lock.release()

    def append(self, name: str, prompt: str, fields: Mapping[str, Json]) -> None:
        """Write the response to an item, and wait until it is on the disk.

        Raises:
            UsageError: It can't be written.
        """
        row: Row = {"id": name, "benchmark": self._benchmark, "prompt": prompt, **fields}
        row["how"] = self._how
        line = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        try:
            with self.path.open("ab", buffering=0) as stream:
                if stream.write(line) != len(line):
                    raise OSError("the disk is full")
                os.fsync(stream.fileno())
        except OSError as error:
            raise self._unwritable(error) from error
        self.rows.append(row)

    def count_failures(self, name: str) -> int:
        """Return how often an item has failed."""
        return sum(row["id"] == name and bool(row.get("failed")) for row in self.rows)

    def _unwritable(self, error: OSError) -> UsageError:
        return UsageError(
            f"{self.path} can't be written",
            error.strerror or str(error),
            "Make room or name another file with --out; what was written before is kept.",
        )

    def _read(self) -> list[Row]:
        try:
            data = self.path.read_bytes() if self.path.exists() else b""
        except OSError as error:
            raise self._unwritable(error) from error
        whole, _, torn = data.rpartition(b"\n")
        rows = [
            self._parse(number, line)
            for number, line in enumerate(whole.split(b"\n"), 1)
            if line.strip()
        ]
        if torn:
            self._mend(torn, len(data), rows)
        return rows

    def _parse(self, number: int, line: bytes) -> Row:
        try:
            row = parse_json(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("id"), str) or "how" not in row:
            raise self._foreign(f"line {number} is no response that longwrite bench wrote")
        if row.get("benchmark") != self._benchmark:
            raise self._foreign("it holds responses to another benchmark")
        if row["how"] != self._how:
            raise self._foreign(f"its responses were made otherwise: {row['how']!s:.200}")
        return row

    def _mend(self, torn: bytes, size: int, rows: list[Row]) -> None:
        """Close a last line that is whole, cut one that is not."""
        if not torn.startswith(_BEGINS[: len(torn)]):
            raise self._foreign("its last line is no response that longwrite bench wrote")
        try:
            parse_json(torn)
        except ValueError:
            os.truncate(self.path, size - len(torn))
            return
        rows.append(self._parse(len(rows) + 1, torn))
        with self.path.open("ab") as stream:
            stream.write(b"\n")

    def _foreign(self, why: str) -> UsageError:
        return UsageError(
            f"{self.path} can't be gone on with", why, "Name another file with --out."
        )
