"""A composition paid again to completions that a trainer logged.

Before a reward is changed, and after a run went wrong, the questions are the same: which groups had
anything to learn from, and which component only pays for length.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from longwrite.reading import Reading
from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.composition import Composition, Verdict
from longwrite.scoring.documents import read_document
from longwrite.scoring.endings import is_truncated
from longwrite.text import count_words
from longwrite.types import Brief

SPREAD = 1e-4
"""Standard deviation of a group under which a trainer learns nothing from it (TRL's floor)."""


@dataclass(frozen=True, slots=True)
class Component:
    """What one component paid over all completions.

    Attributes:
        mean: Of the values that apply; None where none does.
        spread: Mean standard deviation inside the groups.
        silent: Share of the groups in which all are paid alike.
        with_length: Pearson correlation of the value with the number of words; None without spread.
        missing: Completions that it doesn't apply to.
    """

    mean: float | None
    spread: float
    silent: float
    with_length: float | None
    missing: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What a composition pays completions in groups.

    Attributes:
        completions: How many there are.
        groups: Prompts at one step.
        silent: Share of the groups where the whole composition pays all alike.
        closed: Completions that a gate stopped, by gate.
        components: By name; ``total`` is the composition itself.
    """

    completions: int
    groups: int
    silent: float
    closed: Mapping[str, int]
    components: Mapping[str, Component]


def replay(
    readings: Iterable[Reading], composition: Composition, brief: Brief | None = None
) -> Replay:
    """Pay completions again; those of one prompt at one step are a group.

    Args:
        readings: The completions.
        composition: What pays them.
        brief: What all of them were asked for; else each row's own prompt counts.
    """
    values: dict[str, list[float | None]] = defaultdict(list)
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    closed: dict[str, int] = defaultdict(int)
    words: list[int] = []
    for place, reading in enumerate(readings):
        verdict = _judge(reading, composition, brief)
        for name in verdict.closed:
            closed[name] += 1
        for name, score in verdict.components.items():
            values[name].append(0.0 if verdict.closed else score.value)
        values["total"].append(verdict.value)
        groups[str(reading.columns.get("step", "")), reading.prompt].append(place)
        words.append(count_words(reading.text))
    together = [places for places in groups.values() if len(places) > 1]
    components = {name: _tell(row, together, words) for name, row in values.items()}
    total = components.get("total")
    return Replay(len(words), len(groups), total.silent if total else 0.0, dict(closed), components)


def _judge(reading: Reading, composition: Composition, brief: Brief | None) -> Verdict:
    brief = brief or compile_row(reading) or compile_brief("Write a text.")
    ended = not is_truncated(reading.text)
    return composition.judge(brief, read_document(brief, reading.text, ended=ended))


def compile_row(reading: Reading, words: int | None = None) -> Brief | None:
    """Return what a row was asked for: its prompt, and its length where a column gives one.

    Args:
        reading: The row; its columns ``length`` or ``words`` give the length.
        words: Asked for where no column says.

    Returns:
        The brief; None where the row says neither what nor how long.

    Raises:
        UsageError: The prompt contradicts itself.
    """
    given = next((one for key in ("length", "words") if (one := reading.columns.get(key))), None)
    asked = given if isinstance(given, int) and given > 0 else words
    if not reading.prompt.strip() and not asked:
        return None
    return compile_brief(reading.prompt or "Write a text.", length=asked)


def _tell(
    row: Sequence[float | None], groups: Sequence[Sequence[int]], words: Sequence[int]
) -> Component:
    known = [(value, words[place]) for place, value in enumerate(row) if value is not None]
    spreads = []
    for places in groups:
        inside = [value for place in places if (value := row[place]) is not None]
        spreads.append(float(np.std(inside)) if len(inside) > 1 else 0.0)
    return Component(
        mean=sum(value for value, _ in known) / len(known) if known else None,
        spread=sum(spreads) / len(spreads) if spreads else 0.0,
        silent=sum(spread < SPREAD for spread in spreads) / len(spreads) if spreads else 0.0,
        with_length=_correlate(known),
        missing=len(row) - len(known),
    )


def _correlate(pairs: Sequence[tuple[float, int]]) -> float | None:
    if len(pairs) < 3:
        return None
    values, words = (np.array(column, np.float64) for column in zip(*pairs, strict=True))
    if min(values.std(), words.std()) < SPREAD:
        return None
    found = float(np.corrcoef(values, words)[0, 1])
    return found if math.isfinite(found) else None
