"""What flows through the builder: a unit of source, the rows made of it, and what was dropped.

A row claims things about its text: the constraints that it meets, the one that its rejected twin
breaks. The builder checks every claim before a row is written, so a claim is no more than a wish
until `longwrite.data.labels` has made it a label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from longwrite.types import Constraint, Json, Message

Shape = Literal["completion", "pair", "prompt", "steps"]
"""SFT, preference, GRPO, and stepwise rows; each is a config of the finished set."""

Speaker = Literal["system", "user", "assistant"]
SPEAKERS: Mapping[str, Speaker] = {"system": "system", "user": "user", "assistant": "assistant"}
"""Who may speak in a prompt, by the names that stand in files."""

Verdict = Literal[True] | tuple[Literal[False], str]
"""What a filter says of a row: that it stays, or that it goes and why."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece of source that rows are made of: a prompt, a document, a finished run.

    Attributes:
        id: Made of its content alone, so that it is the same in every run and in every shard.
        data: What the recipe needs of it.
    """

    id: str
    data: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Label:
    """A claim that was checked.

    Attributes:
        constraint: What is claimed.
        holds: What the checker says of the text; None where it can't be told.
        checker: Version of the checkers that said so.
    """

    constraint: Constraint
    holds: bool | None
    checker: str


@dataclass(frozen=True, slots=True)
class Row:
    """One training example.

    Attributes:
        id: Its unit's id, and what tells it from the unit's other rows.
        shape: Which of the texts it has.
        prompt: The conversation that the text answers; the last message is the user's.
        completion: The answer (``completion``).
        chosen: The better answer (``pair``).
        rejected: The worse answer (``pair``).
        steps: Answers in order, each with whether it is a good one (``steps``).
        ends: Whether the text ends its document. A turn of a longer thread doesn't, and must not
            teach to stop there.
        constraints: Requirements that the completion or the chosen text meets, it is claimed; of a
            ``prompt`` those that it states.
        broken: The requirement that the rejected text misses, it is claimed.
        labels: The claims once they were checked; the recipe leaves them empty.
        target: Words (default counter) that the prompt asks for; of a finished text those it has.
        language: Code.
        genre: In one word, such as ``essay``; empty when unknown.
        provenance: Where it comes from: source, licence, model, plan, scores, judge's raw text.
            Nothing that differs between two runs on the same replies, such as a time.
    """

    id: str
    shape: Shape
    prompt: tuple[Message, ...]
    completion: str = ""
    chosen: str = ""
    rejected: str = ""
    steps: tuple[tuple[str, bool], ...] = ()
    ends: bool = True
    constraints: tuple[Constraint, ...] = ()
    broken: Constraint | None = None
    labels: tuple[Label, ...] = ()
    target: int | None = None
    language: str = ""
    genre: str = ""
    provenance: Mapping[str, Json] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text that is to be learned; of stepwise rows all steps, of prompts none."""
        return self.completion or self.chosen or "\n\n".join(text for text, _ in self.steps)

    @property
    def request(self) -> str:
        """The user's first message: what the document is asked for with."""
        return next((message.content for message in self.prompt if message.role == "user"), "")


@dataclass(frozen=True, slots=True)
class Drop:
    """A row, or a unit that gave none, that does not enter the set.

    Attributes:
        id: Of the row or unit.
        stage: What dropped it: ``recipe``, ``label``, or the name of a filter.
        reason: A short phrase, the same for all drops of a kind, so that they can be counted.
        detail: What is particular to this one: a number, the words that gave it away.
    """

    id: str
    stage: str
    reason: str
    detail: str = ""


def read_turns(value: object) -> tuple[Message, ...]:
    """Return the messages of a list of roles and contents; what is no turn of it is left out."""
    found = []
    for turn in value if isinstance(value, list) else ():
        if isinstance(turn, list | tuple) and len(turn) == 2 and str(turn[0]) in SPEAKERS:
            found.append(Message(SPEAKERS[str(turn[0])], str(turn[1])))
    return tuple(found)
