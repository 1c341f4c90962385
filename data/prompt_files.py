"""Prompts from files, as units: what recipes that have texts written begin with.

A unit's prompt says itself how long the text shall be: a length that a column or an option gives is
added to it in words, so that what is asked of the model, what the row shows and what the checker
reads are one and the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from longwrite.data.documents import find_files
from longwrite.data.rows import Drop, Unit
from longwrite.errors import UsageError
from longwrite.language import detect_language
from longwrite.prompts import name_unit
from longwrite.reading import PROMPT_COLUMNS
from longwrite.rewards.briefs import compile_brief
from longwrite.runs.store import digest
from longwrite.strict_json import parse_json
from longwrite.types import Brief, Json

_LENGTHS = ("length", "words")


def read_prompts(patterns: Sequence[str], words: int = 0) -> Iterator[Unit | Drop]:
    """Yield the prompts of files as units, each prompt once.

    Args:
        patterns: Paths or globs; of ``.jsonl`` each line is an object with a prompt and, if it
            likes, ``length`` or ``words``, ``language``, ``genre`` and ``licence``; of other files
            each line is a prompt.
        words: Length of a text whose prompt and row state none; 0 leaves it open.

    Raises:
        UsageError: There is no such file, or it isn't text.
    """
    return each_once(_read_units(patterns, words))


def each_once(units: Iterator[Unit | Drop]) -> Iterator[Unit | Drop]:
    """Yield units and drops; a unit that came before is a drop."""
    seen: set[str] = set()
    for number, unit in enumerate(units):
        if isinstance(unit, Unit) and unit.id in seen:
            name = digest(unit.id, str(number))[:16]
            yield Drop(name, "recipe", "the same source twice", str(unit.data["source"]))
            continue
        seen.add(unit.id)
        yield unit


def _read_units(patterns: Sequence[str], words: int) -> Iterator[Unit | Drop]:
    for path, number, line in _read_all(patterns):
        place = f"{path.name}:{number}"
        row = _read_row(path, line)
        unit = _make_unit(row, place, words) if isinstance(row, dict) else row
        if isinstance(unit, str):
            yield Drop(digest(place, line)[:16], "recipe", unit, place)
        else:
            yield unit


def brief_of(unit: Unit) -> Brief:
    """Return the brief of a unit that `read_prompts` made."""
    return compile_brief(str(unit.data["prompt"]), language=str(unit.data["language"]))


def read_lines(patterns: Sequence[str]) -> list[str]:
    """Return prompts or topics, each once: the lines of text files, the rows of JSONL files.

    A row is a text, or an object with one of the columns that prompts stand in, or ``topic``.

    Raises:
        UsageError: A file isn't there, or a line of it gives no prompt.
    """
    found: dict[str, None] = {}
    for path, number, line in _read_all(patterns):
        row = _read_row(path, line)
        text = _prompt_of(row, (*PROMPT_COLUMNS, "topic")) if isinstance(row, dict) else ""
        if not text:
            why = row if isinstance(row, str) else "it has no prompt"
            mend = f"Name it one of {', '.join(PROMPT_COLUMNS)}."
            raise UsageError(f"Can't use {path}:{number}", why, mend)
        found[text] = None
    return list(found)


def _read_all(patterns: Sequence[str]) -> Iterator[tuple[Path, int, str]]:
    """Yield the lines that aren't blank, each with its file and number."""
    for path in find_files(patterns):
        try:
            with path.open(encoding="utf-8-sig") as stream:
                lines = enumerate(stream, 1)
                yield from ((path, number, line) for number, line in lines if line.strip())
        except (OSError, UnicodeDecodeError) as error:
            why = "it is not UTF-8 text" if isinstance(error, ValueError) else error.strerror or ""
            raise UsageError(
                f"{path} can't be read", why, "Give prompts as JSONL, or as text with one a line"
            ) from None


def _read_row(path: Path, line: str) -> dict[str, Any] | str:
    if path.suffix.lower() not in {".jsonl", ".ndjson"}:
        return {"prompt": line.strip()}
    try:
        row = parse_json(line.encode())
    except ValueError:
        return "the line isn't JSON"
    if isinstance(row, str):
        return {"prompt": row}
    return row if isinstance(row, dict) else "the row is no object"


def _make_unit(row: dict[str, Any], place: str, words: int) -> Unit | str:
    """Return the unit of a row, or why it gives none."""
    prompt = _prompt_of(row, PROMPT_COLUMNS)
    if not prompt:
        return "the row has no prompt"
    language = row.get("language")
    code = language if isinstance(language, str) else detect_language(prompt)
    given = next((n for key in _LENGTHS if _is_count(n := row.get(key))), 0)
    try:
        brief = compile_brief(prompt, language=code)
        stated = any(c.kind == "length" and c.scope == "document" for c in brief.constraints)
        if not stated and (given or words):
            prompt = state_length(prompt, given or words, brief.language)
            brief = compile_brief(prompt, language=code)
    except UsageError as error:
        return f"prompt can't be used: {error.what}"
    data: dict[str, Json] = {"prompt": prompt, "language": brief.language, "source": place}
    for key in ("genre", "licence"):
        data[key] = str(row.get(key) or "")
    return Unit(digest(prompt, brief.language)[:16], data)


def state_length(prompt: str, words: int, language: str) -> str:
    r"""Return a prompt that says how long the text shall be.

    >>> state_length("Tell of salt.", 800, "en")
    'Tell of salt.\n\nLength: about 800 words.'
    """
    if language[:2] == "zh":
        return f"{prompt}\n\n篇幅：约{words}字。"
    return f"{prompt}\n\nLength: about {words} {name_unit(language)}."


def _prompt_of(row: dict[str, Any], columns: Sequence[str]) -> str:
    return next((text for key in columns if (text := _text_of(row.get(key)))), "")


def _text_of(value: Any) -> str:
    """Return a prompt that is a text, or the last thing that a user says in a conversation."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        said = (_text_of(turn.get("content")) for turn in reversed(value) if _is_users(turn))
        return next(said, "")
    return ""


def _is_users(turn: Any) -> bool:
    return isinstance(turn, dict) and turn.get("role") == "user"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
