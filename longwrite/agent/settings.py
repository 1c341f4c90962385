"""How a run writes, frozen at its first start so that every resume asks the same questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from longwrite.types import Json, Sampling


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person chose, before anything is known of the engine.

    Attributes:
        mode: ``thread``, ``dag`` or ``auto``.
        planner: Name of the planner.
        seed: Of the run; every call's seed comes from it.
        temperature: Of all calls.
        top_p: Of all calls.
        extra: Further fields of every request body.
        window: Tokens that a request may have at most, where the engine's own is not to be used.
        concurrency: Calls in flight; not frozen, except for what ``auto`` makes of it.
    """

    mode: str = "auto"
    planner: str = "outline"
    seed: int = 0
    temperature: float = 0.8
    top_p: float = 0.95
    extra: Mapping[str, Json] = field(default_factory=dict)
    window: int | None = None
    concurrency: int = 16

    @property
    def sampling(self) -> Sampling:
        """The sampling that every call starts from."""
        return Sampling(0, self.temperature, self.top_p, self.seed, self.extra)


@dataclass(frozen=True, slots=True)
class Event:
    """Something a person may want to see while a run goes on.

    Attributes:
        kind: ``plan``, ``start``, ``section``, ``kept``, ``seam``, ``failed`` or ``note``.
        section: Id of the section concerned.
        words: Words delivered.
        message: A sentence.
    """

    kind: str
    section: str = ""
    words: int = 0
    message: str = ""


Notify = Callable[[Event], None]
