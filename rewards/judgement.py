"""What every judged reward has: a text is assessed, and all that the judge said is kept.

A judged reward is a reward like any other, called with a brief and a document. Besides, `score`
does the same without blocking, so that a batch is judged side by side, and `assess` returns the
judge's own words with the score.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from longwrite.assembly import assemble
from longwrite.rewards.judge import Judge, Tally, Verdict, count_verdict, find_judge, run_apart
from longwrite.rewards.windows import Shown, describe_shown, parts_of
from longwrite.types import Brief, Document, Json, Sampling, Score


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge said of one text.

    Attributes:
        score: What it comes to.
        verdicts: Each answer of the judge, those too that couldn't be read.
        shown: What the judge was shown; None where it was asked nothing about the text.
    """

    score: Score
    verdicts: tuple[Verdict[Any], ...] = ()
    shown: Shown | None = None


class JudgedReward(ABC):
    """A reward that asks a judge; subclasses are frozen dataclasses.

    Attributes:
        judge: The judge, or the name of its model (`find_judge`).
        name: Under which it is logged.
        resolution: Step to which its values are rounded.
    """

    judge: Judge | str
    name: str
    resolution: float

    @abstractmethod
    async def assess(self, brief: Brief, text: str) -> Judgement:
        """Return what the judge says of a text.

        Raises:
            EngineError: The judge's engine can't be opened.
            UsageError: The judge can't judge, or its cache can't be used.
        """

    async def score(self, brief: Brief, document: Document) -> Score:
        """Return what a document is paid, without blocking the loop; see `assess`."""
        return (await self.assess(brief, assemble(document.plan, document.texts))).score

    def __call__(self, brief: Brief, document: Document) -> Score:
        """Return what a document is paid; see `assess`."""
        return run_apart(self.score(brief, document))

    def find_judge(self) -> Judge:
        """Return the judge.

        Raises:
            UsageError: None is named.
        """
        return find_judge(self.judge)


def tally_verdicts(verdicts: Iterable[Verdict[Any]]) -> Tally:
    """Return how some verdicts came about, and the first reason why one is missing."""
    tally = Tally()
    for verdict in verdicts:
        tally = count_verdict(tally, verdict)
    return tally


def describe_judge(model: str, sampling: Sampling) -> str:
    """Return who judged and how, in one line.

    >>> describe_judge("openai:m", Sampling(2_048, 0.0, 1.0, 0))
    'openai:m, temperature 0, top_p 1, seed 0, at most 2,048 tokens'
    """
    extra = (f", {name} {value}" for name, value in sorted(sampling.extra.items()))
    return (
        f"{model}, temperature {sampling.temperature:g}, top_p {sampling.top_p:g}, "
        f"seed {sampling.seed}, at most {sampling.max_tokens:,} tokens{''.join(extra)}"
    )


def count_parts(verdicts: Iterable[Verdict[Any]], shown: Shown | None) -> dict[str, float]:
    """Return the parts that every judged score has: calls, answers that are missing, windows."""
    listed = list(verdicts)
    tally = tally_verdicts(listed)
    parts = {"calls": tally.asked, "missing": sum(one.value is None for one in listed)}
    return {**parts, **(parts_of(shown) if shown else {})}


def describe_missing(verdicts: Iterable[Verdict[Any]]) -> str:
    """Return how many verdicts are missing and why the first is; empty where none is."""
    listed = list(verdicts)
    missing = sum(one.value is None for one in listed)
    if not missing:
        return ""
    verb = "has" if len(listed) == 1 else "have"
    return f"{missing} of {len(listed)} {verb} no verdict: {tally_verdicts(listed).first[:240]}."


def join_notes(*notes: str) -> str:
    """Return sentences as one note."""
    return " ".join(note for note in notes if note)


def tell_judgement(judgement: Judgement) -> dict[str, Json]:
    """Return a judgement as JSON: figures, model, parameters, and the judge's own words."""
    first = next(iter(judgement.verdicts), None)
    sampling = first.sampling if first else None
    verdicts: list[Json] = [
        {"text": one.text, "why": one.why, "cached": one.cached} for one in judgement.verdicts
    ]
    return {
        "value": judgement.score.value,
        "parts": dict(judgement.score.parts),
        "note": judgement.score.note,
        "shown": describe_shown(judgement.shown) if judgement.shown else "",
        "model": first.model if first else "",
        "sampling": {
            "temperature": sampling.temperature, "top_p": sampling.top_p, "seed": sampling.seed,
            "max_tokens": sampling.max_tokens, "extra": dict(sampling.extra),
        } if sampling else None,
        "missing": sum(one.value is None for one in judgement.verdicts),
        "first_missing": tally_verdicts(judgement.verdicts).first,
        "verdicts": verdicts,
    }  # fmt: skip
