"""The glossary: everything that flows through longwrite is one of these frozen dataclasses.

    Brief -> planner -> Plan -> agent (Request -> engine -> Reply) -> Document -> Score

A requirement is one object: a `Constraint` read from the brief is planned for, checked while
writing, reported as a `Score`, stored as a data label and paid as a reward by the same checker.
Data is apart from behaviour: these classes hold values and no logic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A value that survives a round trip through JSON."""

Role = Literal["plan", "write", "check"]
"""What a request is for; each role may have a model of its own."""

Finish = Literal["stop", "length", "watch"]
"""Why a completed reply ended: by itself, at its token cap, or because a watch stopped it."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One requirement on a text.

    Attributes:
        kind: A kind that `longwrite.rewards.constraints` has a checker for, such as ``length``.
        params: The kind's own values, JSON only.
        scope: ``document``, ``each`` (every section), ``section:N`` (the N-th), ``every:K`` (each
            K-th section) or ``every:K:N`` (the N-th section and each K-th after it).
        hard: Whether missing it is a failure (exit code 6) or only reported.
        quote: The words of the brief that it was read from, empty when given as an option.
    """

    kind: str
    params: Mapping[str, Json] = field(default_factory=dict)
    scope: str = "document"
    hard: bool = True
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Brief:
    """What a person asks for.

    Attributes:
        prompt: The request as typed.
        words: The length to plan for, in words of the default counter (`longwrite.text`).
        constraints: What the prompt and the options require, compiled.
        language: Code of the language to write in, such as ``en`` or ``zh``; empty when unknown.
        audience: For whom.
        style: How it should read, in words.
        style_sample: A passage whose manner is to be followed.
        form: ``document`` (headings), ``prose`` (no headings), ``letter``, ``script`` or ``poem``.
    """

    prompt: str
    words: int
    constraints: tuple[Constraint, ...] = ()
    language: str = ""
    audience: str = ""
    style: str = ""
    style_sample: str = ""
    form: str = "document"


@dataclass(frozen=True, slots=True)
class Section:
    """A node of the plan; a leaf is written, an inner node only groups.

    Attributes:
        id: Its place in the tree, such as ``2.1.3``; stable under edits of other nodes.
        title: Its heading; empty for a passage without one.
        goal: What it has to bring about.
        words: Its budget, its headings included; an inner node's is the sum of its children's.
        entry: What the reader knows when it begins (a chapter's contract).
        exit: What the reader knows when it ends.
        needs: Ids of the sections whose facts it builds on.
        establishes: What it fixes for the sections that need it.
        constraints: The requirements given to this node.
        note: A person's wish for its next version.
        revision: Raised by each rewrite, so that the same words can be asked for anew.
        sections: Its children.
    """

    id: str
    title: str
    goal: str = ""
    words: int = 0
    entry: str = ""
    exit: str = ""
    needs: tuple[str, ...] = ()
    establishes: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    note: str = ""
    revision: int = 0
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A tree of sections whose leaf budgets add up exactly to the target.

    Attributes:
        title: The document's title; empty for a text without one.
        bible: What all sections share: premise, terms, people, tone.
        sections: The top level of the tree.
        planner: The planner that made it.
        warnings: What was repaired or missing in the replies it was made from.
    """

    title: str
    sections: tuple[Section, ...]
    bible: str = ""
    planner: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is drawn.

    Attributes:
        max_tokens: Cap on the completion, in the engine's tokens.
        temperature: 0 is greedy.
        top_p: Nucleus mass.
        seed: Seed of this one reply.
        extra: Further fields of the request body, sent as they are.
    """

    max_tokens: int
    temperature: float = 0.8
    top_p: float = 0.95
    seed: int = 0
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request told as data, for engines that follow rules, for progress and for records.

    It repeats what the messages say in words and enters no key. A model doesn't see it, but for one
    that was trained to count down to the words asked for.

    Attributes:
        step: The step of the agent, such as ``section``, ``continue`` or ``plan.chapters``.
        section: Id of the section concerned.
        title: Its title.
        words: Words asked for.
        items: Entries asked for, when a list is.
        language: Code of the language asked for.
        quotable: Text of the request that an answer may quote from.
    """

    step: str
    section: str = ""
    title: str = ""
    words: int = 0
    items: int = 0
    language: str = ""
    quotable: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of an engine.

    Attributes:
        messages: The conversation, stable text first and the step last.
        sampling: How to draw the reply.
        role: Which of the run's models is meant.
        ask: The request as data.
        schema: JSON schema that the reply must satisfy, where the engine can force one.
        attempt: 0 for the first time this is asked; part of the call log's key.
    """

    messages: tuple[Message, ...]
    sampling: Sampling
    role: Role = "write"
    ask: Ask = Ask("")
    schema: Mapping[str, Json] | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; None where the engine does not say."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None


