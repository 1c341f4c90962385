"""Killing a server as the system would, for tests of what happens then."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from longwrite.engines.child import ChildServer


def kill_server(server: ChildServer) -> None:
    """Kill the server itself; the process between it and us, which watches both, lives on."""
    watcher = server._process.pid
    for pid in Path(f"/proc/{watcher}/task/{watcher}/children").read_text().split():
        os.kill(int(pid), signal.SIGKILL)
