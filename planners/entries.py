"""Reading a model's plan, however it looks.

Models fence JSON, wrap it in prose, cut it off, number titles, repeat them, or write plain lines.
All of that is read here into entries; nothing a model writes can raise or take long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from longwrite.text import join_halves, visible

_LIMIT = 400_000
_TITLE_KEYS = ("title", "heading", "name", "chapter", "section", "part")
_GOAL_KEYS = ("goal", "main_point", "summary", "description", "content", "purpose")
_WORDS_KEYS = ("words", "word_count", "wordCount", "length", "budget", "weight")

_NUMBERED = re.compile(
    r"^\s*(?:(?:chapter|part|section|lesson|act|scene|book|unit|entry|letter|step)\s+"
    r"(?:\d{1,3}|[ivxlc]{1,7}|one|two|three|four|five|six|seven|eight|nine|ten)\s*[:.\-–—)]\s*"
    r"|第[一二三四五六七八九十百零\d]{1,5}(?:章节|[章节课幕部篇回讲卷])(?:分)?\s*[:：.、\-–—]?\s*"
    r"|(?:\d{1,3}|[一二三四五六七八九十]{1,3})、\s*"
    r"|(?:\d{1,3}(?:[.):]|(?:\.\d{1,3}){1,3}[.):]?)|[-*+•])\s+)",
    re.IGNORECASE,
)
_LINE = re.compile(
    r"^\s*(?:#{1,6}\s+)?(?:\d{1,3}(?:\.\d{1,3})*[.)、:]|[-*+•]|第.{1,4}[章节课幕部篇])\s*\S"
)
_NUMBER = r"(\d{1,3}(?:,\d{3}){1,2}|\d{2,7})"
# A bare number at the end of a line may be a year; it counts only in a field of its own.
_WORDS = re.compile(
    rf"(?:[|(（] ?(?:about |约)?{_NUMBER}|{_NUMBER} ?(?:words?|字|词)) ?(?:words?|字|词)? ?[)）]?$",
    re.IGNORECASE,
)


_EDGES = " \"'“”*_#|:-–—"


@dataclass(frozen=True, slots=True)
class Entry:
    """One planned entry as a model gave it, cleaned."""

    title: str
    goal: str = ""
    words: float = 0.0
    entry: str = ""
    exit: str = ""
    needs: tuple[int, ...] = ()
    establishes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read of a reply."""

    title: str = ""
    bible: str = ""
    entries: tuple[Entry, ...] = ()


_STUTTER = re.compile(r"\b(\w+)(?:\W{1,3}\1\b){2}")


def read_entries(reply: str) -> Reading:
    """Read a plan from JSON if there is any, else from plain lines."""
    reply = reply[:_LIMIT]
    reading = _read_json(reply)
    if not reading.entries:
        reading = _read_lines(reply)
    title = clean_title(reading.title)
    return Reading(title, reading.bible, _keep_sound(reading.entries))


def clean_title(value: object) -> str:
    """Return a heading of one line: no markup, no numbering, at most 120 characters.

    A heading that is nothing but its number keeps it.
    """
    text = visible(str(value)[:2000])
    shown = "".join(char for char in text if char.isprintable() or char.isspace())
    whole = " ".join(shown.split())
    text = whole
    for _ in range(2):
        text = _NUMBERED.sub("", text, count=1)
    return (text.strip(_EDGES) or whole.strip(_EDGES))[:120].strip()


