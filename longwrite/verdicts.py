"""What is to be said of a text, from whatever source: its length, its shape, what it was to hold.

One text is scored by `score_text`; many by `score_many`, on several cores and in their order. What
only a judge can tell is added by `judge_texts`.
"""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context

from longwrite.errors import UsageError
from longwrite.reading import Reading, UnreadableError
from longwrite.rewards.constraints import check
from longwrite.rewards.judgement import JudgedReward, Judgement, tell_judgement
from longwrite.rewards.replay import compile_row
from longwrite.scoring.analysis import Analysis
from longwrite.scoring.counters import find_counter
from longwrite.scoring.length import score_length
from longwrite.scoring.meaning import Embed, measure_meaning
from longwrite.scoring.measures import Wish
from longwrite.scoring.report import Report, make_report, to_json
from longwrite.types import Brief, Constraint, Json, Plan, Score

_LEAST_FOR_CORES = 400_000
"""Characters from which on another process is worth its start."""
_CHUNK = 8
_JUDGED_AT_ONCE = 64
"""Texts whose questions are held in memory together."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A text and all that is said of it.

    Attributes:
        report: What was measured.
        text: The text, to quote evidence from.
        delivered: Its words by `counter`.
        asked: Words asked for; None where nobody said.
        counter: How words were counted.
        length: LongBench-Write's S_l, divided by 100; None where no length is asked for.
        constraints: What was required, each with its score.
        brief: What was asked for; None where nobody said.
        judged: What a judge said; None where none was asked.
    """

    report: Report
    text: str
    delivered: int
    asked: int | None
    counter: str
    length: Score | None
    constraints: Sequence[tuple[Constraint, Score]] = ()
    brief: Brief | None = None
    judged: Judgement | None = None


def score_text(
    text: str,
    *,
    name: str = "text",
    brief: Brief | None = None,
    plan: Plan | None = None,
    counter: str = "words",
    embed: Embed | None = None,
) -> Scored:
    """Measure a text, and hold it against what was asked for.

    Args:
        text: Markdown or plain text.
        name: What it is called in reports.
        brief: What was asked for, where that is known.
        plan: What it was planned as, where that is known.
        counter: How words are counted; see `longwrite.scoring.counters`.
        embed: Turns passages into vectors, for the measure of meaning.

    Raises:
        UsageError: There is no such counter.
    """
    with _collector_paused():
        return _score_text(text, name, brief, plan, counter, embed)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python from looking for cycles among the very many small values of a long text."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _score_text(
    text: str,
    name: str,
    brief: Brief | None,
    plan: Plan | None,
    counter: str,
    embed: Embed | None,
) -> Scored:
    delivered = find_counter(counter)(text)
    analysis = Analysis(text)
    wish = Wish(brief.prompt, brief.language, plan) if brief else Wish(plan=plan)
    found = make_report(name, analysis, wish)
    if embed is not None:
        meaning = measure_meaning(analysis, embed)
        found = replace(found, scores={**found.scores, "meaning": meaning})
    asked = brief.words if brief and _is_stated(brief) else None
    length = None
    if asked:
        length = Score(
            "length", score_length(delivered, asked), {"words": delivered, "asked": asked}
        )
    language = brief.language if brief else ""
    constraints = tuple((one, check(one, text, language=language)) for one in _required(brief))
    return Scored(found, text, delivered, asked, counter, length, constraints, brief)


def _required(brief: Brief | None) -> tuple[Constraint, ...]:
    return brief.constraints if brief else ()


def _is_stated(brief: Brief) -> bool:
    return any(one.kind == "length" for one in brief.constraints)


def score_reading(
    reading: Reading,
    *,
    brief: Brief | None,
    words: int | None,
    plan: Plan | None,
    counter: str,
    embed: Embed | None = None,
) -> Scored | UnreadableError:
    """Score what was read from a file; the prompt of its row is its brief where none is given."""
    if brief is None:
        try:
            brief = compile_row(reading, words)
        except UsageError as error:
            return UnreadableError(f"{reading.name} can't be scored", str(error))
    return score_text(
        reading.text, name=reading.name, brief=brief, plan=plan, counter=counter, embed=embed
    )


