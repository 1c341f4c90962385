"""What was appended reaches the disk soon, and a disk that refuses is told."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from longwrite.runs.flusher import Flusher


def test_a_marked_file_is_brought_to_the_disk_behind_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    monkeypatch.setattr(os, "fsync", lambda number: done.set())
    path = tmp_path / "log"
    path.write_bytes(b"a")
    own = Flusher(path, pause=0.01)
    own.mark()
    assert done.wait(10)
    done.clear()
    own.mark()
    own.close()
    assert done.is_set()


def test_nothing_marked_needs_no_thread_and_no_file(tmp_path: Path) -> None:
    before = threading.active_count()
    own = Flusher(tmp_path / "none")
    assert threading.active_count() == before
    own.mark()
    own.close()
    assert threading.active_count() == before


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file on a disk that takes nothing any more."""

    def refuse(number: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", refuse)
    path = tmp_path / "log"
    path.write_bytes(b"a")
    return path


def test_a_disk_that_refuses_is_told_with_a_later_mark(refused: Path) -> None:
    own = Flusher(refused, pause=0.01)
    with pytest.raises(OSError, match="No space left"):
        while True:
            own.mark()
    with suppress(OSError):
        own.close()


def test_a_disk_that_refuses_at_last_is_told_at_the_end(refused: Path) -> None:
    own = Flusher(refused)
    own.mark()
    with pytest.raises(OSError, match="No space left"):
        own.close()