def _keep_sound(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Leave out entries whose title stands before, and those that stutter.

    A heading in which the model runs in a loop would put every section under it into one.
    """
    seen: set[str] = set()
    kept = []
    for entry in entries:
        name = entry.title.casefold()
        stutters = _STUTTER.search(name) or _STUTTER.search(entry.goal.casefold())
        if name and name not in seen and not stutters:
            seen.add(name)
            kept.append(entry)
    return tuple(kept)


# --- JSON ----------------------------------------------------------------------------------------


def _read_json(reply: str) -> Reading:
    for value in _decode_values(reply):
        for _ in range(3):  # {"plan": {"sections": […]}}
            lists = _find_lists(value)
            if lists:
                names = value if isinstance(value, dict) else {}
                title, bible = _first_text(names, ("title",)), _first_text(names, ("bible",))
                return Reading(title, bible, _read_items(max(lists, key=len)))
            inner = value.values() if isinstance(value, dict) else ()
            value = next((item for item in inner if isinstance(item, dict)), None)
    # A list cut off by the token cap: keep the entries that are whole.
    whole = [value for value in _decode_values(reply, nested=True) if isinstance(value, dict)]
    heading = re.search(r'"title"\s*:\s*"((?:[^"\\]|\\.){1,200})"', reply)
    entries = _read_items([value for value in whole if _first_text(value, _GOAL_KEYS)])
    return Reading(heading.group(1) if heading else "", entries=entries)


def _find_lists(value: object) -> list[list[Any]]:
    values = value.values() if isinstance(value, dict) else [value]
    lists = (item for item in values if isinstance(item, list))
    return [item for item in lists if any(isinstance(entry, dict) for entry in item)]


def _decode_values(reply: str, *, nested: bool = False) -> Iterator[Any]:
    decoder = json.JSONDecoder(strict=False)
    position, tries = 0, 0
    opener = re.compile(r"\{" if nested else r"[{\[]")
    while tries < 2_000 and (match := opener.search(reply, position)):
        tries += 1
        try:
            value, position = decoder.raw_decode(reply, match.start())
            yield value
        except (ValueError, RecursionError):
            position = match.end()
            if not nested and tries >= 20:
                return


def _read_items(items: list[Any]) -> tuple[Entry, ...]:
    found = []
    for item in items:
        if isinstance(item, str):
            item = {"title": item}
        if not isinstance(item, dict):
            continue
        goal = _first_text(item, _GOAL_KEYS)
        title = clean_title(_first_text(item, _TITLE_KEYS) or goal[:80])
        found.append(
            Entry(
                title=title,
                goal=goal,
                words=_first_number(item, _WORDS_KEYS),
                entry=_first_text(item, ("entry",)),
                exit=_first_text(item, ("exit",)),
                needs=tuple(
                    need for need in _as_list(item.get("needs"))
                    if isinstance(need, int) and not isinstance(need, bool)
                ),
                establishes=tuple(
                    " ".join(join_halves(str(text)).split())[:200]
                    for text in _as_list(item.get("establishes"))[:8]
                    if isinstance(text, (str, int, float))
                ),
            )
        )  # fmt: skip
    return tuple(found)


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _first_text(item: dict[str, Any], keys: tuple[str, ...]) -> str:
    for key in keys:
        value = item.get(key)
        if isinstance(value, str) and value.strip():
            return " ".join(join_halves(value).split())[:1500]
    return ""


def _first_number(item: dict[str, Any], keys: tuple[str, ...]) -> float:
    for key in keys:
        value = item.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value) if 0 < value < 1e9 else 0.0
        if isinstance(value, str) and (match := re.search(r"\d{1,7}", value.replace(",", ""))):
            return float(match.group())
    return 0.0


# --- plain lines ---------------------------------------------------------------------------------


def _read_lines(reply: str) -> Reading:
    title = bible = ""
    entries = []
    for line in reply.splitlines():
        head, _, rest = line.partition(":") if ":" in line else line.partition("：")
        label = head.strip(" *#").lower()
        if label in {"title", "标题"} and not title:
            title = rest.strip()
        elif label in {"bible", "premise", "设定"} and not bible:
            bible = rest.strip()[:1500]
        elif _LINE.match(line):
            entries.append(_read_line(line))
    return Reading(title, bible, tuple(entry for entry in entries if entry.title))


def _read_line(line: str) -> Entry:
    line = " ".join(line[:4000].split())
    words = 0.0
    if match := _WORDS.search(line):
        words = float((match.group(1) or match.group(2)).replace(",", ""))
        line = line[: match.start()].rstrip(" |(（:：,，-–—")
    fields = [field.strip() for field in re.split(r"\||\s[–—]\s", line) if field.strip()]
    if len(fields) == 1:
        bare = _NUMBERED.sub("", line)
        fields = [field.strip() for field in re.split(r"[:：]", bare, maxsplit=1)]
    goal = " ".join(fields[1:])[:1500].strip()
    return Entry(title=clean_title(fields[0]) if fields else "", goal=goal, words=words)
