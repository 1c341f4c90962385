"""The servers that a person has named on this machine: no other one is sent the key.

A run folder says at which server it was begun, and a folder may come from anybody. So an address
that only stands in a folder has to be named once by the person whose key it would be sent.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from longwrite.engines.listing import is_loopback, show_address
from longwrite.errors import UsageError
from longwrite.runs.store import digest


def state_folder() -> Path:
    """Return the folder of what longwrite remembers on this machine."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "longwrite"


def _mark(address: str) -> Path:
    return state_folder() / "servers" / digest(address)[:32]


def remember_server(address: str) -> None:
    """Remember an address that a person named; where nothing can be kept, it is asked for again."""
    if show_address(address) and not is_loopback(address):
        with suppress(OSError):
            _mark(address).parent.mkdir(parents=True, exist_ok=True)
            _mark(address).touch()


def check_server(address: str, run: Path, key_file: Path | None) -> None:
    """Refuse to send a key to an address that only a run folder names.

    Raises:
        UsageError: There is a key, and nobody has named the address on this machine.
    """
    keys = (os.environ.get(name) for name in ("LONGWRITE_API_KEY", "OPENAI_API_KEY"))
    shown = show_address(address)
    if not shown or is_loopback(address) or not (key_file or any(keys)):
        return
    if not _mark(address).exists():
        raise UsageError(
            f"{run} was begun at {shown}",
            "nobody has named that server on this machine, and the API key would be sent to it",
            f"If you trust it, add --base-url {shown}",
        )
