"""A checklist that a judge goes through: ACE-RL's levels, HelloEval's weights.

The items are given, or made of the brief (`longwrite.rewards.decomposition`). Each is answered with
one of its levels and a reason: 0, 0.5 or 1 (ACE-RL, arXiv:2509.04903), or in steps of a quarter
(HelloEval, arXiv:2409.16191); the score is their weighted mean.

A text that doesn't fit the judge's window is gone through window by window, every item in each. An
item that has to stand somewhere (scope ``document``) is met as well as in the window that meets it
best, for a death in chapter three is no less there for chapter nine. An item that has to hold
throughout (scope ``each``) gets the mean of its windows by words, for a style kept in half the book
is half kept. What can only be counted over the whole text ("five case studies in all") is judged
too low this way, which is the price of reading all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from statistics import fmean
from typing import Any

from longwrite.errors import UsageError
from longwrite.prompts import fill
from longwrite.rewards.answers import read_level, read_object
from longwrite.rewards.constraints import validate
from longwrite.rewards.decomposition import LEVELS, decompose
from longwrite.rewards.judge import Judge, Verdict
from longwrite.rewards.judgement import (
    JudgedReward,
    Judgement,
    count_parts,
    describe_missing,
    join_notes,
)
from longwrite.rewards.quoting import quote
from longwrite.rewards.reward import RESOLUTION, settle
from longwrite.rewards.showing import PROMPTS, Showing, ask_about, show
from longwrite.rewards.windows import describe_shown
from longwrite.types import Brief, Constraint, Json, Score

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""HelloEval's levels."""

AT_ONCE = 10
"""Items of one call."""

Answers = Mapping[int, float]
"""Number of an item, from 1, to its level."""


@dataclass(frozen=True)
class ChecklistReward(JudgedReward):
    """Pays the weighted mean of a checklist's items.

    An item without a verdict is no failure and no success: it is left out of the mean and counted
    in the parts (``judged`` of ``total``), and where fewer than half of the weight was judged there
    is no value at all. An item that has to stand somewhere counts as judged once one window meets
    it fully, whatever the others say. A text without words gets 0 and no call.

    Attributes:
        judge: The judge, or the name of its model.
        items: Constraints of the kind ``judged``; None to make them of each brief, after those of
            that kind which the brief has.
        weights: One for each item; empty for the same weight.
        words: The most words of a window; None for as many as fit.
        resolution: Step to which values are rounded.
    """

    judge: Judge | str = ""
    items: tuple[Constraint, ...] | None = field(default=None, hash=False)
    weights: tuple[float, ...] = ()
    words: int | None = None
    resolution: float = RESOLUTION
    name: str = "checklist"

    def __post_init__(self) -> None:
        """Refuse items that a judge can't be asked, and weights that don't fit them.

        Raises:
            UsageError: One of them.
        """
        for item in self.items or ():
            validate(item)
            if item.kind != "judged":
                raise UsageError(
                    "Can't use the checklist", f"{item.kind!r} is checked by a rule, not judged"
                )
        count = len(self.items) if self.items is not None else 0
        fits = len(self.weights) == count and all(0 <= w < float("inf") for w in self.weights)
        if self.weights and (not fits or max(self.weights) <= 0):
            raise UsageError(
                "Can't use the weights of the checklist",
                f"there are {len(self.weights)} for {count} items, or they are no weights",
                "Give one number from 0 upwards for each item.",
            )

    async def assess(self, brief: Brief, text: str) -> Judgement:
        """Return the levels of a text and what the judge said; see `JudgedReward.assess`."""
        judge = self.find_judge()
        items, asked, told = await self._find_items(brief, judge)
        if not items:
            note = join_notes(describe_missing(asked) or "The checklist is empty.", told)
            return Judgement(Score(self.name, None, count_parts(asked, None), note), asked)
        if not text.strip():
            return Judgement(Score(self.name, 0.0, note="There is no text."), asked)
        engine = await judge.reach()
        chunks = [range(at, min(at + AT_ONCE, len(items))) for at in range(0, len(items), AT_ONCE)]
        longest = max((_ask("", items, chunk, whole=False) for chunk in chunks), key=len)
        showing = show(
            brief.prompt, text, engine.abilities, judge.sampling, longest, words=self.words
        )
        whole = len(showing.windows) == 1
        places = [(n, chunk) for n in range(len(showing.windows)) for chunk in chunks]
        verdicts = await asyncio.gather(
            *(
                judge.ask(
                    ask_about(showing, n, _ask(showing.mark, items, chunk, whole=whole)),
                    make_schema(items, chunk),
                    _Reader(tuple((i + 1, levels_of(items[i])) for i in chunk)),
                    step="judge.checklist",
                )
                for n, chunk in places
            )
        )
        found: list[dict[int, float]] = [{} for _ in showing.windows]
        for (n, _), verdict in zip(places, verdicts, strict=True):
            found[n] |= verdict.value or {}
        score = self._conclude(items, found, showing, [*asked, *verdicts], told)
        return Judgement(score, (*asked, *verdicts), showing.shown)

    async def _find_items(
        self, brief: Brief, judge: Judge
    ) -> tuple[tuple[Constraint, ...], tuple[Verdict[Any], ...], str]:
        """Return the items, what the judge was asked for them, and what to tell of that."""
        if self.items is not None:
            return self.items, (), ""
        own = tuple(one for one in brief.constraints if one.kind == "judged")
        made = await decompose(brief, judge)
        told = _CUT if made.prompt_cut else ""
        # A part of a checklist would be paid as if it were the whole.
        items = own + made.verdict.value if made.verdict.value is not None else ()
        return items, (made.verdict,), told

    def _conclude(
        self,
        items: Sequence[Constraint],
        found: Sequence[Answers],
        showing: Showing,
        verdicts: Sequence[Verdict[Any]],
        told: str,
    ) -> Score:
        words = [max(1, window.fresh) for window in showing.windows]
        values = [_join(item, n, found, words) for n, item in enumerate(items, 1)]
        weights = self.weights or (1.0,) * len(items)
        judged = [(w, v) for w, v in zip(weights, values, strict=True) if v is not None]
        weight = sum(w for w, _ in judged)
        parts = {
            **{f"item {n}": value for n, value in enumerate(values, 1) if value is not None},
            "judged": len(judged),
            "total": len(items),
            **count_parts(verdicts, showing.shown),
        }
        said = f"{len(judged)} of {len(items)} items were judged."
        note = join_notes(said, describe_missing(verdicts), told, describe_shown(showing.shown))
        if not weight or 2 * weight < sum(weights):
            return Score(self.name, None, parts, note)
        value = sum(w * v for w, v in judged) / weight
        return settle(Score(self.name, value, parts, note), self.name, self.resolution)


