"""Starts a server, and ends it with whoever asked for it: run as a script, by path.

A server started by a program that is killed lives on, holding its memory and its port. So it is
started through this process, which waits on a pipe from the owner. The pipe closes however the
owner ends, by SIGKILL too; the parent-death signal of Linux would be bound to the thread that
started the server and can't be set safely from a program with threads. When the server ends, what
it leaves behind in its process group is ended as well. It imports nothing of longwrite.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress


def run(grace: float, command: list[str]) -> int:
    """Run a server until it ends or the standard input does, and return its exit status.

    Args:
        grace: Seconds between the request to end and the kill.
        command: The server's program and arguments.
    """
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def follow_owner() -> None:
        while os.read(0, 1024):
            pass
        server.terminate()
        time.sleep(grace)
        _kill_group(server.pid)

    threading.Thread(target=follow_owner, daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: server.terminate())
    status = server.wait()
    _kill_group(server.pid)
    return status if status >= 0 else 128 - status


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(run(float(sys.argv[1]), sys.argv[2:]))
