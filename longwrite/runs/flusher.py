"""What was appended to a file reaches the disk soon after, and nobody waits for it.

A reply has to be kept whatever happens to the process: for that it is enough to hand it to the
system. That it outlives a power cut too takes milliseconds of a disk, so that is done behind the
writer's back, all that came in the meantime at once.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

PAUSE = 0.2
"""Seconds between two times, and so what a power cut may cost."""


class Flusher:
    """Brings a file to the disk after it was marked, in a thread of its own.

    Args:
        path: The file; one that isn't there has nothing to be brought.
        pause: Seconds between two times.
    """

    def __init__(self, path: Path, pause: float = PAUSE) -> None:
        """Begin no thread before there is something to do."""
        self._path, self._pause = path, pause
        self._marked, self._closed = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._fault: OSError | None = None

    def mark(self) -> None:
        """Tell that something was appended.

        Raises:
            OSError: The disk refused what was appended before.
        """
        self._raise_fault()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="longwrite-flush", daemon=True)
            self._thread.start()
        self._marked.set()

    def close(self) -> None:
        """End the thread; what is marked is brought to the disk before.

        Raises:
            OSError: The disk refused it, or what came before and was not told yet.
        """
        self._closed.set()
        self._marked.set()
        if self._thread is not None:
            self._thread.join()
        self._raise_fault()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault

    def _run(self) -> None:
        while True:
            self._marked.wait()
            self._marked.clear()
            last = self._closed.is_set()
            try:
                with suppress(FileNotFoundError):
                    _flush(self._path)
            except OSError as error:
                self._fault = error
            if last:
                return
            self._closed.wait(self._pause)


def _flush(path: Path) -> None:
    number = os.open(path, os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)
