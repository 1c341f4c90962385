"""What a command prints and writes besides the run folder: results, errors, the -o file."""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from longwrite.api import Outcome
    from longwrite.errors import LongwriteError

_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""What a terminal obeys or can't be sent: titles, replies and file names come from anybody."""


def say(message: str) -> None:
    """Print a line for a person, on standard error; nothing stops where nobody can read it."""
    with suppress(OSError):
        sys.stderr.write(_UNSHOWN.sub("\ufffd", message) + "\n")
        sys.stderr.flush()


def print_line(message: str = "") -> None:
    """Print a line of the result, on standard output."""
    sys.stdout.write(_UNSHOWN.sub("\ufffd", message) + "\n")


def print_json(value: Mapping[str, Any]) -> None:
    """Print the result as one JSON object, in plain ASCII where the stream takes no more."""
    plain = codecs.lookup(sys.stdout.encoding or "ascii").name != "utf-8"
    print_line(json.dumps(value, ensure_ascii=plain, indent=1))


def print_error(error: LongwriteError, as_json: bool) -> None:
    """Tell a person, or a program, what can't be done and how to mend it."""
    if as_json:
        body = {"what": error.what, "why": error.why, "mend": error.mend}
        print_json({"error": body, "exit_code": error.exit_code})
    else:
        say(f"longwrite: {error}")


def check_output(path: Path | None, force: bool, forms: Sequence[str] = (".md", ".html")) -> None:
    """See, before the first call, that the output can be written.

    Raises:
        UsageError: It can't, or it would overwrite a file that no run wrote.
    """
    from longwrite.errors import UsageError

    if path is None:
        return
    where = f"{path} can't be written"
    if path.suffix not in forms:
        known = " or ".join(forms)
        raise UsageError(where, f"'{path.suffix}' is no known form", f"Name it {known}.")
    if path.is_dir():
        raise UsageError(where, "it is a folder", "Name a file in it.")
    if path.exists() and not path.is_file():
        raise UsageError(where, "it is no regular file", "Name another.")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(
            where, f"{path.parent} is no folder that can be written", "Make it or name another."
        )
    if path.exists() and not os.access(path, os.W_OK):
        raise UsageError(where, "it is read-only", "Allow writing, or name another file.")
    if path.exists() and not force and not _is_ours(path):
        raise UsageError(
            where, "it exists and was not written by longwrite", "Add --force to overwrite it."
        )


def _mark(path: Path) -> Path:
    from longwrite.cli.servers import state_folder
    from longwrite.runs.store import digest

    return state_folder() / "outputs" / digest(str(path.resolve()))[:32]


def _is_ours(path: Path) -> bool:
    from longwrite.runs.store import digest

    try:
        known = _mark(path).read_text(encoding="utf-8")
        return digest(path.read_text(encoding="utf-8")) == known
    except (OSError, RuntimeError, UnicodeDecodeError):
        return False


def write_output(path: Path, content: str) -> None:
    """Write the output file and remember that its content is ours."""
    from longwrite.errors import LongwriteError
    from longwrite.runs.folder import replace_file
    from longwrite.runs.store import digest

    replace_file(path, content)
    try:
        mark = _mark(path)
        mark.parent.mkdir(parents=True, exist_ok=True)
        replace_file(mark, digest(content))
    except (OSError, RuntimeError, LongwriteError) as error:
        # The document is written; only the memory of it is not.
        why = getattr(error, "why", "") or getattr(error, "strerror", "") or str(error)
        say(f"longwrite: {path} will need --force next time: that it is ours can't be kept ({why})")


def write_document(outcome: Outcome, path: Path) -> None:
    """Write the document in the form that the file's name asks for."""
    if path.suffix == ".html":
        from longwrite.page import render_page

        words, model = outcome.report["words"], outcome.report["models"]["write"]
        page = render_page(
            outcome.markdown,
            title=outcome.document.plan.title or outcome.document.brief.prompt[:80],
            language=outcome.document.brief.language or "en",
            summary={
                "Words": f"{words['delivered']:,}",
                "Model": model,
            },
        )
        write_output(path, page)
    else:
        write_output(path, outcome.markdown)


def tell_outcome(outcome: Outcome, output: Path | None) -> None:
    """Print what became of a run, for a person."""
    report = outcome.report
    words = report["words"]
    place = output or outcome.path / "document.md"
    if outcome.untouched:
        print_line(f"{outcome.path} is finished; nothing was done. Add --fresh to begin anew.")
    print_line(f"{place}: {words['delivered']:,} words of {words['asked']:,} asked for")
    hard = [defect for defect in outcome.document.defects if defect.hard]
    soft = len(outcome.document.defects) - len(hard)
    for defect in hard[:8]:
        place_name = f"section {defect.section}" if defect.section else "the document"
        print_line(f"  {place_name}: {defect.kind}: {defect.message}")
    if len(hard) > 8:
        print_line(f"  … and {len(hard) - 8} more")
    if soft:
        print_line(f"  {soft} minor defect{'s' if soft > 1 else ''}, listed in report.json")
    if not report["complete"]:
        print_line(f"Not complete. Go on with: longwrite resume {outcome.path}")