UNUSABLE = frozenset({"empty", "invalid", "refused"})
"""Kinds of `CallError` that another seed may get round; the others are the engine's trouble."""


@dataclass(frozen=True, slots=True)
class CallError:
    """Why a call brought no reply.

    Attributes:
        kind: ``unreachable``, ``refused`` (key or model), ``invalid`` (not an API, bad request),
            ``window`` (larger than the context), ``rate``, ``server``, ``timeout``, ``broken``
            (a stream cut or without finish reason), ``empty``.
        message: What happened, for a person; never holds a key.
        fatal: Whether asking again, for anything, is pointless until a person acts.
    """

    kind: str
    message: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What an engine answered: a finished text, or an error and no text.

    Attributes:
        text: The answer, thinking kept apart.
        finish: Why it ended; None exactly when `error` is set.
        usage: Tokens used.
        thinking: What stood in think tags or the reasoning channel.
        error: Why there is no answer.
        dropped: Request fields that the server refused and that were left out.
        model: The model that the server says answered.
    """

    text: str = ""
    finish: Finish | None = None
    usage: Usage = Usage()
    thinking: str = ""
    error: CallError | None = None
    dropped: tuple[str, ...] = ()
    model: str = ""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an engine can do; the agent leaves out what it can't and says so.

    Attributes:
        window: Tokens of prompt and completion together.
        json: Whether it forces a JSON schema.
        checks: Whether it can be asked to judge or to take notes.
        deterministic: Whether the same request always brings the same reply.
        languages: Codes of those that it writes; none for any.
    """

    window: int
    json: bool = False
    checks: bool = True
    deterministic: bool = False
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the canon: what a section fixed, with the words that show it."""

    entity: str
    attribute: str
    value: str
    section: str
    quote: str


@dataclass(frozen=True, slots=True)
class Defect:
    """Something a document has that it should not have, or lacks.

    Attributes:
        kind: What is wrong, such as ``length``, ``missing``, ``truncated``, ``loop``, ``fact``.
        message: One sentence for a person.
        section: Where; empty for the whole document.
        hard: Whether the document counts as unmet (exit code 6).
    """

    kind: str
    message: str
    section: str = ""
    hard: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A section as accepted.

    Attributes:
        text: Its body, without its own heading.
        asked: Words asked for, headings included.
        delivered: Words delivered, headings included.
        attempts: Calls it took.
        defects: What its gates still found.
    """

    text: str
    asked: int
    delivered: int
    attempts: int = 0
    defects: tuple[Defect, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A brief, its plan, the texts of the plan's leaves, and what is wrong with them."""

    brief: Brief
    plan: Plan
    texts: Mapping[str, str]
    defects: tuple[Defect, ...] = ()
    facts: tuple[Fact, ...] = ()

    @classmethod
    def from_text(cls, brief: Brief, text: str, *, ended: bool = True) -> Document:
        """Return any text as a document: its own sections, or one.

        Args:
            brief: What was asked for.
            text: Markdown or plain text.
            ended: Whether its author ended it; False for a reply that ran into its token cap.
        """
        # The one call upwards: reading a text takes the measures' own eye for sections.
        from longwrite.scoring.documents import read_document

        return read_document(brief, text, ended=ended)


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start:end`` of a text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Score:
    """One measure of a text.

    Attributes:
        name: What was measured.
        value: In [0, 1], 1 is best; None where the measure does not apply.
        parts: The figures behind it.
        note: One sentence for a person.
        evidence: Where in the text it shows.
    """

    name: str
    value: float | None
    parts: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    evidence: tuple[Span, ...] = ()
