"""What was appended reaches the disk soon, and a disk that refuses is told."""

from __future__ import annotations

import os
import threading
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


def test_a_disk_that_refuses_is_told_with_the_next_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Event()

    def refuse(number: int) -> None:
        tried.set()
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", refuse)
    path = tmp_path / "log"
    path.write_bytes(b"a")
    own = Flusher(path, pause=0.01)
    own.mark()
    assert tried.wait(10)
    own.close()
    with pytest.raises(OSError, match="No space left"):
        own.mark()
