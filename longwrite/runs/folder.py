"""The folder of one run: what a person reads and edits, beside the database that remembers.

    brief.yaml  plan.yaml  sections/<id>.md  document.md  report.json  calls.sqlite

Files are replaced whole, through a synced temporary file, so that a reader never sees half of one.
Every content written here is remembered by its hash; a file with any other content was edited by a
person, and is then taken up or put aside, never overwritten in silence.
"""

from __future__ import annotations

import os
import re
import unicodedata
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from longwrite.errors import RunError, UsageError
from longwrite.runs.store import Store, digest

SAFE_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,63}")
"""What a section may be called: its id names a file."""


class RunFolder:
    """A run's folder, locked for this process while it is open.

    Args:
        path: The folder; made when absent.

    Raises:
        RunError: Another process holds it, it is of another version, or it is damaged.
        UsageError: It can't be made or written.
    """

    def __init__(self, path: Path) -> None:
        """Lock the folder and open its database."""
        self.path = path
        try:
            (path / "sections").mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path / ".lock")
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise RunError(
                f"{path} is in use",
                "another process is writing this run",
                f"Wait for it, or look at it with: longwrite status {path}",
            ) from error
        except OSError as error:
            raise UsageError(
                f"{path} can't be used as a run folder",
                error.strerror or str(error),
                "Choose another folder with --run.",
            ) from error
        try:
            self.store = Store(path / "calls.sqlite")
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Close the database and let go of the lock."""
        self.store.close()
        self._lock.release()

    def __enter__(self) -> RunFolder:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def read(self, name: str) -> str | None:
        """Return a file of the run, or None when absent.

        Raises:
            RunError: It can't be read as text.
        """
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise RunError(
                f"{self.path / name} can't be read", str(error), "Mend it or move it away."
            ) from error

    def write(self, name: str, content: str) -> None:
        """Replace a file of the run, remembering the content as our own."""
        content = content.replace("\r\n", "\n").replace("\r", "\n")  # as it will be read
        if self.read(name) != content:
            self.store.announce_file(name, content)
            replace_file(self.path / name, content)
        self.store.note_file(name, content)

    def is_edited(self, name: str) -> bool:
        """Tell whether a file exists with a content that no run wrote."""
        content = self.read(name)
        return content is not None and not self.store.is_own(name, content)

    def put_aside(self, name: str) -> Path:
        """Copy an edited file to a name of its own and return it; the original stays."""
        content = self.read(name) or ""
        stem, suffix = name.rsplit(".", 1)
        target = self.path / f"{stem}.edited-{digest(content)[:8]}.{suffix}"
        if not target.exists():
            replace_file(target, content)
        return target


def is_locked(path: Path) -> bool:
    """Tell whether a process holds the run of a folder."""
    if not (path / ".lock").exists():
        return False
    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def replace_file(path: Path, content: str) -> None:
    """Write a file whole: through a synced temporary file beside it.

    Raises:
        UsageError: It can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{path} can't be written",
            "its text is not valid Unicode",
            "Give prompts, notes and files as UTF-8 text.",
        ) from error
    except OSError as error:
        raise UsageError(
            f"{path} can't be written",
            error.strerror or str(error),
            "Make room or choose another place; what was written before is kept.",
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def slugify(text: str, limit: int = 40) -> str:
    r"""Return a short folder name for a text: letters, digits and hyphens of any script.

    >>> slugify("../../Etc: A *History*\x00 of Salt")
    'etc-a-history-of-salt'
    """
    folded = unicodedata.normalize("NFKC", text[:400]).lower()
    kept = "".join(char if char.isalnum() else "-" for char in folded)
    slug = re.sub(r"-{2,}", "-", kept).strip("-")
    short = slug[:limit].rsplit("-", 1)[0] if len(slug) > limit and "-" in slug[:limit] else slug
    while len(short.encode()) > 80:
        short = short[:-1]
    return short[:limit].strip("-") or "document"
