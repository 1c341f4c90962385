"""An open run for every test of the agent that needs one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from longwrite.runs.folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    """Return an open run folder."""
    with RunFolder(tmp_path / "run") as opened:
        yield opened
