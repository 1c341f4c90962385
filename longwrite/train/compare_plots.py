"""The three plots of a comparison, drawn as SVG without a script or a library."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from longwrite.data.funnel import plain
from longwrite.train.compare import ALL, Comparison, Side
from longwrite.train.compare_table import judge_line, show_estimate
from longwrite.train.measuring import MEASURES, find_asked
from longwrite.train.paired import Estimate

POINTS = 2_000
"""Replies of a model that are drawn; of more, each n-th."""

_SIDES = ("base", "tuned")


def plot_lengths(comparison: Comparison) -> str:
    """Return a plot of words delivered against words asked for, both on logarithmic axes."""
    asked = [find_asked(one.brief) for one in comparison.briefs]
    known = [words for words in asked if words is not None]
    if not known:
        return "<p>No brief states a length.</p>"
    sides = (comparison.base, comparison.tuned)
    delivered = [values["words"] or 0.0 for side in sides for values in side.values if values]
    axis = _Axis.over([*known, *(words for words in delivered if words)])
    width, height, left, top = 640, 420, 70, 12
    marks = []
    for tick in axis.ticks():
        at = axis.place(tick)
        x, y = left + width * at, top + height * (1 - at)
        marks.append(
            f'<line class="axis" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + height}"/>'
            f'<line class="axis" x1="{left}" y1="{y:.1f}" x2="{left + width}" y2="{y:.1f}"/>'
            f'<text class="middle" x="{x:.1f}" y="{top + height + 18}">{tick:,}</text>'
            f'<text class="end" x="{left - 8}" y="{y + 4:.1f}">{tick:,}</text>'
        )
    truth = f'<line class="truth" x1="{left}" y1="{top + height}" x2="{left + width}" y2="{top}"/>'
    dots = [
        _dot(kind, left + width * axis.place(x), top + height * (1 - axis.place(y)), ended, told)
        for kind, side in zip(_SIDES, sides, strict=True)
        for x, y, ended, told in _thin(list(_points(comparison, side, asked)))
    ]
    return (
        f'<div class="wide"><svg viewBox="0 0 {left + width + 30} {top + height + 46}" role="img" '
        f'aria-label="words delivered against words asked for">{"".join(marks)}{truth}'
        f'{"".join(dots)}<text class="middle" x="{left + width / 2}" y="{top + height + 40}">'
        "words asked for</text>"
        f'<text x="{left + 8}" y="{top + 18}">words delivered</text></svg></div>'
        "<p>Each point is a reply; a ring is one that ran into its cap. On the dashed line a reply "
        "has exactly the words that were asked for.</p>"
    )


def _points(
    comparison: Comparison, side: Side, asked: Sequence[int | None]
) -> Iterator[tuple[float, float, bool, str]]:
    for one, values in zip(side.answers, side.values, strict=True):
        wanted = asked[one.brief]
        if values and wanted is not None:
            words = values["words"] or 0.0
            told = f"{comparison.briefs[one.brief].id}: {words:,.0f} of {wanted:,} words"
            yield wanted, words, one.ended, told


def _thin(points: list[tuple[float, float, bool, str]]) -> list[tuple[float, float, bool, str]]:
    return points[:: max(1, math.ceil(len(points) / POINTS))]


def _dot(kind: str, x: float, y: float, ended: bool, told: str) -> str:
    return (
        f'<circle class="{"dot" if ended else "cut"} {kind}" cx="{x:.1f}" cy="{y:.1f}" r="4">'
        f"<title>{escape(plain(told))}</title></circle>"
    )


class _Axis:
    """A logarithmic axis with places from 0 to 1."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = math.log10(low), math.log10(high)

    @classmethod
    def over(cls, values: Sequence[float]) -> _Axis:
        return cls(max(1.0, min(values) / 1.3), max(10.0, max(values) * 1.3))

    def place(self, value: float) -> float:
        """Return where a value stands; one below the axis stands on its end."""
        at = (math.log10(max(value, 1.0)) - self._low) / (self._high - self._low)
        return min(1.0, max(0.0, at))

    def ticks(self) -> list[int]:
        powers = range(math.floor(self._low), math.ceil(self._high) + 1)
        every = [step * 10**power for power in powers for step in (1, 2, 5)]
        return [tick for tick in every if self._low <= math.log10(tick) <= self._high]


