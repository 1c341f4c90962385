"""The words of the corpus as data: fields of meaning, topics with facts, names, patterns' slots.

All of it is this project's own writing, kept in text files beside this module so that a person can
read and mend it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from longwrite.errors import UsageError

Happening = tuple[str, str, str]
"""Subject, verb in its base form, rest."""


@dataclass(frozen=True, slots=True)
class Field:
    """A region of meaning whose entries may be combined freely."""

    key: str
    name: str
    cues: tuple[str, ...]
    things: tuple[str, ...]
    people: tuple[str, ...]
    verbs: tuple[str, ...]
    ways: tuple[str, ...]
    qualities: tuple[str, ...]
    troubles: tuple[str, ...]
    gains: tuple[str, ...]
    times: tuple[str, ...]
    places: tuple[str, ...]
    events: tuple[Happening, ...]
    aims: tuple[str, ...]
    questions: tuple[str, ...]
    titles: tuple[str, ...]
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """A subject that the corpus knows something about."""

    name: str
    fields: tuple[str, ...]
    terms: tuple[str, ...]
    people: tuple[str, ...]
    facts: tuple[Happening, ...]
    extensions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """First names and places for stories."""

    women: tuple[str, ...]
    men: tuple[str, ...]
    towns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All words of the corpus; `subjects` are names of what it knows nothing else about."""

    fields: dict[str, Field]
    topics: tuple[Topic, ...]
    subjects: tuple[str, ...]
    names: Names


def read_records(name: str) -> Iterator[dict[str, tuple[str, ...]]]:
    """Yield the records of a file of the corpus: `key: item; item` lines between blank lines.

    Raises:
        UsageError: A line is no such line.
    """
    text = (files("longwrite.nano") / "corpus" / name).read_text("utf-8")
    for block in text.strip().split("\n\n"):
        record: dict[str, tuple[str, ...]] = {}
        for line in block.strip().splitlines():
            key, colon, rest = line.partition(":")
            if not colon:
                raise UsageError(f"{name}: '{line[:60]}' is no 'key: items' line")
            record[key.strip()] = tuple(part.strip() for part in rest.split(";") if part.strip())
        yield record


def _list_files(folder: str) -> list[str]:
    root = files("longwrite.nano") / "corpus" / folder
    return sorted(f"{folder}/{path.name}" for path in root.iterdir() if path.name[-4:] == ".txt")


def _happenings(items: tuple[str, ...]) -> tuple[Happening, ...]:
    found = []
    for item in items:
        parts = [part.strip() for part in item.split("|")]
        subject, verb, rest = (*parts, "")[:3] if len(parts) < 3 else parts[:3]
        found.append((subject, verb, rest))
    return tuple(found)


@cache
def load_lexicon(core: bool = False) -> Lexicon:
    """Return the words of the corpus.

    Args:
        core: Whether to take only the fields of core.txt. A document has a field for each of its
            parts, so fewer of them repeat nothing; a small model learns their words sooner.

    Raises:
        UsageError: A line of a file can't be read.
    """
    names = [name.removeprefix("fields/").removesuffix(".txt") for name in _list_files("fields")]
    if core:
        chosen = next(read_records("core.txt"))["core"]
        names = [name for name in names if name in chosen]
    fields = {key: _make_field(key, next(read_records(f"fields/{key}.txt"))) for key in names}
    topics = tuple(
        Topic(
            name=record["topic"][0],
            fields=tuple(name for name in record["fields"] if name in fields),
            terms=record["terms"],
            people=record["people"],
            facts=_happenings(record["facts"]),
            extensions=record["extensions"],
        )
        for name in _list_files("topics")
        for record in read_records(name)
    )
    given = next(read_records("names.txt"))
    subjects = tuple(name for record in read_records("subjects.txt") for name in record["subjects"])
    people = Names(given["women"], given["men"], given["towns"])
    return Lexicon(fields, topics, subjects, people)


def _make_field(key: str, record: dict[str, tuple[str, ...]]) -> Field:
    values = {name: record[name] for name in Field.__dataclass_fields__ if name in record}
    name, events = values.pop("name")[0], _happenings(values.pop("events"))
    return Field(key=key, name=name, events=events, **values)
