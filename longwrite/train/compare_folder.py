"""The folder of a comparison: its call log, and what came of it.

    compare.html  compare.md  compare.json  replies.jsonl  .work/

What a person reads is written anew each time; the log in ``.work`` is only added to, so that the
same command goes on where it stopped, and more samples or briefs ask only for what is new.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from longwrite.data.build import lock_set
from longwrite.errors import RunError, UsageError
from longwrite.runs.folder import replace_file
from longwrite.train.compare import Comparison, tell_comparison
from longwrite.train.compare_page import render_comparison
from longwrite.train.compare_table import render_markdown

PAGE, TABLE, FIGURES, REPLIES = "compare.html", "compare.md", "compare.json", "replies.jsonl"
_WORK = ".work"
_KEPT = frozenset({PAGE, TABLE, FIGURES, REPLIES, _WORK})


@contextmanager
def open_folder(folder: Path) -> Iterator[Path]:
    """Hold the folder of a comparison and yield where its call log is.

    Raises:
        UsageError: It can't be written, or holds something else.
        RunError: Another process compares there.
    """
    if folder.is_dir():
        foreign = sorted(path.name for path in folder.iterdir() if path.name not in _KEPT)
        if foreign or (folder / _WORK / "ledger.sqlite").exists():
            why = f"it holds {foreign[0] if foreign else 'a set'}"
            raise UsageError(f"{folder} is no folder of a comparison", why, "Name another with -o.")
    try:
        lock = lock_set(folder)
    except RunError as error:
        raise RunError(error.what, "another process compares there", "Wait for it.") from error
    try:
        yield folder / _WORK
    finally:
        lock.release()


def save_comparison(folder: Path, comparison: Comparison) -> Path:
    """Write page, table, figures and replies; return where the page is.

    Raises:
        UsageError: They can't be written.
    """
    told = tell_comparison(comparison)
    replace_file(folder / REPLIES, "".join(_tell_replies(comparison)))
    replace_file(folder / FIGURES, json.dumps(told, ensure_ascii=True, indent=1) + "\n")
    replace_file(folder / TABLE, _whole(render_markdown(comparison)))
    replace_file(folder / PAGE, _whole(render_comparison(comparison)))
    return folder / PAGE


def _tell_replies(comparison: Comparison) -> Iterator[str]:
    for kind, side in (("base", comparison.base), ("tuned", comparison.tuned)):
        for one, values in zip(side.answers, side.values, strict=True):
            held_out = comparison.briefs[one.brief]
            row = {
                "model": kind,
                "brief": held_out.id,
                "sample": one.sample,
                "prompt": held_out.brief.prompt,
                "response": one.text,
                "ended": one.ended,
                "failed": one.failed or None,
                "measures": dict(values),
            }
            # ASCII, for a reply may hold half a character, which no file takes.
            yield json.dumps(row, ensure_ascii=True) + "\n"


def _whole(text: str) -> str:
    """Return a text with half characters replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
