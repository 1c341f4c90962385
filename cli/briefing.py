"""What a command was given to write: a line, standard input, a brief, a plan, or a manuscript."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from longwrite.types import Brief, Plan


class Texts(TypedDict):
    """``--language``, ``--audience`` and ``--style``; empty ones are not given."""

    language: str
    audience: str
    style: str


_FILES = {".yaml", ".yml", ".txt", ".md", ".jsonl", ".json"}


def looks_like_path(text: str) -> bool:
    """Tell whether an input is meant as a file: it exists, or is named like one."""
    if not text.strip() or "\n" in text or len(text) > 1000:
        return False
    try:
        return Path(text).exists() or (Path(text).suffix in _FILES and " " not in text)
    except (OSError, ValueError):
        return False


def is_batch(given: str) -> bool:
    """Tell whether an input is a file of many prompts."""
    return given.endswith(".jsonl") and looks_like_path(given)


def read_input(
    given: str, words: int | None, style_sample: Path | None, texts: Texts
) -> tuple[Brief, Plan | None]:
    """Return the brief, and the plan when a plan was given.

    Args:
        given: What stands on the command line.
        words: ``--words``.
        style_sample: ``--style-sample``.
        texts: The options that describe the text.

    Raises:
        UsageError: It can't be read; the sentence says what it is and how to mend it.
    """
    from longwrite.assembly import leaves
    from longwrite.errors import UsageError
    from longwrite.rewards.briefs import compile_brief, read_brief
    from longwrite.runs.planfile import plan_from_yaml

    sample = read_text(style_sample) if style_sample is not None else ""
    if given == "-":
        return compile_brief(sys.stdin.read(), words=words, style_sample=sample, **texts), None
    if not looks_like_path(given):
        return compile_brief(given, words=words, style_sample=sample, **texts), None
    path = Path(given)
    if not path.exists():
        raise UsageError(f"{path} can't be read", "there is no such file")
    if path.suffix in {".yaml", ".yml"} and path.is_file() and _is_plan(path):
        plan = plan_from_yaml(read_text(path), str(path))
        total = sum(leaf.words for leaf in leaves(plan.sections))
        prompt = "\n".join(part for part in (plan.title, plan.bible) if part) or "Write this plan."
        return compile_brief(prompt, length=total, style_sample=sample, **texts), plan
    return read_brief(path, words=words, style_sample=sample, **texts), None


def _is_plan(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as stream:
            return any(line.startswith("sections:") for line in stream)
    except (OSError, UnicodeDecodeError):
        return False


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises:
        UsageError: It can't be read as text.
    """
    from longwrite.errors import UsageError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read", str(error)) from error
