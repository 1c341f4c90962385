"""A tuned model against its base on held-out briefs: what was gained, and how sure that is.

    briefs -> replies of both -> measures of each reply -> a mean for each brief -> paired intervals

A brief counts in a line only if both models have a value for it, and the line says how many do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from longwrite.bench.longbench_write import BUCKETS
from longwrite.train.held_out import HeldOut
from longwrite.train.measuring import MEASURES, Values, average_samples, find_asked, measure_reply
from longwrite.train.paired import Paired, compare_pairs, tell_paired
from longwrite.train.replies import Answer, Way
from longwrite.types import Json

ALL = "all"
"""The group that every brief counts in."""

BY_LENGTH = ("s_l", "length", "words")
"""Measures that are also told by the length asked for."""

_SHORT = ((0, "[0, 100)"), (100, "[100, 200)"), (200, "[200, 500)"))
GROUPS = (*_SHORT, *BUCKETS[1:])
"""Least length asked for, and name: LongBench-Write's groups, the first of them cut in three."""

_FEW = 10


@dataclass(frozen=True, slots=True)
class Side:
    """One model's replies.

    Attributes:
        name: As it was given.
        identity: What the call log calls it.
        answers: In the order of briefs and samples.
        values: The measures of each answer; empty for one that failed.
    """

    name: str
    identity: str
    answers: tuple[Answer, ...]
    values: tuple[Values, ...]

    @property
    def failed(self) -> int:
        """How many replies the engine could not give."""
        return sum(bool(one.failed) for one in self.answers)

    @property
    def empty(self) -> int:
        """How many replies hold nothing."""
        return sum(not one.failed and not one.text.strip() for one in self.answers)


@dataclass(frozen=True, slots=True)
class Line:
    """A measure over a group of briefs.

    Attributes:
        measure: Its name.
        group: ``all``, or a range of words asked for.
        briefs: How many of them both models have a value for.
        paired: Both models and their difference; None where no brief has a value for both.
    """

    measure: str
    group: str
    briefs: int
    paired: Paired | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same briefs.

    Attributes:
        base: What training began from.
        tuned: What came of it.
        briefs: What both were asked.
        way: How.
        lines: What was found.
        notes: What a reader has to know, a sentence each.
    """

    base: Side
    tuned: Side
    briefs: tuple[HeldOut, ...]
    way: Way
    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    def line(self, measure: str, group: str = ALL) -> Line | None:
        """Return a line; None where there is none of that name."""
        found = (one for one in self.lines if (one.measure, one.group) == (measure, group))
        return next(found, None)


def measure_side(
    name: str,
    identity: str,
    briefs: Sequence[HeldOut],
    answers: Sequence[Answer],
    tell: Callable[[int, int], None] = lambda done, all_: None,
) -> Side:
    """Return a model's replies with the measures of each."""
    values: list[Values] = []
    for number, one in enumerate(answers, 1):
        brief = briefs[one.brief].brief
        values.append({} if one.failed else measure_reply(brief, one.text, ended=one.ended))
        tell(number, len(answers))
    return Side(name, identity, tuple(answers), tuple(values))


def compare_sides(base: Side, tuned: Side, briefs: Sequence[HeldOut], way: Way) -> Comparison:
    """Hold two models' replies to the same briefs against each other."""
    lines = tuple(_make_lines(base, tuned, briefs))
    notes = tuple(_make_notes(base, tuned, briefs, way))
    return Comparison(base, tuned, tuple(briefs), way, lines, notes)


def group_of(asked: int) -> str:
    """Return the group of a length asked for.

    >>> group_of(99), group_of(450), group_of(1200)
    ('[0, 100)', '[200, 500)', '[500, 2000)')
    """
    return next(name for least, name in reversed(GROUPS) if asked >= least)


