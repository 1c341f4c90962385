"""A judge: a model asked for verdicts, from wherever a reward is called.

A judge is data (which engine, how it samples, how long it may take), so that it travels to a
trainer's workers. Engines are opened where they are first asked, one for each process and event
loop. A verdict that is late, failed or can't be read is None and is counted: it never becomes a
score, and never a middle one.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import math
import os
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from longwrite.engines.choice import Choice, choose_model, open_engine, read_config
from longwrite.engines.engine import Engine
from longwrite.errors import UsageError
from longwrite.rewards.verdict_cache import VerdictCache
from longwrite.runs.store import make_key
from longwrite.types import Ask, Json, Message, Reply, Request, Sampling

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

EngineFactory = Callable[[], Engine]
"""Makes an engine; importable by name, so that it travels to another process."""

VARIABLE = "LONGWRITE_JUDGE"
"""Environment variable that names the judge where nothing else does."""

_IN_FLIGHT = 16
_CLOSING_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Verdict(Generic[_T]):
    """What a judge said.

    Attributes:
        value: The verdict as parsed; None where there is none.
        text: The judge's words.
        model: Identity of the engine.
        sampling: How the words were drawn.
        why: Why there is no verdict: ``deadline``, ``unparsable`` or ``failed: …``; a reply cut by
            its token cap is ``unparsable: …``. Empty where there is one.
        cached: Whether it took no call of its own.
    """

    value: _T | None
    text: str
    model: str
    sampling: Sampling
    why: str = ""
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """How a judge fared in this process.

    Attributes:
        asked: Verdicts that took a call.
        cached: Verdicts that took none.
        unparsable: Verdicts that couldn't be read.
        late: Verdicts that came after the deadline.
        failed: Verdicts whose call failed.
        first: The first of the three: why, and the beginning of what the judge said.
    """

    asked: int = 0
    cached: int = 0
    unparsable: int = 0
    late: int = 0
    failed: int = 0
    first: str = ""


def count_verdict(tally: Tally, verdict: Verdict[Any]) -> Tally:
    """Return a tally with one verdict more."""
    why = verdict.why
    said = f" {verdict.text[:200]!r}" if verdict.text else ""
    return Tally(
        tally.asked + (not verdict.cached),
        tally.cached + verdict.cached,
        tally.unparsable + why.startswith("unparsable"),
        tally.late + (why == "deadline"),
        tally.failed + why.startswith("failed"),
        tally.first or (f"{why}{said}" if why else ""),
    )


def describe_tally(tally: Tally) -> str:
    """Return a tally as a sentence or two.

    >>> describe_tally(Tally(asked=3, late=1, first="deadline"))
    '3 verdicts asked for, 0 cached, 0 unparsable, 1 late, 0 failed. First without: deadline.'
    """
    text = (
        f"{tally.asked:,} verdicts asked for, {tally.cached:,} cached, "
        f"{tally.unparsable:,} unparsable, {tally.late:,} late, {tally.failed:,} failed."
    )
    return f"{text} First without: {tally.first}." if tally.first else text


@dataclass(frozen=True)
class Judge:
    """A model that is asked for verdicts, not yet opened.

    Attributes:
        engine: Which model, or an importable factory of one.
        sampling: How verdicts are drawn; greedy unless told otherwise. A model that thinks aloud
            needs more tokens than the default.
        deadline: Seconds that one call may take once it is its turn; opening doesn't count.
        cache: Folder that keeps verdicts from one run to the next, and what couldn't be read for
            the record; None keeps verdicts in this process.
    """

    engine: Choice | EngineFactory
    sampling: Sampling = field(default=Sampling(2_048, 0.0, 1.0, 0), hash=False)
    deadline: float = 120.0
    cache: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a deadline that can't be kept.

        Raises:
            UsageError: It isn't above 0, or no number.
        """
        if not 0 < self.deadline < math.inf:
            raise UsageError(
                f"A judge can't answer within {self.deadline} seconds",
                "a deadline is a number above 0",
            )

    @property
    def tally(self) -> Tally:
        """How this judge, and any equal to it, fared in this process so far."""
        return _here.tallies.get(self, Tally())

    async def reach(self) -> Engine:
        """Return the engine of this process and event loop, opened if need be.

        Raises:
            EngineError: It can't be opened.
            UsageError: It only writes and can't judge.
        """
        return (await self._reach()).engine

    async def ask(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Json] | None,
        parse: Callable[[str], _T | None],
        *,
        step: str = "judge",
    ) -> Verdict[_T]:
        """Ask for a verdict; the same question is asked once and then remembered.

        Args:
            messages: The question.
            schema: JSON schema of the answer, sent to engines that can force one.
            parse: Reads a verdict from any text, hostile ones too; None where there is none.
            step: What the question is for, in records.

        Raises:
            EngineError: The engine can't be opened.
            UsageError: The engine can't judge, or the cache can't be used.
        """
        desk = await self._reach()
        model = desk.engine.identity
        request = Request(tuple(messages), self.sampling, "check", Ask(step), schema)
        key = make_key(model, request)
        cache = _here.cache(self.cache)
        known = cache.get(key)
        if known is not None and (value := parse(known)) is not None:
            return self._tell(Verdict(value, known, model, self.sampling, cached=True))
        call = desk.pending.get(key)
        shared = call is not None
        if call is None:
            call = asyncio.ensure_future(self._send(desk, request))
            desk.pending[key] = call
            call.add_done_callback(lambda _: desk.pending.pop(key, None))
        # One who stops waiting must not take the answer from others.
        text, why = await asyncio.shield(call)
        value = None if why else parse(text)
        if value is None:
            why = why or "unparsable"
        if not shared:
            cache.put(key, text, step, model, self.sampling, why)
        return self._tell(Verdict(value, text, model, self.sampling, why, shared))

    def ask_now(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Json] | None,
        parse: Callable[[str], _T | None],
        *,
        step: str = "judge",
    ) -> Verdict[_T]:
        """Ask and wait, whether or not an event loop runs in this thread; see `ask`."""
        return run_apart(self.ask(messages, schema, parse, step=step))

    async def close(self) -> None:
        """Close this loop's engine; the next question opens it anew.

        What `ask_now` and rewards have opened is closed when the process ends.
        """
        with _here.lock:
            opening = _here.desks.get(asyncio.get_running_loop(), {}).pop(self.engine, None)
        if opening is not None:
            await (await opening).engine.close()

    async def _reach(self) -> _Desk:
        loop = asyncio.get_running_loop()
        with _here.lock:
            for gone in [known for known in _here.desks if known.is_closed()]:
                del _here.desks[gone]
            desks = _here.desks.setdefault(loop, {})
            opening = desks.get(self.engine)
            if opening is None or (opening.done() and _is_lost(opening)):
                opening = desks[self.engine] = loop.create_task(_open(self.engine))
        return await asyncio.shield(opening)

    async def _send(self, desk: _Desk, request: Request) -> tuple[str, str]:
        """Return what the engine says, and why it is of no use."""
        if not desk.engine.abilities.json:
            request = replace(request, schema=None)
        async with desk.slots:
            try:
                async with asyncio.timeout(self.deadline):
                    reply = await desk.engine.generate(request)
            except TimeoutError:
                return "", "deadline"
            except Exception as error:  # an engine may be anybody's
                return "", f"failed: {type(error).__name__}: {error}"
        return reply.text, _fault(reply, request.sampling.max_tokens)

    def _tell(self, verdict: Verdict[_T]) -> Verdict[_T]:
        """Return a verdict after counting it."""
        with _here.lock:
            _here.tallies[self] = count_verdict(self.tally, verdict)
        return verdict


