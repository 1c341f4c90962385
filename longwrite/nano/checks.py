"""What the finished model is worth: briefs it has not seen, written by the agent and measured.

The figures of the model's own README come from here, printed by the build.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from longwrite.agent.budget import Budget
from longwrite.agent.places import Places
from longwrite.agent.settings import Settings
from longwrite.api import Outcome, Press, write_run
from longwrite.assembly import leaves
from longwrite.engines.engine import Watch
from longwrite.engines.nano import NanoEngine
from longwrite.planners.agentwrite import read_lines
from longwrite.planners.asking import fits
from longwrite.planners.entries import read_entries
from longwrite.rewards.briefs import compile_brief
from longwrite.scoring.repetition import duplicated_coverage
from longwrite.scoring.structure import duplicate_headings
from longwrite.types import Abilities, Ask, Message, Reply, Request, Sampling


@dataclass(frozen=True, slots=True)
class Unseen:
    """A brief for the check, its length, and words that its sections have to hold."""

    prompt: str
    terms: tuple[str, ...]
    words: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one brief.

    Attributes:
        miss: Delivered words over asked ones, less one.
        on_topic: Share of the sections that hold a term of the brief.
        sections: How many there are.
        rewritten: How many of them needed another attempt, whatever for.
        looping: How many of them the loop gate still refused after all rewrites.
        coverage: Share of the words in 10-grams that come twice.
        repeated_headings: Headings that stand twice.
        plans: Plans asked for.
        unread: Of those, how many could not be read as asked at the first try.
        replanned: How many had to be asked for again, be it that they left their subject.
    """

    prompt: str
    asked: int
    delivered: int
    miss: float
    on_topic: float
    sections: int
    rewritten: int
    looping: int
    coverage: float
    repeated_headings: int
    plans: int
    unread: int
    replanned: int
    hard_defects: int
    seconds: float


def load_unseen(longbench: Path | None = None) -> list[Unseen]:
    """Return the package's unseen briefs, with those of LongBench-Write where its file is given."""
    rows = (files("longwrite.nano") / "unseen.jsonl").read_text("utf-8").splitlines()
    lines = longbench.read_text("utf-8").splitlines() if longbench else []
    found = []
    for row in map(json.loads, rows):
        if "prompt" in row:
            found.append(Unseen(row["prompt"], tuple(row["terms"])))
        elif lines:
            given = json.loads(lines[row["longbench"] - 1])
            found.append(Unseen(given["prompt"], tuple(row["terms"]), given["length"]))
    return found


class _Listener:
    """An engine that counts how often plans are asked for."""

    def __init__(self, engine: NanoEngine) -> None:
        self._engine = engine
        self.identity, self.abilities = engine.identity, engine.abilities
        self.plans = self.unread = self.replanned = 0
        self.rewritten: set[str] = set()

    abilities: Abilities

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        if request.ask.step.startswith("plan"):
            self.plans += request.attempt == 0
            self.replanned += request.attempt == 1
        if request.ask.step == "section" and request.attempt:
            self.rewritten.add(request.ask.section)
        reply = await self._engine.generate(request, watch)
        if request.ask.step.startswith("plan.") and request.attempt == 0:
            read = read_lines if request.ask.step == "plan.lines" else read_entries
            self.unread += not fits(read(reply.text), request.ask.items)
        return reply

    async def close(self) -> None:
        """The engine belongs to who opened it."""


