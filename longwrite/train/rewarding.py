"""Rewards side by side, each with a deadline, so that none can hang or end a run by itself.

A judge mostly waits for a server, so several take the time of the slowest and not of all. What
isn't back in time, raises, or is no finite number is None: the trainer then leaves that component
out for that completion. A reward that does so often is broken, and stops the run by name.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from longwrite.errors import UsageError
from longwrite.rewards.composition import Composition
from longwrite.rewards.trl import RewardError, TrlReward, reward_functions

_LOG = logging.getLogger(__name__)

RewardFunction = Callable[..., Any]
"""As TRL takes them: of a batch's prompts, completions, ids and columns; synchronous or not."""

RESOLUTION = 0.01
"""Step to which what is paid is rounded; a function may name a larger one as ``resolution``."""

SHARE = 0.05
"""Share of its completions for which a reward may have no usable value before a run is stopped."""
_FEW = 20
"""Failures are a share of at least so many completions."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a reward was asked in vain.

    Attributes:
        asked: Completions that it was given.
        late: Those that weren't back by the deadline.
        failed: Those that it raised for, or paid something that is no finite number.
        why: The first reason.
        stop: Why the reward itself wants the run stopped; empty where it doesn't.
    """

    asked: int = 0
    late: int = 0
    failed: int = 0
    why: str = ""
    stop: str = ""


@dataclass(frozen=True, slots=True)
class Paid:
    """What a batch is paid.

    Attributes:
        values: For each function, what each completion gets; None where that isn't known.
        tallies: For each function, how often it wasn't.
        extra: Columns that the functions logged, one value for each completion.
        metrics: Figures that they logged.
    """

    values: tuple[tuple[float | None, ...], ...]
    tallies: tuple[Tally, ...]
    extra: Mapping[str, list[Any]] = field(default_factory=dict)
    metrics: Mapping[str, list[float]] = field(default_factory=dict)


def name_reward(function: RewardFunction) -> str:
    """Return a function's name in the log, the same as TRL's."""
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def is_async(function: RewardFunction) -> bool:
    """Tell whether calling it returns something to be awaited."""
    while isinstance(function, partial):
        function = function.func
    call = type(function).__call__
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def list_functions(
    rewards: Composition | Sequence[RewardFunction], max_tokens: int | None = None
) -> list[RewardFunction]:
    """Return rewards as the functions that TRL calls: a composition's components, or as they are.

    Args:
        rewards: A composition or functions.
        max_tokens: Tokens of a completion that was cut.
    """
    if isinstance(rewards, Composition):
        return [*reward_functions(rewards, max_tokens=max_tokens)]
    return list(rewards)


@dataclass(eq=False, slots=True)
class _Answer:
    """What a call brought; complete before anybody else sees it."""

    values: Any = None
    error: BaseException | None = None
    extra: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    metrics: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def log_extra(self, column: str, values: Sequence[Any]) -> None:
        self.extra[column].extend(values)

    def log_metric(self, name: str, value: float) -> None:
        self.metrics[name].append(value)


@dataclass(eq=False, slots=True)
class _Job:
    """Functions that are called one after the other, for they share what they find out."""

    numbers: list[int]
    lock: threading.Lock = field(default_factory=threading.Lock)


