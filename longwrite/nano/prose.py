"""Paragraphs and sections: what follows what in an essay, a report, a handbook, a story.

A paragraph is a chain of rhetorical roles; a section opens, goes through several kinds of
paragraph, and closes near the number of words asked for.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Literal, get_args

from longwrite.nano.grammar import Expander, load_grammar
from longwrite.nano.speaker import Frame, Speaker
from longwrite.text import count_words

Genre = Literal["essay", "report", "handbook", "story"]
GENRES: tuple[Genre, ...] = get_args(Genre)

_CHAINS: dict[Genre, tuple[str, ...]] = {
    "essay": (
        "claim reason detail consequence",
        "claim detail example consequence",
        "question reply detail reflection",
        "scene scene-on scene-on reflection",
        "past detail contrast reason",
        "objection reply reason example",
        "definition claim detail example",
        "example detail contrast consequence",
        "reflection reason claim question",
        "contrast claim past detail",
    ),
    "report": (
        "finding evidence figure cause",
        "method finding figure limit",
        "comparison evidence cause consequence",
        "risk cause evidence recommendation",
        "view finding comparison recommendation",
        "figure evidence consequence risk",
        "definition finding example evidence",
        "limit method cause view",
        "example cause consequence recommendation",
    ),
    "handbook": (
        "principle reason step step check",
        "step step timing check tip",
        "warning reason check step",
        "example example-on example-on tip",
        "choice reason choice step",
        "question step reason note",
        "definition principle step tip",
        "timing step note check",
        "tip example example-on warning",
        "note step timing principle",
    ),
    "story": (
        "setting action object thought",
        "arrival object speech answer",
        "rumour speech answer worry",
        "memory thought object decision",
        "weather passage action object",
        "turn speech answer action thought",
        "kindness speech answer thought",
        "worry memory decision action",
        "passage setting arrival rumour",
        "action turn object speech answer",
    ),
}
_FIRST = {"essay": "opening", "report": "opening", "handbook": "opening", "story": "first"}
_LAST = {"essay": "closing", "report": "closing", "handbook": "closing", "story": "ending"}
_TALK = frozenset({"speech", "answer"})

_KNOWN = 0.6
"""Share of the sections that tell a fact: more, and a long document would tell each many times."""

_TIED = 0.3
"""Share of the sentences without the subject that come back to it at their end.

What a text says often, a small model learns to copy from its prompt.
"""

_TWICE = re.compile(r"\b(\w+) \1\b")

_PARAGRAPH = 78
"""Words of a paragraph, about."""


class Author:
    """Writes sections of one genre about one frame.

    Args:
        genre: How.
        frame: About what.
        rng: Draws.
    """

    def __init__(self, genre: Genre, frame: Frame, rng: random.Random) -> None:
        """Begin."""
        self.genre, self._rng = genre, rng
        self._tells = False
        subject = frame.subject
        named = filter(None, (subject.name, subject.short, subject.second))
        self._names = tuple(name.casefold() for name in named)
        self._speaker = Speaker(frame, rng, story=genre == "story")
        grammar = load_grammar(*(("common",) if genre in {"essay", "report"} else ()), genre)
        self._expander = Expander(grammar, self._speaker, rng)

    @property
    def first(self) -> str:
        """The role of a section's first sentence."""
        return _FIRST[self.genre]

    def sentence(self, role: str) -> str:
        """Return one sentence of a role; none begins with the subject or doubles a word.

        A capital would make other letters of it than the brief has, and it is to be copied.
        """
        for _ in range(8):
            self._speaker.begin_sentence()
            text = self._expander.sentence(role)
            if not text.casefold().startswith(self._names) and not _TWICE.search(text):
                break
        return self._tie(text)

    def _tie(self, text: str) -> str:
        """Bring a sentence back to the subject, by turns, where it doesn't speak of it."""
        speaks = any(name in text.casefold() for name in self._names)
        share = _TIED if self._names[0].count(" ") < 3 else _TIED / 3
        if speaks or not text.endswith(".") or self._rng.random() >= share:
            return text
        return f"{text[:-1]}, {self._expander.expand('tie')}."

    def _roles(self) -> Iterator[str]:
        """Yield the roles of one paragraph."""
        chains = _CHAINS[self.genre]
        chain = chains[int(self._rng.random() * len(chains))].split()
        if self._tells and self._speaker.knows:
            self._tells = False
            chain.insert(self._rng.randrange(1, len(chain)), "known")
        yield from chain
        while True:  # a paragraph of short sentences goes on
            yield chain[-1] if self._rng.random() < 0.3 else chain[len(chain) // 2]

    def paragraph(self, words: int, first: str = "") -> str:
        """Return a paragraph of about so many words, beginning with a sentence of a role."""
        self._speaker.begin_paragraph()
        pieces: list[tuple[str, str]] = []
        total = 0
        roles = self._roles()
        while total < words - 9 or not pieces:
            role = first or next(roles)
            first = ""
            sentence = self.sentence(role)
            size = count_words(sentence)
            if pieces and total + size > words + 12 and total > 0.7 * words:
                break
            pieces.append((role, sentence))
            total += size
        return _lay_out(pieces)

    def section(self, words: int, *, opens: bool = True, must: tuple[str, ...] = ()) -> str:
        """Return a section of about so many words: its opening, its paragraphs, its close.

        Args:
            words: How many are wanted; it ends at the sentence that comes nearest.
            opens: Whether it begins; a continuation goes on in mid-section.
            must: Words that have to stand in it.
        """
        self._tells = self.genre != "story" and self._rng.random() < _KNOWN
        closing = self.sentence(_LAST[self.genre])
        room = words - count_words(closing)
        done: list[str] = []
        total = 0
        while room - total > 12:
            size = min(room - total, round(_PARAGRAPH * self._rng.uniform(0.65, 1.35)))
            if room - total - size < 30:
                size = room - total
            first = self.first if opens and not done else ""
            if size > 45 and self.genre == "handbook" and done and self._rng.random() < 0.07:
                piece = self._list()
            else:
                piece = self.paragraph(size, first)
            done.append(piece)
            total += count_words(piece)
        if must:
            place = self._rng.randrange(len(done)) if done else 0
            sentence = self._mention(must)
            done[place : place + 1] = [f"{done[place]} {sentence}"] if done else [sentence]
        return "\n\n".join([*done[:-1], f"{done[-1]} {closing}"] if done else [closing])

    def _list(self) -> str:
        count = self._rng.randint(3, 6)
        items = [f"{number}. {self.sentence('item')}" for number in range(1, count + 1)]
        return "\n".join(items)

    def _mention(self, must: tuple[str, ...]) -> str:
        start = self._rng.choice(
            ("Here belongs", "Nobody should forget", "This is the place for", "It leads to",
             "Much of it comes back to", "Beside it stands", "To all this one may add")
        )  # fmt: skip
        return f"{start} {' and '.join(must)}."


def _lay_out(pieces: list[tuple[str, str]]) -> str:
    """Join the sentences of a paragraph; who answers begins a new one."""
    text = ""
    before = ""
    for role, sentence in pieces:
        glue = "\n\n" if role in _TALK and before in _TALK else " "
        text = f"{text}{glue}{sentence}" if text else sentence
        before = role
    return text