def find_judge(judge: Judge | str) -> Judge:
    """Return a judge, or the one that a model's name stands for.

    Args:
        judge: A judge, or a name as ``--judge`` takes it; its server and its key are those of the
            environment and the config file. Empty for the model that LONGWRITE_JUDGE names.

    Raises:
        UsageError: The name is empty, and so is LONGWRITE_JUDGE.
    """
    if isinstance(judge, Judge):
        return judge
    named = judge or os.environ.get(VARIABLE, "")
    if not named:
        raise UsageError(
            "No judge is chosen", f"{VARIABLE} names none", f"Set {VARIABLE} to a model's name."
        )
    model, address = choose_model(named, None)
    return Judge(Choice(model, address, str(read_config().get("api_key_file") or "")))


def _fault(reply: Reply, cap: int) -> str:
    if reply.error is not None:
        return f"failed: {reply.error.kind}: {reply.error.message}"
    if reply.finish != "stop":
        return f"unparsable: cut at {cap:,} tokens"
    return ""


def run_apart(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine on the loop that this process keeps for judges, and wait for its result.

    The loop lives in a thread of its own, so that it doesn't matter whether one runs in the
    caller's, and engines stay open from one call to the next.

    Raises:
        RuntimeError: It is called on that loop itself, which would wait for ever.
    """
    if _here.is_own_thread():
        work.close()
        raise RuntimeError("a judge's own loop can't wait for itself; await the async form")
    future = asyncio.run_coroutine_threadsafe(work, _here.loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


# --- what a process has open ---------------------------------------------------------------------


@dataclass
class _Desk:
    """An open engine, with the calls on their way."""

    engine: Engine
    slots: asyncio.Semaphore
    pending: dict[str, asyncio.Future[tuple[str, str]]] = field(default_factory=dict)


async def _open(spec: Choice | EngineFactory) -> _Desk:
    if isinstance(spec, Choice):
        engine, slots = await open_engine(spec, _LOG.warning), spec.in_flight
    else:
        engine, slots = spec(), _IN_FLIGHT
    if not engine.abilities.checks:
        await engine.close()
        raise UsageError(
            f"The model '{engine.identity}' can't judge", "it only writes", "Choose another judge."
        )
    return _Desk(engine, asyncio.Semaphore(slots))


def _is_lost(opening: asyncio.Task[_Desk]) -> bool:
    return opening.cancelled() or opening.exception() is not None


class _Process:
    """The engines, verdicts, tallies and the loop of one process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.desks: dict[
            asyncio.AbstractEventLoop, dict[Choice | EngineFactory, asyncio.Task[_Desk]]
        ] = {}
        self.tallies: dict[Judge, Tally] = {}
        self._caches: dict[Path | None, VerdictCache] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def cache(self, folder: Path | None) -> VerdictCache:
        """Return the verdicts of a folder, read once."""
        folder = folder.resolve() if folder else None
        with self.lock:
            if folder not in self._caches:
                self._caches[folder] = VerdictCache(folder)
            return self._caches[folder]

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop of the process's own thread, started if need be."""
        with self.lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="longwrite-judge", daemon=True
                )
                self._thread.start()
            return self._loop

    def is_own_thread(self) -> bool:
        """Tell whether this is the thread of the process's own loop."""
        return threading.current_thread() is self._thread

    def end(self) -> None:
        """Close the engines of the own loop, and the loop."""
        if self._loop is None or self._thread is None:
            return
        closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        with suppress(Exception):  # of any engine; the process ends
            closing.result(_CLOSING_WAIT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSING_WAIT)
        if not self._thread.is_alive():
            self._loop.close()
        self._loop = self._thread = None

    async def _close(self) -> None:
        own = asyncio.current_task()
        for call in asyncio.all_tasks() - ({own} if own else set()):
            call.cancel()
        for opening in self.desks.pop(asyncio.get_running_loop(), {}).values():
            if opening.done() and not _is_lost(opening):
                await opening.result().engine.close()


_here = _Process()
_left: list[_Process] = []


def _begin_anew() -> None:
    """Give a forked process a state of its own; its parent's threads and loops aren't here."""
    global _here
    _left.append(_here)  # A loop that is collected would let go of what its parent still uses.
    _here = _Process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
atexit.register(lambda: _here.end())
