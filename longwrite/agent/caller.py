"""Every call of a run goes through here: answered from the log, or made, paid for and logged.

The caller is an engine itself, so planners and the agent need not know that there is a log. After
`stop` no new call begins; calls in flight come to their end and are logged, so that a stop loses
nothing that was paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from longwrite.agent.budget import Budget
from longwrite.agent.places import Places
from longwrite.engines.engine import ON_LOSS, Engine, Watch
from longwrite.errors import EngineError, LongwriteError
from longwrite.runs.store import Store, make_key
from longwrite.text import estimate_tokens
from longwrite.types import Abilities, CallError, Reply, Request, Role, Usage

_MODELS = "models:"

MESSAGE_OVERHEAD = 8
"""Tokens that a chat template adds to a message, at most."""


def estimate_prompt(request: Request) -> int:
    """Return the estimated tokens of a request's messages."""
    return sum(estimate_tokens(m.content) + MESSAGE_OVERHEAD for m in request.messages)


@dataclass(slots=True)
class Tally:
    """What was called, for the report.

    Attributes:
        made: Calls of an engine.
        answered: Calls answered from the log.
        estimated: Calls whose tokens the engine didn't tell.
        largest: Tokens of the largest request, its cap included, estimated.
        dropped: Fields that a server refused.
    """

    made: int = 0
    answered: int = 0
    estimated: int = 0
    largest: int = 0
    dropped: set[str] = field(default_factory=set)


class Caller:
    """The engines of a run behind its call log and its budget.

    Args:
        engines: One for each role.
        store: The run's database.
        budget: Shared by all runs of a command.
        places: Limits the calls in flight, shared likewise.
        abilities: What the run was started with, so that a resume asks the same.
        note: Told, as a sentence, what a person should know.
        rank: The run's place among those that share the places; the lowest goes first.
    """

    def __init__(
        self,
        engines: Mapping[Role, Engine],
        store: Store,
        budget: Budget,
        places: Places,
        abilities: Abilities,
        note: Callable[[str], None] = lambda message: None,
        rank: int = 0,
    ) -> None:
        """Start with no call made."""
        self._engines, self._store, self._budget = engines, store, budget
        self._places, self._abilities, self._note = places, abilities, note
        self._rank = rank
        self._stopped: BaseException | None = None
        self.tally = Tally()

    @property
    def identity(self) -> str:
        """Of the writing engine."""
        return self._engines["write"].identity

    @property
    def abilities(self) -> Abilities:
        """What the run may ask for."""
        return self._abilities

    async def close(self) -> None:
        """The engines belong to who opened them."""

    def stop(self, reason: BaseException) -> None:
        """Let no further call begin: each raises the reason instead."""
        if self._stopped is None:
            self._stopped = reason

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        """Answer from the log, else call the engine of the request's role.

        Returns:
            The reply; one with an error when this call failed and another may succeed.

        Raises:
            EngineError: No call can succeed before a person acts.
            BudgetError: The call could pass the budget.
        """
        engine = self._engines[request.role]
        key = make_key(engine.identity, request)
        stored = self._store.get_reply(key)
        if stored is not None:
            self.tally.answered += 1
            return stored
        prompt, most = estimate_prompt(request), request.sampling.max_tokens
        if prompt + most > self._abilities.window:
            window = self._abilities.window
            message = f"about {prompt + most:,} tokens don't fit the window of {window:,}"
            error = CallError("window", message)
            self._store.put_error(key, request, error)
            return Reply(error=error)
        async with self._places.hold(self._rank):
            self._check_stopped()
            try:
                async with self._budget.reserve(Usage(prompt, most)):
                    self._check_stopped()
                    reply = await self._ask(engine, request, watch, Usage(prompt, most))
                    # Nothing is awaited from here on: what was paid for is logged.
                    reply = self._count(request, reply)
                    if reply.error is None:
                        self._store.put_reply(key, engine.identity, request, reply)
                        self._look_at_model(engine.identity, request, reply)
                    else:
                        self._store.add_lost(reply.usage)
                        self._note_failure(key, request, reply.error)
            except LongwriteError as error:
                self.stop(error)
                raise
        return reply

    async def _ask(
        self, engine: Engine, request: Request, watch: Watch | None, worst: Usage
    ) -> Reply:
        """Make a call; the engine tries again while another try fits and nothing is stopped."""

        def lose(usage: Usage) -> None:
            self._budget.spend(usage)
            self._store.add_lost(usage)
            self._check_stopped()
            self._budget.check(worst)

        before = ON_LOSS.set(lose)
        try:
            return await engine.generate(request, watch)
        finally:
            ON_LOSS.reset(before)

    def _look_at_model(self, identity: str, request: Request, reply: Reply) -> None:
        """Tell when a server lets another model answer than before, and remember both."""
        known = self.list_models(identity)
        new = [name for name in reply.model.split(", ") if name and name not in known]
        if not new:
            return
        self._store.set_meta(f"{_MODELS}{identity}", "\n".join([*known, *new]))
        if known or new[1:]:
            where = f"section {request.ask.section}" if request.ask.section else "the plan"
            first = (*known, *new)[0]
            self._note(
                f"The server answers with the model {new[-1]} in {where}, first with {first}."
            )

    def list_models(self, identity: str = "") -> list[str]:
        """Return the models that have answered as one, in their order; of the writing engine."""
        told = self._store.get_meta(f"{_MODELS}{identity or self.identity}") or ""
        return told.splitlines()

    def _note_failure(self, key: str, request: Request, error: CallError) -> None:
        self._store.put_error(key, request, error)
        if error.fatal:
            raise EngineError(
                "The engine can't go on", error.message, "Run the same command to go on."
            )

    def _check_stopped(self) -> None:
        if self._stopped is not None:
            raise self._stopped

    def _count(self, request: Request, reply: Reply) -> Reply:
        """Take a call into budget and tally; return its reply with the tokens counted for it.

        What an engine doesn't tell is estimated, and kept so in the log: a budget has to hold
        over every resume.
        """
        usage = reply.usage
        if usage.prompt is None or usage.completion is None:
            self.tally.estimated += 1
            guess = 0 if reply.error is not None else estimate_prompt(request)
            written = estimate_tokens(reply.text + reply.thinking)
            usage = Usage(
                guess if usage.prompt is None else usage.prompt,
                written if usage.completion is None else usage.completion,
                usage.cached,
            )
        self._budget.spend(usage)
        tally = self.tally
        tally.made += 1
        tally.largest = max(tally.largest, estimate_prompt(request) + request.sampling.max_tokens)
        tally.dropped.update(reply.dropped)
        return replace(reply, usage=usage)
