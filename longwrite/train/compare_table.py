"""A comparison as text: a table for a terminal, and the one that a model card carries.

A line says better or worse only where it has some briefs and the interval of its difference leaves
out 0; where it says nothing, the briefs can't tell the two models apart.
"""

from __future__ import annotations

from collections.abc import Callable

from longwrite.data.funnel import plain
from longwrite.train.compare import ALL, Comparison, Line, describe_way
from longwrite.train.measuring import MEASURES, Measure
from longwrite.train.paired import Estimate

LEAST_BRIEFS = 6
"""Under so many briefs nothing is called better: even if all of them agree, a sign test does not
reach 95 %."""

_ARROWS = {"more": "↑", "less": "↓", "": " "}


def show_comparison(comparison: Comparison) -> str:
    """Return a comparison as lines for a terminal, some 100 characters wide."""
    base, tuned = comparison.base, comparison.tuned
    rows = [show_cells(line) for line in list_lines(comparison)]
    names = [_name(line) for line in list_lines(comparison)]
    long = max(map(len, names), default=0)
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    count = len(comparison.briefs)
    lines = [
        f"{plain(tuned.name)} against {plain(base.name)}: {count:,} brief{'s' * (count != 1)}",
        f"  how   {plain(describe_way(comparison.way), 400)}",
        *(f"  note  {plain(note, 400)}" for note in comparison.notes),
        "",
        _join("", long, _HEAD, widths),
        *(_join(name, long, cells, widths) for name, cells in zip(names, rows, strict=True)),
    ]
    return "\n".join(lines)


_HEAD = ("base", "tuned", "difference [95 %]", "gain [95 %]", "briefs", "")


def _join(name: str, long: int, cells: tuple[str, ...], widths: list[int]) -> str:
    *figures, verdict = (f"{cell:>{wide}}" for cell, wide in zip(cells, widths, strict=True))
    return f"{name:<{long}}  {'  '.join(figures)}  {verdict.strip()}".rstrip()


def render_markdown(comparison: Comparison) -> str:
    """Return the table that a model card carries, with what a reader has to know of it."""
    base, tuned = cell(comparison.base.name), cell(comparison.tuned.name)
    lines = [
        f"Base: {base}. Tuned: {tuned}. {len(comparison.briefs):,} held-out briefs, "
        f"{cell(describe_way(comparison.way), 400)}.",
        "",
        "| measure | base | tuned | difference [95 %] | gain [95 %] | briefs | |",
        "|---|---:|---:|---:|---:|---:|---|",
        *(
            f"| {_name(line).strip()} | {' | '.join(show_cells(line))} |"
            for line in list_lines(comparison)
        ),
        "",
        "Intervals: paired bootstrap over the briefs. Gain: (after − before) / (best − before); "
        "for words the ratio. They tell nothing of another seed of the training.",
        *(f"\nNote: {cell(note, 400)}" for note in comparison.notes),
    ]
    return "\n".join(lines) + "\n"


def list_lines(comparison: Comparison) -> list[Line]:
    """Return the lines that are worth showing: groups only where there are several."""
    groups = {line.group for line in comparison.lines} - {ALL}
    return [line for line in comparison.lines if line.group == ALL or len(groups) > 1]


def judge_line(line: Line) -> str:
    """Return ``better``, ``worse``, or nothing where the briefs can't tell."""
    measure, paired = MEASURES[line.measure], line.paired
    if paired is None or not measure.better or line.briefs < LEAST_BRIEFS:
        return ""
    low, high = paired.difference.low, paired.difference.high
    if low is None or high is None or low <= 0 <= high:
        return ""
    return "better" if (low > 0) == (measure.better == "more") else "worse"


def _name(line: Line) -> str:
    measure = MEASURES[line.measure]
    if line.group != ALL:
        return f"  {measure.title} {line.group}"
    return f"{measure.title} {_ARROWS[measure.better]}".rstrip()


def show_cells(line: Line) -> tuple[str, ...]:
    """Return a line's cells: base, tuned, difference, gain, briefs, and the verdict."""
    measure, paired = MEASURES[line.measure], line.paired
    if paired is None:
        return ("–", "–", "–", "–", "0", "")
    share = paired.gain if measure.best is not None else paired.ratio
    return (
        show_number(measure, paired.before.value),
        show_number(measure, paired.after.value),
        show_estimate(measure, paired.difference),
        _show_gain(share) if measure.best is not None else _show_ratio(share),
        f"{line.briefs:,}",
        judge_line(line),
    )


def show_number(measure: Measure, value: float, sign: str = "") -> str:
    """Return a value of a measure: words without, shares with three digits behind the point."""
    form = f"{sign},.0f" if measure.name.endswith("words") else f"{sign}.3f"
    return format(value, form)


def show_estimate(measure: Measure, estimate: Estimate) -> str:
    """Return a difference with its interval."""
    return _with_interval(estimate, lambda value: show_number(measure, value, "+"))


def _show_gain(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    return _with_interval(estimate, lambda value: f"{100 * value:+.0f}", " %")


def _show_ratio(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    return "×" + _with_interval(estimate, lambda value: f"{value:.2f}")


def _with_interval(estimate: Estimate, show: Callable[[float], str], unit: str = "") -> str:
    value = f"{show(estimate.value)}{unit}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} [{show(estimate.low)}, {show(estimate.high)}]"


def cell(text: str, most: int = 120) -> str:
    """Return text for a cell of a Markdown table: one line, no markup of its own."""
    shown = plain(text, most)
    for mark, stand_in in (("|", "/"), ("<", "‹"), (">", "›"), ("`", "'"), ("[", "("), ("]", ")")):
        shown = shown.replace(mark, stand_in)
    return shown.replace("*", "∗").replace("_", r"\_")
