"""What a recipe works with: engines behind the call log, and the writing agent.

Each call is stored once under everything that was asked and of whom, so a rerun makes only calls
that are new, and a changed template or model never gets an old text. A reply that the token cap cut
is refused here: it never becomes training text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from longwrite.agent.caller import Caller
from longwrite.agent.job import CallFailed, cap_tokens
from longwrite.agent.settings import Event, Settings
from longwrite.api import Outcome, Press, write_run
from longwrite.data.rows import Unit
from longwrite.prompts import derive_seed
from longwrite.types import UNUSABLE, Ask, Brief, Json, Message, Request, Role, Sampling

RETRIED = UNUSABLE | {"cut"}
"""Kinds of failed calls that another seed may get round."""

_REASONS = {
    "cut": "reply cut by its token cap",
    "empty": "empty reply",
    "window": "too long for the model's window",
}


@dataclass(slots=True)
class Workbench:
    """One build's engines, log and folder.

    Attributes:
        press: The open engines, the budget, the calls in flight.
        caller: The engines behind the build's call log.
        runs: Folder of the documents that the agent writes.
        settings: Sampling and seed of the build, and how the agent writes.
        note: Told, as a sentence, what a person should know of the documents' folders.
    """

    press: Press
    caller: Caller
    runs: Path
    settings: Settings
    note: Callable[[str], None] = lambda message: None

    @property
    def model(self) -> str:
        """Identity of the writing engine, for provenance."""
        return self.caller.identity

    @property
    def window(self) -> int:
        """Tokens of a request and its reply together."""
        return self.caller.abilities.window

    async def ask(
        self,
        unit: Unit,
        step: str,
        messages: tuple[Message, ...],
        *,
        words: int,
        language: str = "en",
        attempt: int = 0,
        role: Role = "write",
        schema: dict[str, Json] | None = None,
        temperature: float | None = None,
    ) -> str:
        """Return the text of one reply that came to its end.

        Args:
            unit: What the call is for; its id enters the seed.
            step: Name of the step; with the attempt it makes the seed.
            messages: The conversation.
            words: Words that the reply should have at most; they make the token cap.
            language: Of the reply.
            attempt: Another attempt, or another sample, has another seed.
            role: Whose call it is: ``write``, ``plan`` or ``check``.
            schema: Of the reply, used where the engine can force one.
            temperature: Instead of the build's.

        Raises:
            CallFailed: There is no whole text: an error, nothing, or a reply cut by its cap.
            LongwriteError: No call can succeed, or the budget is spent.
        """
        base = self.settings.sampling
        sampling = Sampling(
            max_tokens=min(cap_tokens(words, language), max(1, self.window // 2)),
            temperature=base.temperature if temperature is None else temperature,
            top_p=base.top_p,
            seed=derive_seed(base.seed, step, unit.id, attempt),
            extra=base.extra,
        )
        forced = schema if self.caller.abilities.json else None
        ask = Ask(step, unit.id, words=words, language=language)
        reply = await self.caller.generate(Request(messages, sampling, role, ask, forced, attempt))
        if reply.error is not None:
            raise CallFailed(reply.error.message, reply.error.kind)
        if reply.finish != "stop":
            raise CallFailed("the reply was cut by its token cap", "cut")
        if not reply.text.strip():
            raise CallFailed("the reply is empty", "empty")
        return reply.text

    async def write(self, unit: Unit, brief: Brief, variant: str = "", seed: int = 0) -> Outcome:
        """Have the agent write a document in a run folder of its own, or go on with it.

        Args:
            unit: What it is for.
            brief: What to write.
            variant: Tells several documents of a unit apart.
            seed: Added to the build's.

        Raises:
            LongwriteError: It had to stop; the next run goes on from there.
        """
        settings = self.settings_with(seed)
        path = self.runs / f"{unit.id}{variant}"

        def notify(event: Event) -> None:
            if event.kind == "note":
                self.note(f"{path}: {event.message}")

        return await write_run(path, self.press, brief, settings, notify=notify)

    def settings_with(self, seed: int) -> Settings:
        """Return the build's settings with another seed."""
        return replace(self.settings, seed=self.settings.seed + seed)


def describe_failure(error: CallFailed) -> tuple[str, str]:
    """Return reason and detail of a drop for a call that brought no text."""
    return _REASONS.get(error.kind, "engine failed"), str(error)[:200]
