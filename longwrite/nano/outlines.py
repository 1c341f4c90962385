"""Titles, headings and goals: what the planner of the corpus answers with.

Every entry has a field of meaning and three things of it in its goal, so that whoever reads the
goal knows what the section has to speak of.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from longwrite.nano.grammar import Expander, load_grammar
from longwrite.nano.lexicon import Field, Lexicon
from longwrite.nano.prose import Genre
from longwrite.nano.speaker import Cast, Frame, Speaker
from longwrite.nano.subjects import Wish


@dataclass(frozen=True, slots=True)
class Planned:
    """One entry of an outline: what it says and the frame it is written in."""

    title: str
    goal: str
    words: int
    frame: Frame
    entry: str = ""
    exit: str = ""


class Outliner:
    """Plans documents about one subject.

    Args:
        genre: Of the document.
        wish: What was asked for.
        cast: The people, should it be a story.
        lexicon: All words.
        rng: Draws.
    """

    def __init__(
        self, genre: Genre, wish: Wish, cast: Cast, lexicon: Lexicon, rng: random.Random
    ) -> None:
        """Begin with no heading used."""
        self.genre, self.wish, self.cast, self._rng = genre, wish, cast, rng
        self._fields = self._order_fields(lexicon)
        self._titles: set[str] = set()

    def _order_fields(self, lexicon: Lexicon) -> list[Field]:
        own = [name for name in self.wish.fields if name in lexicon.fields]
        others = [name for name in sorted(lexicon.fields) if name not in own]
        self._rng.shuffle(others)
        return [lexicon.fields[name] for name in (*own, *others)]

    def frame(self, place: int) -> Frame:
        """Return a frame for the entry at a place, in a field of its own."""
        return self._frame_in(self._fields[place % len(self._fields)])

    def _frame_in(self, field: Field) -> Frame:
        focus = tuple(self._rng.sample(field.things, 3))
        return Frame(self.wish.subject, field, focus, self.cast)

    def _expander(self, frame: Frame) -> Expander:
        speaker = Speaker(frame, self._rng, story=self.genre == "story")

        def words(slot: str) -> str:
            if slot == "subject":
                return frame.subject.name
            if slot == "heading":
                return self._rng.choice(frame.field.titles)
            if slot in {"the A", "the B", "the C"}:
                return f"the {frame.focus['ABC'.index(slot[-1])].removeprefix('~')}"
            if slot == "terms":
                return ", ".join(_list_terms(frame, self._rng))
            return speaker(slot)

        return Expander(load_grammar("outline"), words, self._rng)

    def title(self) -> str:
        """Return a title for the document."""
        text = self._expander(self.frame(0)).expand(f"{self.genre}-title")
        return " ".join(text.split())

    def bible(self) -> str:
        """Return what all sections share."""
        rule = "story-bible" if self.genre == "story" else "expository-bible"
        return _capitalise(self._expander(self.frame(0)).sentence(rule))

    def entries(self, count: int, words: int, parent: Frame | None = None) -> list[Planned]:
        """Return so many entries: each in a field of its own, or all in their parent's field."""
        share = words / count
        found = []
        for place in range(count):
            frame = self._frame_in(parent.field) if parent else self.frame(place)
            own = max(10, round(share * self._rng.uniform(0.85, 1.15) / 10) * 10)
            expander = self._expander(frame)
            found.append(
                Planned(
                    title=self._heading(expander),
                    goal=expander.sentence(f"{self.genre}-goal"),
                    words=own,
                    frame=frame,
                    entry=expander.sentence("entry"),
                    exit=expander.sentence("exit"),
                )
            )
        return found

    def _heading(self, expander: Expander) -> str:
        for _ in range(20):
            text = " ".join(expander.expand("heading-line").split())
            if text.casefold() not in self._titles and len(text) < 80:
                break
        self._titles.add(text.casefold())
        return text[:1].upper() + text[1:]


def list_plan(title: str, bible: str, entries: Sequence[Planned]) -> str:
    """Return a plan as lines, as the agent asks for it where no schema is forced.

    Without a title it is the plan of a part.
    """
    head = [f"Title: {_capital(title)}", f"Bible: {bible}"] if title else []
    lines = (
        f"{number}. {entry.title} | {entry.goal.rstrip('.')} | {entry.words}"
        for number, entry in enumerate(entries, 1)
    )
    return "\n".join([*head, *lines])


def dump_plan(title: str, bible: str, entries: Sequence[Planned], schema: Mapping[str, Any]) -> str:
    """Return a plan as JSON, with the fields of the agent's schema."""
    sections: list[dict[str, Any]] = [
        {
            "title": entry.title,
            "goal": entry.goal,
            "words": entry.words,
            "entry": entry.entry,
            "exit": entry.exit,
            "needs": [],
            "establishes": [entry.frame.focus[0].removeprefix("~")],
        }
        for entry in entries
    ]
    wanted = schema["properties"]
    fields = wanted["sections"]["items"]["properties"]
    plan = {
        "title": _capital(title),
        "bible": bible,
        "sections": [{name: section[name] for name in fields} for section in sections],
    }
    return json.dumps({name: plan[name] for name in wanted}, ensure_ascii=False)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _list_terms(frame: Frame, rng: random.Random) -> tuple[str, ...]:
    if frame.subject.topic:
        return tuple(term.removeprefix("~") for term in rng.sample(frame.subject.topic.terms, 4))
    second = (frame.subject.second,) if frame.subject.second else ()
    return (frame.subject.name, *second, *(thing.removeprefix("~") for thing in frame.focus))


def _capitalise(text: str) -> str:
    """Give every sentence of a paragraph its capital."""
    pieces = text.split(". ")
    return ". ".join(_capital(piece) for piece in pieces)
