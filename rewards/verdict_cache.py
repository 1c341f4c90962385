"""What judges said, kept from one run to the next.

A folder of JSONL files: each process writes one of its own, so that none waits for another or
tears its lines, and reads all of them at its start. Kept are the judge's words, with the model and
how they were drawn, and not what they were read as, so that a reader that has become stricter isn't
bypassed. Words that gave no verdict stand there too, with the reason, and answer nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

from longwrite.errors import UsageError
from longwrite.types import Sampling

_REMEMBERED = 65_536
"""Verdicts kept where no folder is given."""


class VerdictCache:
    """The verdicts of a folder, and those of this process.

    Args:
        folder: Where they are kept; None keeps them in this process.

    Raises:
        UsageError: The folder can't be made or read.
    """

    def __init__(self, folder: Path | None) -> None:
        """Read what is there."""
        self._texts: dict[str, str] = {}
        self._path: Path | None = None
        self._lock = threading.Lock()
        if folder is not None:
            self._path = folder / f"verdicts-{uuid4().hex}.jsonl"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                for path in sorted(folder.glob("verdicts-*.jsonl")):
                    self._texts.update(_read_verdicts(path))
            except OSError as error:
                raise _unusable(folder, error) from error

    def get(self, key: str) -> str | None:
        """Return the judge's words under a key."""
        return self._texts.get(key)

    def put(
        self, key: str, text: str, step: str, model: str, sampling: Sampling, why: str = ""
    ) -> None:
        """Keep a judge's words, only for the record where there is a reason against them.

        Raises:
            UsageError: They can't be written.
        """
        with self._lock:
            if not why:
                self._texts[key] = text
            if self._path is None:
                if len(self._texts) > _REMEMBERED:
                    del self._texts[next(iter(self._texts))]
                return
            row = {
                "key": key, "step": step, "model": model, "sampling": asdict(sampling),
                "why": why, "text": text,
            }  # fmt: skip
            try:
                with self._path.open("ab") as stream:
                    stream.write(json.dumps(row).encode() + b"\n")
            except OSError as error:
                raise _unusable(self._path.parent, error) from error


def _read_verdicts(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as stream:
        for line in stream:
            try:
                row = json.loads(line)
                key, text = row["key"], row["text"]
            except (ValueError, KeyError, TypeError, RecursionError):
                continue  # torn or foreign
            if isinstance(key, str) and isinstance(text, str) and not row.get("why"):
                yield key, text


def _unusable(folder: Path, error: OSError) -> UsageError:
    why = error.strerror or type(error).__name__
    return UsageError(f"The cache of verdicts {folder} can't be used", why, "Name another folder.")
