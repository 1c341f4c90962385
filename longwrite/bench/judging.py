"""A live judge for responses that come without verdicts, or whose verdicts are not to be used.

What a judge says is put beside the response as if it had come with it, so that scoring knows one
way only; where it says nothing that can be read, the reason stands there. Its words are kept by the
judge's cache, so that the same command asks nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from longwrite.bench.benchmark import UNJUDGED, Benchmark, Item, Response
from longwrite.bench.hellobench import Checklist
from longwrite.bench.sgt import Check, Parts, cut_parts
from longwrite.errors import UsageError
from longwrite.rewards.checklist import QUARTERS, ChecklistReward
from longwrite.rewards.decomposition import make_item
from longwrite.rewards.judge import Judge, Tally, Verdict
from longwrite.rewards.judgement import describe_judge, tally_verdicts
from longwrite.rewards.quality import DIMENSIONS, QualityReward
from longwrite.types import Brief, Json

_YES = 1.0
_AT_ONCE = 64
"""Responses whose questions are held in memory together."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge says of one response: the columns it becomes, and the judge's own answers."""

    columns: Mapping[str, Json]
    verdicts: tuple[Verdict[Any], ...] = ()


@dataclass(frozen=True, slots=True)
class JudgedResponses:
    """Items with their responses, the verdicts beside them.

    Attributes:
        pairs: In the order given.
        judge: Who judged, with its parameters.
        tally: How the judge fared.
    """

    pairs: tuple[tuple[Item[Any], Response], ...]
    judge: str
    tally: Tally


JudgeOne = Callable[[Judge, Item[Any], str], Awaitable[Opinion]]


def find_judging(benchmark: str) -> JudgeOne:
    """Return how a benchmark's responses are judged.

    Raises:
        UsageError: Nothing of it needs a judge.
    """
    if benchmark not in JUDGED_LIVE:
        raise UsageError(
            f"{benchmark} has no live judge",
            "nothing of it needs one",
            f"Leave out --judge; it is for {', '.join(JUDGED_LIVE)}.",
        )
    return JUDGED_LIVE[benchmark]


async def judge_responses(
    benchmark: Benchmark[Any],
    pairs: Sequence[tuple[Item[Any], Response]],
    judge: Judge,
    tell: Callable[[str], None] = lambda message: None,
) -> JudgedResponses:
    """Judge responses side by side; verdicts that came with one are replaced.

    An empty response isn't judged.

    Args:
        benchmark: Whose responses they are.
        pairs: Items with their responses.
        judge: The judge.
        tell: Told each response that is judged.

    Raises:
        EngineError: The judge can't be reached.
        UsageError: It can't judge, or the benchmark needs none.
    """
    judge_one = find_judging(benchmark.name)
    engine = await judge.reach()
    verdicts: list[Verdict[Any]] = []
    admitted = asyncio.Semaphore(_AT_ONCE)
    done = 0

    async def work(item: Item[Any], response: Response) -> Response:
        nonlocal done
        given = {*benchmark.verdicts, UNJUDGED}
        columns = {key: value for key, value in response.columns.items() if key not in given}
        if response.text.strip():
            async with admitted:
                opinion = await judge_one(judge, item, response.text)
            columns |= {**opinion.columns, "judge": engine.identity}
            verdicts.extend(opinion.verdicts)
        done += 1
        tell(f"judged {done:,} of {len(pairs):,}")
        return replace(response, columns=columns)

    tasks = [asyncio.create_task(work(item, response)) for item, response in pairs]
    try:
        responses = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    judged = tuple(zip((item for item, _ in pairs), responses, strict=True))
    return JudgedResponses(
        judged, describe_judge(engine.identity, judge.sampling), tally_verdicts(verdicts)
    )


async def _judge_quality(judge: Judge, item: Item[Any], text: str) -> Opinion:
    """Give the six marks of LongBench-Write, of several windows their means."""
    found = await QualityReward(judge).assess(Brief(item.prompt, item.words), text)
    score = found.score
    if score.value is None:
        return Opinion({UNJUDGED: score.note}, found.verdicts)
    return Opinion({"scores": {name: score.parts[name] for name in DIMENSIONS}}, found.verdicts)


async def _judge_checklist(judge: Judge, item: Item[Checklist], text: str) -> Opinion:
    """Give each item of HelloBench a level, of several windows their mean, to the nearest level."""
    questions = item.asked.questions
    if not questions:
        return Opinion({UNJUDGED: "The file holds no checklist for this item."})
    items = tuple(make_item(one, throughout=True, levels=QUARTERS) for one in questions)
    found = await ChecklistReward(judge, items).assess(Brief(item.prompt, item.words), text)
    parts = found.score.parts
    levels = [parts.get(f"item {n}") for n in range(1, len(items) + 1)]
    whole: list[Json] = [round(4 * level) / 4 for level in levels if level is not None]
    if len(whole) < len(items):
        return Opinion({UNJUDGED: found.score.note}, found.verdicts)
    return Opinion({"judge_checklist_scores": whole}, found.verdicts)


async def _judge_parts(judge: Judge, item: Item[Parts], text: str) -> Opinion:
    """Say yes or no to each check whose part is there; one without an answer stays out."""
    blocks = cut_parts(text, item.asked.type)
    there: dict[int, list[Check]] = {}
    for check in item.asked.checks:
        if check.part in blocks and (check.what or check.words):
            there.setdefault(check.part, []).append(check)
    listed: dict[str, Json] = {}
    found = await asyncio.gather(
        *(_judge_part(judge, blocks[part], checks) for part, checks in there.items())
    )
    verdicts: list[Verdict[Any]] = []
    for (part, checks), (answers, given) in zip(there.items(), found, strict=True):
        verdicts += given
        for check, answer in zip(checks, answers, strict=True):
            of_kind = listed.setdefault(check.kind, {})
            if answer is not None and isinstance(of_kind, dict):
                of_kind[str(part)] = "yes" if answer == _YES else "no"
    return Opinion({"verdicts": listed}, tuple(verdicts))


async def _judge_part(
    judge: Judge, block: str, checks: Sequence[Check]
) -> tuple[list[float | None], tuple[Verdict[Any], ...]]:
    """Ask, as published, of the part alone: the prompt isn't shown."""
    items = tuple(
        make_item(
            f"Does the text include this: {check.what or ', '.join(check.words)}?",
            levels=(0.0, _YES),
        )
        for check in checks
    )
    found = await ChecklistReward(judge, items).assess(Brief("", 0), block)
    parts = found.score.parts
    return [parts.get(f"item {n}") for n in range(1, len(items) + 1)], found.verdicts


JUDGED_LIVE: Mapping[str, JudgeOne] = {
    "longbench_write": _judge_quality,
    "hellobench": _judge_checklist,
    "sgt": _judge_parts,
}
"""Benchmark to how its responses are judged."""