_CUT = "The checklist was made of the request without its middle, which was too long."


def _ask(mark: str, items: Sequence[Constraint], chunk: range, *, whole: bool) -> str:
    """Return the question; where only a part is shown it tells how to take each item."""
    lines = []
    for n in chunk:
        where = "" if whole else "(throughout) " if items[n].scope == "each" else "(somewhere) "
        lines.append(f"{n + 1}. {where}{items[n].params['question']}")
    levels = sorted({level for n in chunk for level in levels_of(items[n])})
    asked = fill(
        PROMPTS, "checklist", count=len(chunk), levels=", ".join(f"{x:g}" for x in levels),
        parts="" if whole else fill(PROMPTS, "checklist_part"),
    )  # fmt: skip
    return f"{quote('questions', mark, chr(10).join(lines))}\n\n{asked}"


def levels_of(item: Constraint) -> tuple[float, ...]:
    """Return what an answer to an item may be worth."""
    given = item.params.get("levels")
    levels = [n for n in given if isinstance(n, int | float)] if isinstance(given, list) else []
    return tuple(sorted(map(float, levels))) or LEVELS


def make_schema(items: Sequence[Constraint], chunk: range) -> dict[str, Json]:
    """Return the schema of the answers to some items."""
    levels: list[Json] = [*sorted({level for n in chunk for level in levels_of(items[n])})]
    entry: dict[str, Json] = {
        "type": "object",
        "properties": {
            "item": {"type": "integer"},
            "reason": {"type": "string"},
            "level": {"type": "number", "enum": levels},
        },
        "required": ["item", "reason", "level"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"items": {"type": "array", "items": entry}},
        "required": ["items"],
        "additionalProperties": False,
    }


def read_answers(text: str, levels: Mapping[int, tuple[float, ...]]) -> Answers | None:
    """Return the level of each item that a reply gives one of its own levels; None without any.

    An item that is answered twice is not answered.
    """
    found = read_object(text)
    listed = found.get("items") if found else None
    if not isinstance(listed, list):
        return None
    answers: dict[int, float] = {}
    twice: set[int] = set()
    for entry in islice(listed, 1_000):
        if not isinstance(entry, dict):
            continue
        number = entry.get("item")
        if not isinstance(number, int) or isinstance(number, bool) or number not in levels:
            continue
        level = read_level(entry.get("level"), levels[number])
        if number in answers:
            twice.add(number)
        if level is not None:
            answers[number] = level
    return {n: level for n, level in answers.items() if n not in twice} or None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the answers to some items."""

    levels: tuple[tuple[int, tuple[float, ...]], ...]

    def __call__(self, text: str) -> Answers | None:
        return read_answers(text, dict(self.levels))


def _join(
    item: Constraint, number: int, found: Sequence[Answers], words: Sequence[int]
) -> float | None:
    """Return an item's value over all windows; None where a missing one could change it."""
    given = [answers.get(number) for answers in found]
    known = [level for level in given if level is not None]
    if item.scope == "each":
        return fmean(known, weights=words) if len(known) == len(given) else None
    best = max(known, default=None)
    return best if len(known) == len(given) or best == levels_of(item)[-1] else None