def plot_groups(comparison: Comparison) -> str:
    """Return a plot of S_l by the length asked for, with intervals."""
    lines = [one for one in comparison.lines if one.measure == "s_l" and one.paired is not None]
    lines = [one for one in lines if one.group != ALL] + [one for one in lines if one.group == ALL]
    if not lines:
        return "<p>No brief states a length.</p>"
    step, left, top, height = 130, 50, 12, 240
    width = step * len(lines)
    parts = [
        f'<line class="axis" x1="{left}" y1="{top + height * (1 - at):.1f}" x2="{left + width}" '
        f'y2="{top + height * (1 - at):.1f}"/><text class="end" x="{left - 8}" '
        f'y="{top + height * (1 - at) + 4:.1f}">{at:g}</text>'
        for at in (0, 0.25, 0.5, 0.75, 1)
    ]
    for number, line in enumerate(lines):
        middle = left + step * (number + 0.5)
        assert line.paired is not None
        for kind, shift, estimate in (
            ("base", -14, line.paired.before), ("tuned", 14, line.paired.after),
        ):  # fmt: skip
            parts.append(_whisker(kind, middle + shift, top, height, estimate))
        name = "all" if line.group == ALL else line.group
        parts.append(
            f'<text class="middle" x="{middle}" y="{top + height + 20}">{escape(name)}</text>'
            f'<text class="middle" x="{middle}" y="{top + height + 38}">{line.briefs:,} '
            f"brief{'' if line.briefs == 1 else 's'}</text>"
        )
    return (
        f'<div class="wide"><svg viewBox="0 0 {max(640, left + width + 20)} {top + height + 48}" '
        f'role="img" aria-label="S_l by the length asked for">{"".join(parts)}</svg></div>'
    )


def _whisker(kind: str, x: float, top: float, height: float, estimate: Estimate) -> str:
    low, high = estimate.low, estimate.high
    line = ""
    if low is not None and high is not None:
        line = (
            f'<line class="whisker {kind}" x1="{x}" y1="{top + height * (1 - high):.1f}" '
            f'x2="{x}" y2="{top + height * (1 - low):.1f}"/>'
        )
    told = f"<title>{kind}: {estimate.value:.3f}</title>"
    y = top + height * (1 - estimate.value)
    return f'<g>{told}{line}<circle class="dot {kind}" cx="{x}" cy="{y:.1f}" r="5"/></g>'


def plot_differences(comparison: Comparison) -> str:
    """Return a plot of the differences of all shares, with intervals around 0."""
    found = []
    for line in comparison.lines:
        measure = MEASURES[line.measure]
        if line.group == ALL and line.paired is not None and measure.best is not None:
            found.append((measure, line.paired, judge_line(line) or "none"))
    if not found:
        return "<p>No measure has a value for both models.</p>"
    ends = [
        abs(end)
        for _, paired, _ in found
        for end in (paired.difference.value, paired.difference.low, paired.difference.high)
        if end is not None
    ]
    reach = min(1.0, max(0.05, 1.1 * max(ends)))
    left, middle, half, step = 170, 400, 220, 28
    rows = [f'<line class="axis" x1="{middle}" y1="0" x2="{middle}" y2="{step * len(found)}"/>']
    for number, (measure, paired, verdict) in enumerate(found):
        y = step * (number + 0.5)
        low, value, high = (
            middle + half * max(-1.0, min(1.0, end / reach))
            for end in (
                _or(paired.difference.low, paired.difference.value),
                paired.difference.value,
                _or(paired.difference.high, paired.difference.value),
            )
        )
        rows.append(
            f'<text class="end" x="{left}" y="{y + 4:.1f}">{escape(measure.title)}</text>'
            f'<line class="whisker {verdict}" x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}"/>'
            f'<circle class="{verdict}" cx="{value:.1f}" cy="{y}" r="5"/>'
            f'<text x="{middle + half + 12}" y="{y + 4:.1f}">'
            f"{escape(show_estimate(measure, paired.difference))}</text>"
        )
    foot = step * len(found) + 16
    labels = "".join(
        f'<text class="middle" x="{middle + half * side:.1f}" y="{foot}">{reach * side:+.2f}</text>'
        for side in (-1, 1)
    )
    return (
        f'<div class="wide"><svg viewBox="0 0 860 {foot + 8}" role="img" '
        f'aria-label="differences with intervals">{"".join(rows)}{labels}'
        f'<text class="middle" x="{middle}" y="{foot}">0</text></svg></div>'
        "<p>Tuned minus base. Green is better and red worse, as each measure has it; the others "
        "can't be told apart on these briefs.</p>"
    )


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