async def try_brief(engine: NanoEngine, unseen: Unseen, seed: int = 0) -> tuple[Result, Outcome]:
    """Have the agent write one brief and measure the document."""
    brief = compile_brief(unseen.prompt, length=unseen.words)
    listener = _Listener(engine)
    press = Press(
        {"write": listener, "plan": listener, "check": listener}, {"write": "nano"},
        Budget(), Places(4), 4,
    )  # fmt: skip
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nano-") as folder:
        outcome = await write_run(Path(folder) / "run", press, brief, Settings(seed=seed))
        markdown = outcome.markdown
    seconds = time.monotonic() - begun
    document = outcome.document
    texts = [document.texts.get(leaf.id, "") for leaf in leaves(document.plan.sections)]
    terms = [term.casefold() for term in unseen.terms]
    holding = sum(any(term in text.casefold() for term in terms) for text in texts)
    words = outcome.report["words"]
    looping = {d.section for d in document.defects if d.kind == "loop"}
    result = Result(
        prompt=unseen.prompt,
        asked=words["asked"],
        delivered=words["delivered"],
        miss=round(words["delivered"] / words["asked"] - 1, 4),
        on_topic=round(holding / len(texts), 3),
        sections=len(texts),
        rewritten=len(listener.rewritten),
        looping=len(looping),
        coverage=round(duplicated_coverage(markdown).parts["covered"], 4),
        repeated_headings=len(duplicate_headings(markdown)),
        plans=listener.plans,
        unread=listener.unread,
        replanned=listener.replanned,
        hard_defects=sum(defect.hard for defect in document.defects),
        seconds=round(seconds, 1),
    )
    return result, outcome


async def measure_speed(engine: NanoEngine, context: int, tokens: int = 256) -> float:
    """Return tokens a second of one stream at a context of about so many tokens, decoding only.

    The same request is made with a cap of one token and with the whole cap; what the second takes
    longer is decoding.
    """
    filler = "The harbour was quiet, and the keeper counted the boats by hand. "
    rates = []
    for attempt in range(7):
        past = f"{attempt} " + filler * (context // 14)
        text = f"{past}\n\nNow write the next section. Length: about 500 words."
        ask = Ask("section")
        timed = []
        for size in (1, 1, tokens):  # the first fills the cache of the prompt
            sampling = Sampling(size, 0.8, 0.95, attempt)
            begun = time.perf_counter()
            request = Request((Message("user", text),), sampling, "write", ask)
            reply = await engine.generate(request)
            timed.append((time.perf_counter() - begun, reply.usage.completion or 0))
        (_, _), (short, few), (long, many) = timed
        if many > few + 50:
            rates.append((many - few) / (long - short))
    return round(statistics.median(rates), 1) if rates else 0.0


async def measure_speeds(folder: Path | None) -> dict[str, float]:
    """Return tokens a second at two contexts."""
    engine = await NanoEngine.open(folder)
    try:
        return {
            f"tokens/s at a context of {context:,}": await measure_speed(engine, context)
            for context in (600, 2_500)
        }
    finally:
        await engine.close()


def summarise(results: Sequence[Result]) -> dict[str, Any]:
    """Return the figures over all briefs, each beside what is demanded of it."""
    sections = sum(result.sections for result in results)
    plans = sum(result.plans for result in results)
    return {
        "briefs": len(results),
        "words": sum(result.delivered for result in results),
        "within 5 % of the length": sum(abs(result.miss) <= 0.05 for result in results),
        "sections": sections,
        "sections with a key term": round(
            sum(result.on_topic * result.sections for result in results) / sections, 3
        ),
        "briefs with a key term in 80 % of their sections": sum(r.on_topic >= 0.8 for r in results),
        "sections without a loop": round(1 - sum(r.looping for r in results) / sections, 3),
        "largest duplicated-10-gram coverage": max(result.coverage for result in results),
        "repeated headings": sum(result.repeated_headings for result in results),
        "plans read at the first try": round(
            1 - sum(r.unread for r in results) / plans, 3
        ) if plans else None,
        "plans kept at the first try": round(
            1 - sum(r.replanned for r in results) / plans, 3
        ) if plans else None,
        "sections rewritten": sum(result.rewritten for result in results),
        "seconds": round(sum(result.seconds for result in results), 1),
    }  # fmt: skip


async def try_all(
    folder: Path | None, briefs: Sequence[Unseen], tell: Callable[[str], None], seed: int = 0
) -> list[Result]:
    """Try all briefs one after the other on the weights of a folder, the package's if None."""
    engine = await NanoEngine.open(folder)
    found = []
    try:
        for unseen in briefs:
            result, _ = await try_brief(engine, unseen, seed)
            found.append(result)
            tell(
                f"{result.delivered:>6,} of {result.asked:>6,} words, topic {result.on_topic:.0%}, "
                f"repeats {result.coverage:.1%}, {result.seconds:.0f} s: {unseen.prompt[:60]!r}"
            )
    finally:
        await engine.close()
    return found
