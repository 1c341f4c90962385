"""A real browser for the tests of pages, where the machine has one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""

needs_browser = pytest.mark.skipif(not _CHROMIUM, reason="there is no chromium here")


def show(page: Path, profile: Path) -> tuple[str, str]:
    """Return the title of a page and all of it, as the browser has it after its scripts ran.

    Args:
        page: The file.
        profile: A folder for the browser's own files.
    """
    done = subprocess.run(
        [
            _CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
            "--dump-dom", page.resolve().as_uri(),
        ],
        capture_output=True, text=True, timeout=280, check=True,
    )  # fmt: skip
    title = re.search("<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title is not None
    return title[1], done.stdout
