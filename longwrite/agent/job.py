"""What every step of one run needs, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from longwrite.agent.caller import MESSAGE_OVERHEAD, Caller
from longwrite.agent.manuscript import Manuscript
from longwrite.agent.settings import Event, Notify, Settings
from longwrite.agent.targets import Targets
from longwrite.assembly import leaves
from longwrite.engines.engine import Watch
from longwrite.planners.briefing import subject_terms
from longwrite.prompts import derive_seed
from longwrite.scoring.length import LengthRange
from longwrite.scoring.subject import share_terms
from longwrite.text import estimate_tokens, tokens_for_words
from longwrite.types import (
    Ask,
    Brief,
    Defect,
    Fact,
    Json,
    Message,
    Plan,
    Reply,
    Request,
    Role,
    Section,
)


class CallFailed(Exception):
    """A call brought no usable text after all its tries; the section stays unwritten for now.

    Args:
        message: Why, for a person.
        kind: Of the `CallError` behind it, empty when the text was refused by a gate.
    """

    def __init__(self, message: str, kind: str = "") -> None:
        """Keep the kind, and the message as a sentence."""
        super().__init__(message if message.endswith((".", "!", "?", "。")) else f"{message}.")
        self.kind = kind


@dataclass(slots=True)
class Job:
    """One document being written.

    Attributes:
        targets: Words of the document, its parts and its leaves.
        facts: The canon, by the place of the thread that established it.
        defects: What was found so far.
        titles: Every heading of the plan, case folded.
        past: How many of the plan's top sections are a manuscript that the document goes on from.
    """

    brief: Brief
    plan: Plan
    settings: Settings
    mode: str
    caller: Caller
    manuscript: Manuscript
    targets: Targets
    notify: Notify
    facts: dict[int, tuple[Fact, ...]] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)
    titles: frozenset[str] = frozenset()
    past: int = 0

    @property
    def window(self) -> int:
        """Tokens of a request and its reply together."""
        return self.caller.abilities.window

    def _version(self, section: str) -> tuple[str | int, ...]:
        """Return what a section's seeds come from: its id, and which of its versions this is."""
        leaf = next((leaf for leaf in self.manuscript.leaves if leaf.id == section), None)
        return (section, leaf.revision) if leaf is not None and leaf.revision else (section,)

    def terms_of(self, leaf: Section) -> tuple[str, ...]:
        """Return the words of the brief that a section has to keep to.

        Only those are held to it that write with an engine too small to be asked to check anything:
        others don't lose their subject, and have better words for it than the brief.
        """
        if self.caller.abilities.checks:
            return ()
        return share_terms(subject_terms(self.brief), f"{leaf.title}. {leaf.goal}")

    def part_of(self, leaf: str) -> tuple[LengthRange | None, list[str]]:
        """Return the stated length of the top-level section around a leaf, and its leaves."""
        for section in self.plan.sections:
            if section.id in self.targets.parts:
                names = [inner.id for inner in leaves([section])]
                if leaf in names:
                    return self.targets.parts[section.id], names
        return None, []

    def tell(self, kind: str, section: str = "", words: int = 0, message: str = "") -> None:
        """Tell who watches."""
        self.notify(Event(kind, section, words, message))

    async def ask(
        self,
        messages: tuple[Message, ...],
        ask: Ask,
        attempt: int = 0,
        *,
        role: Role = "write",
        schema: dict[str, Json] | None = None,
        max_tokens: int | None = None,
        thinking: int = 0,
        watch: Callable[[], Watch] | None = None,
    ) -> Reply:
        """Make one call, its cap and its seed derived from what is asked.

        Args:
            messages: The conversation.
            ask: What for; its words make the cap where `max_tokens` doesn't.
            attempt: Another attempt has another seed.
            role: Whose call it is.
            schema: Of the reply, where the engine can force one.
            max_tokens: The cap.
            thinking: Tokens added to the cap, as far as the window has room.
            watch: Makes a watch for the streamed text.

        Raises:
            CallFailed: The engine gave up on this call.
        """
        ask = replace(ask, language=self.brief.language)
        cap = max_tokens or cap_tokens(ask.words, self.brief.language)
        if thinking:
            prompt = sum(estimate_tokens(m.content) + MESSAGE_OVERHEAD for m in messages)
            cap = max(cap, min(cap + thinking, self.window - prompt))
        sampling = replace(
            self.settings.sampling,
            max_tokens=cap,
            seed=derive_seed(self.settings.seed, ask.step, *self._version(ask.section), attempt),
        )
        request = Request(messages, sampling, role, ask, schema, attempt)
        reply = await self.caller.generate(request, watch() if watch else None)
        if reply.error is not None:
            raise CallFailed(reply.error.message, reply.error.kind)
        return reply


def cap_tokens(words: int, language: str) -> int:
    """Return the token cap of a reply: one and a half times what the words asked for need."""
    return round(1.5 * tokens_for_words(words, language)) + 64