def _make_lines(base: Side, tuned: Side, briefs: Sequence[HeldOut]) -> Iterator[Line]:
    before, after = _gather(base), _gather(tuned)
    asked = [find_asked(one.brief) for one in briefs]
    groups = [None if words is None else group_of(words) for words in asked]
    everything = range(len(briefs))
    for name in MEASURES:
        yield _make_line(name, ALL, everything, before, after)
        for _, group in GROUPS if name in BY_LENGTH else ():
            places = [place for place in everything if groups[place] == group]
            if places:
                yield _make_line(name, group, places, before, after)


def _gather(side: Side) -> dict[int, list[Values]]:
    """Return the measures of each brief's samples, failed ones left out."""
    pairs = zip(side.answers, side.values, strict=True)
    return {
        place: [values for one, values in group if not one.failed]
        for place, group in groupby(pairs, key=lambda pair: pair[0].brief)
    }


def _make_line(
    name: str,
    group: str,
    places: Sequence[int],
    before: dict[int, list[Values]],
    after: dict[int, list[Values]],
) -> Line:
    pairs = [
        (one, other)
        for place in places
        if (one := average_samples(name, before.get(place, ()))) is not None
        and (other := average_samples(name, after.get(place, ()))) is not None
    ]
    if not pairs:
        return Line(name, group, 0, None)
    measure = MEASURES[name]
    left, right = zip(*pairs, strict=True)
    paired = compare_pairs(left, right, best=measure.best, statistic=measure.statistic)
    return Line(name, group, len(pairs), paired)


def _make_notes(base: Side, tuned: Side, briefs: Sequence[HeldOut], way: Way) -> Iterator[str]:
    if base.identity == tuned.identity:
        yield "Both names lead to the same model."
    if len(briefs) < _FEW:
        count = "One brief can" if len(briefs) == 1 else f"{len(briefs)} briefs can"
        yield f"{count} tell little: intervals are wide and rough."
    for side in (base, tuned):
        of = f"of {len(side.answers):,} replies"
        if side.failed:
            yield f"{side.name}: {side.failed:,} {of} failed and are in no figure."
        if side.empty:
            yield f"{side.name}: {side.empty:,} {of} are empty; they count as texts of 0 words."
    without = sum(find_asked(one.brief) is None for one in briefs)
    if without:
        yield f"Briefs that state no length, and so have no score of it: {without:,}."
    if way.max_new_tokens is not None:
        yield f"No reply has more than {way.max_new_tokens:,} tokens."


def describe_way(way: Way) -> str:
    """Return how the replies came about, in one line."""
    settings = way.settings
    parts = [
        "one call a reply" if way.how == "reply" else "written by the agent",
        f"{way.samples} to each brief",
        f"temperature {settings.temperature:g}",
        f"top_p {settings.top_p:g}",
        f"seed {settings.seed}",
        *(f"{name} {value}" for name, value in sorted(settings.extra.items())),
    ]
    if settings.window:
        parts.append(f"window {settings.window:,}")
    if way.how == "agent":
        parts += [f"planner {settings.planner}", f"mode {settings.mode}"]
    return ", ".join(parts)


def tell_comparison(comparison: Comparison) -> dict[str, Json]:
    """Return a comparison as JSON: both models, every line, and every reply's measures."""
    return {
        "base": _tell_side(comparison.base),
        "tuned": _tell_side(comparison.tuned),
        "how": describe_way(comparison.way),
        "briefs": [
            {"id": one.id, "prompt": one.brief.prompt, "asked": find_asked(one.brief)}
            for one in comparison.briefs
        ],
        "lines": [_tell_line(one) for one in comparison.lines],
        "notes": list(comparison.notes),
    }


def _tell_side(side: Side) -> dict[str, Json]:
    replies: list[Json] = [
        {"brief": one.brief, "sample": one.sample, "failed": one.failed or None, **values}
        for one, values in zip(side.answers, side.values, strict=True)
    ]
    return {
        "name": side.name, "identity": side.identity, "failed": side.failed, "empty": side.empty,
        "replies": replies,
    }  # fmt: skip


def _tell_line(line: Line) -> dict[str, Json]:
    told = {} if line.paired is None else tell_paired(line.paired)
    return {"measure": line.measure, "group": line.group, "briefs": line.briefs, **told}
