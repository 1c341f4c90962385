"""The folder of one run: what a person reads and edits, beside the database that remembers.

    brief.yaml  plan.yaml  sections/<id>.md  document.md  report.json  calls.sqlite

Files are replaced whole, through a synced temporary file, so that a reader never sees half of one.
Every content written here is remembered by its hash; a file with any other content was edited by a
person, and is then taken up or put aside, never overwritten in silence.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from longwrite.errors import RunError, UsageError
from longwrite.runs.store import Store, digest

SAFE_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,63}")
"""What a section may be called: its id names a file."""


_FILES, _FILES_OF_OTHERS = 6, 24
"""Open at once: of a run its lock, its database's three, one being replaced, one being flushed."""


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
        self._lock = lock_folder(
            path,
            "another process is writing this run",
            f"Wait for it, or look at it with: longwrite status {path}",
        )
        try:
            with _explained(path):
                (path / "sections").mkdir(exist_ok=True)
            sweep(path / "sections")
            self.store = Store(path / "calls.sqlite")
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Close the database and let go of the lock.

        Raises:
            RunError: The disk refused what was kept last.
        """
        try:
            self.store.close()
        finally:
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
        path = self.path / name
        return read_text(path) if path.exists() else None

    def write(self, name: str, content: str) -> None:
        """Replace a file of the run, remembering the content as our own."""
        content = content.replace("\r\n", "\n").replace("\r", "\n")  # as it will be read
        if not self._holds(name, content):
            self.store.announce_file(name, content)
            replace_file(self.path / name, content)
        self.store.note_file(name, content)

    def _holds(self, name: str, content: str) -> bool:
        try:
            return _file(self.path / name).read_text(encoding="utf-8") == content
        except (OSError, UnicodeDecodeError):
            return False  # what can't be read is replaced, as what is another text

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


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Tell in a sentence that a folder can't be written."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{folder} can't be written",
            error.strerror or str(error),
            "Make room, allow writing or name another folder.",
        ) from error


def lock_folder(folder: Path, why: str, mend: str, name: str = ".lock") -> FileLock:
    """Make a folder and hold it for this process, without what killed ones left unfinished.

    Args:
        folder: What is held.
        why: Said where another process holds it.
        mend: What to do about that.
        name: Of the file in it that is locked.

    Raises:
        RunError: Another process holds it.
        UsageError: It can't be made or written.
    """
    lock = FileLock(folder / name)
    with _explained(folder):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise RunError(f"{folder} is in use", why, mend) from error
    for place in {folder, (folder / name).parent}:
        sweep(place)
    return lock


def read_text(path: Path, mend: str = "Mend it or move it away.") -> str:
    """Return a file of a run.

    Raises:
        RunError: It isn't there, or can't be read as text.
    """
    try:
        return _file(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} can't be read", str(error), mend) from error


def _file(path: Path) -> Path:
    """Return a path that can be opened at once; whoever opens a pipe may wait for ever.

    Raises:
        OSError: It is no file.
    """
    if path.exists() and not path.is_file():
        raise OSError("it is no file")
    return path


def most_open() -> int:
    """Return how many run folders this process may hold open, by the system's limit on files."""
    try:
        import resource
    except ImportError:
        return sys.maxsize
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if limit < 0 else max(1, (limit - _FILES_OF_OTHERS) // _FILES)


def is_locked(path: Path) -> bool:
    """Tell whether a process holds the run of a folder."""
    if not (path / ".lock").exists():
        return False
    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False  # nobody could have locked it
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


def is_remnant(path: Path, content: str) -> bool:
    """Tell whether a file is what a power cut or a bad disk left of a content.

    That is its beginning and no more, or its beginning and zeros.
    """
    try:
        found, whole = _file(path).read_bytes(), content.encode()
    except (OSError, UnicodeEncodeError):
        return False
    return found != whole and whole.startswith(found.rstrip(b"\0"))


def is_section_remnant(path: Path, text: str) -> bool:
    """Tell whether a section's file is what a power cut or a bad disk left of its text.

    Each file of ours ends with a line end, and so does what an editor leaves: one that breaks off
    without it was cut. A person may well drop the last paragraphs, and then they are gone.
    """
    if not is_remnant(path, f"{text}\n"):
        return False
    with path.open("rb") as stream:
        return not stream.read().endswith(b"\n")


def sweep(folder: Path) -> None:
    """Remove the temporary files of `replace_file` that killed processes left in a folder."""
    for path in folder.glob(".*.tmp"):
        number = path.name.split(".")[-2]
        if number.isdecimal() and not _is_other_alive(int(number)):
            with suppress(OSError):
                path.unlink()


def _is_other_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return process != os.getpid()


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
