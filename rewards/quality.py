"""Judged quality: the six dimensions of LongBench-Write, marked from 1 to 5 (Bai et al. 2024).

The mean m of the marks is taken to (m - 1) / 4; the benchmark reports a hundred times that as S_q.
See arXiv:2408.07055.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from statistics import fmean

from longwrite.prompts import fill
from longwrite.rewards.answers import fold_name, read_level, read_object
from longwrite.rewards.judge import Judge, Verdict
from longwrite.rewards.judgement import (
    JudgedReward,
    Judgement,
    count_parts,
    describe_missing,
    join_notes,
)
from longwrite.rewards.reward import RESOLUTION, settle
from longwrite.rewards.showing import PROMPTS, Showing, ask_about, show
from longwrite.rewards.windows import describe_shown
from longwrite.types import Brief, Json, Score

DIMENSIONS = (
    "relevance",
    "accuracy",
    "coherence",
    "clarity",
    "breadth_and_depth",
    "reading_experience",
)
"""What a judge marks from 1 to 5."""

MARKS = (1.0, 2.0, 3.0, 4.0, 5.0)

Marks = Mapping[str, float]
"""Dimension to mark."""


@dataclass(frozen=True)
class QualityReward(JudgedReward):
    """Pays the mean of six marks.

    A text that doesn't fit the judge's window is marked window by window, and each dimension is the
    mean of its marks by the words that a window shows for the first time. A window without a
    verdict leaves the whole without one: a mean over the others would pay for a window that is so
    bad, or so hostile, that the judge says nothing readable of it. A text without words gets 0 and
    no call.

    Attributes:
        judge: The judge, or the name of its model.
        words: The most words of a window; None for as many as fit.
        resolution: Step to which values are rounded.
    """

    judge: Judge | str = ""
    words: int | None = None
    resolution: float = RESOLUTION
    name: str = "quality"

    async def assess(self, brief: Brief, text: str) -> Judgement:
        """Return the marks of a text and what the judge said; see `JudgedReward.assess`."""
        if not text.strip():
            return Judgement(Score(self.name, 0.0, note="There is no text."))
        judge = self.find_judge()
        engine = await judge.reach()
        question = ask_quality()
        showing = show(
            brief.prompt, text, engine.abilities, judge.sampling, question, words=self.words
        )
        verdicts = await asyncio.gather(
            *(
                judge.ask(ask_about(showing, n, question), SCHEMA, read_marks, step="judge.quality")
                for n in range(len(showing.windows))
            )
        )
        return Judgement(self._conclude(verdicts, showing), tuple(verdicts), showing.shown)

    def _conclude(self, verdicts: list[Verdict[Marks]], showing: Showing) -> Score:
        parts = count_parts(verdicts, showing.shown)
        note = join_notes(describe_missing(verdicts), describe_shown(showing.shown))
        marks = [verdict.value for verdict in verdicts if verdict.value is not None]
        if len(marks) < len(verdicts):
            return Score(self.name, None, parts, note)
        weights = [max(1, window.fresh) for window in showing.windows]
        means = {
            name: fmean((given[name] for given in marks), weights=weights) for name in DIMENSIONS
        }
        value = (fmean(means.values()) - 1) / 4
        return settle(Score(self.name, value, {**means, **parts}, note), self.name, self.resolution)


SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "reasons": {"type": "string"},
        **{name: {"type": "integer", "enum": [1, 2, 3, 4, 5]} for name in DIMENSIONS},
    },
    "required": ["reasons", *DIMENSIONS],
    "additionalProperties": False,
}


def ask_quality() -> str:
    """Return the question."""
    listed = "\n".join(f"- {name}: {told}" for name, told in load_dimensions().items())
    form = ", ".join(f'"{name}": 1' for name in DIMENSIONS)
    return fill(PROMPTS, "quality", count=len(DIMENSIONS), dimensions=listed, form=form)


@cache
def load_dimensions() -> Mapping[str, str]:
    """Return what each dimension means, by name."""
    lines = (files(PROMPTS) / "prompts" / "dimensions.txt").read_text("utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line)


def read_marks(text: str) -> Marks | None:
    """Return the six marks of a reply; None unless each is a whole number from 1 to 5."""
    found = read_object(text)
    if found is None:
        return None
    named = [(fold_name(key), value) for key, value in found.items()]
    marks = {
        name: mark
        for name, value in named
        if name in DIMENSIONS and (mark := read_level(value, MARKS)) is not None
    }
    given = [name for name, _ in named if name in DIMENSIONS]
    return marks if len(marks) == len(given) == len(DIMENSIONS) else None
