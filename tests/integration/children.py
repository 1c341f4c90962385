"""Killing a server as the system would, for tests of what happens then."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from longwrite.engines.child import ChildServer


def server_group(server: ChildServer) -> int:
    """Return the process group of the server, which the process that watches it is not in."""
    watcher = server._process.pid
    return int(Path(f"/proc/{watcher}/task/{watcher}/children").read_text().split()[0])


def kill_server(server: ChildServer) -> None:
    """Kill the server's first process, and none of those that it has started itself."""
    os.kill(server_group(server), signal.SIGKILL)


def group_is_gone(group: int) -> bool:
    """Wait a little for the last process of a group to end."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
