"""A server that runs as a child process: started, waited for, watched, stopped, never left behind.

What a server prints when it fails is the best explanation a person can get, so its output is kept
in a file and the line that says why is found in it.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from longwrite.engines import guard
from longwrite.errors import EngineError

_GRACE = 10.0
_LOOK_EVERY = 0.2
_TELL_EVERY = 5.0
_LONGEST_TAIL = 200_000
_KILLED = 128 + 9
# How vLLM's processes begin their lines: (EngineCore pid=7) ERROR 11-21 00:39:43 [core.py:9]
_PREFIX = re.compile(r"\(\w{1,40} pid=\d+\) ?(?:[A-Z]+ [\d-]+ [\d:]+ \[[\w.:]{1,80}\] ?)?")
_RAISED = re.compile(r"(?:\w{1,80}\.){0,20}\w{0,80}(?:Error|Exception|Interrupt|Exit): \S")


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class ChildServer:
    """A server process; it ends with this process, however that ends (see `guard`).

    Attributes:
        name: What a person is told that it is.
        ended: Set when the process has ended.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it; the caller is inside the event loop that will wait for it."""
        self.name = name
        self.ended = asyncio.Event()
        descriptor, log = tempfile.mkstemp(prefix="longwrite-server-", suffix=".log")
        self._log = Path(log)
        self._keep_log = False
        try:
            # Not in the caller's folder, nor in one that others can write to: `python -m` takes
            # modules from it.
            self._process = subprocess.Popen(
                [sys.executable, "-I", guard.__file__, str(_GRACE), *command],
                stdin=subprocess.PIPE,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
                env=environment,
            )
        finally:
            os.close(descriptor)
        # A thread of its own: an executor's would be waited for when this process exits.
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._wait, args=[loop], daemon=True).start()

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._process.wait()
        with suppress(RuntimeError):  # of a loop that is closed
            loop.call_soon_threadsafe(self.ended.set)

    async def wait_until_ready(
        self, port: int, patience: float, on_progress: Callable[[str], None]
    ) -> None:
        """Wait until ``/health`` answers.

        Args:
            port: Where it will listen.
            patience: Seconds that it may take.
            on_progress: Told every few seconds what it printed last.

        Raises:
            EngineError: It ended, or it takes too long.
        """
        clock = asyncio.get_running_loop().time
        began = told = clock()
        while not await _is_healthy(port):
            now = clock()
            if self.ended.is_set() or now > began + patience:
                mend = f"Its whole log is {self._log}"
                why = self.last_words()
                if not self.ended.is_set():
                    why = f"it isn't ready after {patience:.0f} seconds; its last words: {why}"
                raise EngineError(f"{self.name} doesn't start", why, mend)
            if now > told + _TELL_EVERY:
                told = now
                last = (self._lines() or ["nothing printed yet"])[-1]
                on_progress(f"{self.name} is starting, {now - began:.0f} s: {last[:100]}")
            await asyncio.sleep(_LOOK_EVERY)

    def last_words(self) -> str:
        """Return the line of the log that says best why it failed, on one line; keeps the log.

        That is the last exception that doesn't just point at another one, with the line after it;
        without one, the last three lines.
        """
        self._keep_log = True
        lines = self._lines()
        raised = [place for place, line in enumerate(lines) if _RAISED.match(line)]
        causes = [place for place in raised if "root cause" not in lines[place]] or raised
        said = lines[causes[-1] :][:2] if causes else lines[-3:]
        words = " ".join(" ".join(said).split())[:600] or "it printed nothing"
        if self._process.poll() == _KILLED:
            words = f"it was killed, perhaps for lack of memory; its last words: {words}"
        return words

    def obituary(self) -> str:
        """Return, for a person, that it has ended and why."""
        return f"{self.name} has ended: {self.last_words()} (its log: {self._log})"

    def _lines(self) -> list[str]:
        with self._log.open("rb") as file:
            file.seek(max(0, self._log.stat().st_size - _LONGEST_TAIL))
            text = file.read().decode("utf-8", "replace")
        bare = (_PREFIX.sub("", line, count=1) for line in text.splitlines())
        shown = ("".join(c if c.isprintable() else " " for c in line).strip() for line in bare)
        return [line for line in shown if line]

    async def stop(self) -> None:
        """End it and all that it started, first politely; returns when they are gone."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), 2 * _GRACE)
        if not self._keep_log:
            self._log.unlink(missing_ok=True)


async def _is_healthy(port: int) -> bool:
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
                answer = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False
    return answer.split()[1:2] == [b"200"]