def score_many(
    readings: Iterable[Reading | UnreadableError],
    *,
    brief: Brief | None = None,
    words: int | None = None,
    plan: Plan | None = None,
    counter: str = "words",
    cores: int = 1,
    embed: Embed | None = None,
) -> Iterator[Scored | UnreadableError]:
    """Score texts in their order; what could not be read is handed on.

    Args:
        readings: From `longwrite.reading.read_texts`.
        brief: What all of them were asked for; else each row's own prompt counts.
        words: Words asked for, where no brief and no row says.
        plan: What they were planned as.
        counter: How words are counted.
        cores: Processes; few texts are scored in this one.
        embed: Turns passages into vectors; all texts are scored in this process then.

    Raises:
        UsageError: There is no such counter.
    """
    find_counter(counter)
    work = partial(score_reading, brief=brief, words=words, plan=plan, counter=counter, embed=embed)
    source = iter(readings)
    first: list[Reading | UnreadableError] = []
    size = 0
    for one in source:
        first.append(one)
        size += len(one.text) if isinstance(one, Reading) else 0
        if size > _LEAST_FOR_CORES and cores > 1 and embed is None:
            break
    else:
        for one in first:
            yield one if isinstance(one, UnreadableError) else work(one)
        return
    yield from _score_apart(first, source, work, cores)


def _score_apart(
    first: Sequence[Reading | UnreadableError],
    rest: Iterator[Reading | UnreadableError],
    work: partial[Scored | UnreadableError],
    cores: int,
) -> Iterator[Scored | UnreadableError]:
    """Score in processes of their own, a few chunks ahead of what is taken."""
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        open_: deque[Future[list[Scored | UnreadableError]]] = deque()
        for chunk in _chunks(first, rest):
            open_.append(pool.submit(_score_chunk, work, chunk))
            if len(open_) > 3 * cores:
                yield from open_.popleft().result()
        while open_:
            yield from open_.popleft().result()


def _chunks(
    first: Sequence[Reading | UnreadableError], rest: Iterator[Reading | UnreadableError]
) -> Iterator[list[Reading | UnreadableError]]:
    chunk: list[Reading | UnreadableError] = []
    for source in (first, rest):
        for one in source:
            chunk.append(one)
            if len(chunk) == _CHUNK:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


def _score_chunk(
    work: partial[Scored | UnreadableError], chunk: Sequence[Reading | UnreadableError]
) -> list[Scored | UnreadableError]:
    return [one if isinstance(one, UnreadableError) else work(one) for one in chunk]


async def judge_texts(
    scored: Sequence[Scored], reward: JudgedReward, tell: Callable[[int], None] = lambda count: None
) -> list[Scored]:
    """Return the texts with what a judge says of them; many are judged at the same time.

    Args:
        scored: The texts; one without a brief is judged by what it sets out to be.
        reward: What the judge is asked.
        tell: Told how many are judged, each time one is.

    Raises:
        EngineError: The judge can't be reached.
        UsageError: It can't judge.
    """
    done = 0
    admitted = asyncio.Semaphore(_JUDGED_AT_ONCE)

    async def judge(one: Scored) -> Scored:
        nonlocal done
        async with admitted:
            judged = await reward.assess(one.brief or Brief("", 0), one.text)
        done += 1
        tell(done)
        return replace(one, judged=judged)

    return await asyncio.gather(*map(judge, scored))


def tell_scored(scored: Scored) -> dict[str, Json]:
    """Return all that is said of a text as JSON."""
    constraints: list[Json] = [
        {
            "kind": one.kind, "scope": one.scope, "hard": one.hard, "quote": one.quote,
            "value": score.value, "note": score.note,
            "evidence": [[span.start, span.end] for span in score.evidence],
        }
        for one, score in scored.constraints
    ]  # fmt: skip
    return {
        **to_json(scored.report),
        "delivered": scored.delivered,
        "asked": scored.asked,
        "counter": scored.counter,
        "s_l": None if scored.length is None else scored.length.value,
        "constraints": constraints,
        "judged": None if scored.judged is None else tell_judgement(scored.judged),
    }


def without_text(scored: Scored) -> Scored:
    """Return the same without the text, for what keeps many."""
    return replace(scored, text="")