class RewardPool:
    """Calls the rewards of a run; one job for each function or whole composition.

    Args:
        functions: The rewards.
        deadline: Seconds from a batch's begin after which no more is waited for.
        resolution: Step to which values are rounded; 0 for none.

    Raises:
        UsageError: The deadline isn't above 0.
    """

    def __init__(
        self,
        functions: Sequence[RewardFunction],
        *,
        deadline: float = 60.0,
        resolution: float = RESOLUTION,
    ) -> None:
        """Set the pool up; nothing is called yet."""
        if not deadline > 0:
            raise UsageError(
                f"Can't wait {deadline:g} seconds for a reward",
                "the deadline has to be above 0",
                "Set for example: reward_deadline: 60",
            )
        self.functions = tuple(functions)
        self.names = tuple(name_reward(one) for one in functions)
        self.deadline = deadline
        self.totals = [Tally() for _ in functions]
        self._steps = [max(resolution, getattr(one, "resolution", 0.0)) for one in functions]
        self._jobs = _share_out(functions)
        self._loop = _start_loop() if any(map(is_async, functions)) else None

    def pay(self, batch: Mapping[str, Any]) -> Paid:
        """Return what all functions pay for a batch, after at most the deadline.

        Args:
            batch: Their keyword arguments: ``prompts``, ``completions``, ``completion_ids`` and the
                columns. ``log_extra`` and ``log_metric`` are added, and work until the deadline.
        """
        end = time.monotonic() + self.deadline
        answers: dict[int, _Answer] = {}
        threads = [
            threading.Thread(
                target=self._work,
                args=(job, batch, answers, end),
                name=f"longwrite-reward-{self.names[job.numbers[0]]}",
                daemon=True,  # One that hangs must not keep the process from ending.
            )
            for job in self._jobs
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        known = dict(answers)  # Later ones are too late.
        size = len(batch["completions"])
        read = [self._read(number, known.get(number), size) for number in range(len(self.names))]
        return Paid(
            tuple(values for values, _ in read),
            tuple(tally for _, tally in read),
            _join(answer.extra for answer in known.values()),
            _join(answer.metrics for answer in known.values()),
        )

    def settle(self, ranks: Sequence[Sequence[Tally]]) -> None:
        """Count what a batch's tallies say, of all processes, so that all stop or none does.

        Args:
            ranks: For each process, its `Paid.tallies`.

        Raises:
            RewardError: A reward had no usable value for more than 5 % of its completions.
        """
        for number, name in enumerate(self.names):
            found = [tallies[number] for tallies in ranks]
            total = _add(self.totals[number], *found)
            self.totals[number] = total
            missing = sum(one.late + one.failed for one in found)
            if missing:
                why = next(one.why for one in found if one.why)
                _LOG.warning(
                    "The reward '%s' is unknown for %d completions: %s", name, missing, why
                )
            if total.stop:
                raise RewardError(f"The reward '{name}' stopped the run", total.stop, _MEND)
            if total.late + total.failed > SHARE * max(_FEW, total.asked):
                raise RewardError(
                    f"The reward '{name}' has no usable value for {total.late + total.failed:,} of "
                    f"{total.asked:,} completions, {total.late:,} of them late",
                    total.why,
                    _MEND,
                )

    def _work(
        self, job: _Job, batch: Mapping[str, Any], answers: dict[int, _Answer], end: float
    ) -> None:
        """Call a job's functions, unless an earlier call of it doesn't return."""
        if not job.lock.acquire(timeout=max(0.0, end - time.monotonic())):
            return
        try:
            for number in job.numbers:
                answer = _Answer()
                try:
                    if not self._call(number, batch, answer, end - time.monotonic()):
                        return
                except BaseException as error:  # a reward may be anybody's
                    answer.error = error
                answers[number] = answer
        finally:
            job.lock.release()

    def _call(self, number: int, batch: Mapping[str, Any], answer: _Answer, seconds: float) -> bool:
        """Call a function and tell whether it came back; one that can be awaited is cancelled."""
        function = self.functions[number]
        if seconds <= 0:
            return False
        called = function(**batch, log_extra=answer.log_extra, log_metric=answer.log_metric)
        if self._loop is None or not inspect.iscoroutine(called):
            answer.values = called
            return True
        future = asyncio.run_coroutine_threadsafe(called, self._loop)
        if not wait([future], seconds).done:
            future.cancel()
            return False
        answer.values = future.result()
        return True

    def _read(
        self, number: int, answer: _Answer | None, size: int
    ) -> tuple[tuple[float | None, ...], Tally]:
        """Return the values of an answer, and how many of them are of no use."""
        nothing = (None,) * size
        if answer is None:
            return nothing, Tally(size, late=size, why=f"not back within {self.deadline:g} seconds")
        if answer.error is not None:
            why = f"{type(answer.error).__name__}: {answer.error}"
            stop = str(answer.error) if isinstance(answer.error, RewardError) else ""
            return nothing, Tally(size, failed=size, why=why, stop=stop)
        try:
            given = list(answer.values)
        except TypeError:
            why = f"it returned {type(answer.values).__name__}, and no list of numbers"
            return nothing, Tally(size, failed=size, why=why)
        if len(given) != size:
            why = f"it returned {len(given)} rewards for {size} completions"
            return nothing, Tally(size, failed=size, why=why)
        values = tuple(_read_number(value, self._steps[number]) for value in given)
        pairs = zip(given, values, strict=True)
        wrong = [one for one, value in pairs if value is None and one is not None]
        why = f"it paid {str(wrong[0])[:60]!r}" if wrong else ""
        return values, Tally(size, failed=len(wrong), why=why)


_MEND = "Mend the reward, take it out, or set a longer reward_deadline."


def _share_out(functions: Sequence[RewardFunction]) -> list[_Job]:
    """Return the jobs; the components of a composition judge a text together, so they are one."""
    jobs: dict[Any, _Job] = {}
    for number, function in enumerate(functions):
        key = function.composition if isinstance(function, TrlReward) else number
        jobs.setdefault(key, _Job([])).numbers.append(number)
    return list(jobs.values())


def _start_loop() -> asyncio.AbstractEventLoop:
    """Return a running loop of its own, so that a function's connections outlive a batch."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="longwrite-rewards", daemon=True).start()
    return loop


def _read_number(value: Any, step: float) -> float | None:
    """Return a value as a finite number, rounded to a step; None where it is none.

    >>> _read_number(0.126, 0.01), _read_number("1.5", 0.01), _read_number(float("nan"), 0.01)
    (0.13, None, None)
    """
    if value is None or isinstance(value, str | bytes):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    return round(round(number / step) * step, 12) if step else number


def _add(total: Tally, *more: Tally) -> Tally:
    for one in more:
        total = Tally(
            total.asked + one.asked,
            total.late + one.late,
            total.failed + one.failed,
            total.why or one.why,
            total.stop or one.stop,
        )
    return total


def _join(logs: Iterable[Mapping[str, list[Any]]]) -> dict[str, list[Any]]:
    joined: dict[str, list[Any]] = defaultdict(list)
    for log in logs:
        for name, values in log.items():
            joined[name].extend(values)
    return dict(joined)
