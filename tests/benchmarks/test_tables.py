"""Two runs print the same table, and a missed bar is told."""

from __future__ import annotations

from benchmarks.engine.answers import EXACT, NOISY
from benchmarks.speed import Session, show
from benchmarks.table import Bar, lay_out, show_judged


def test_two_runs_print_the_same_table() -> None:
    for manner in (EXACT, NOISY):
        assert show(Session(manner), [6_500]) == show(Session(manner), [6_500])


def test_a_bar_is_missed_when_the_printed_figure_misses_it() -> None:
    assert show_judged(0.424, Bar("most", 0.42)) == "0.42 (≤ 0.42)"
    assert show_judged(0.426, Bar("most", 0.42)) == "0.43 (≤ 0.42 MISSED)"
    assert show_judged(3.99, Bar("least", 4)) == "3.99 (≥ 4 MISSED)"


def test_columns_line_up() -> None:
    lines = lay_out(["", "a"], [["row", "1"], ["x", "22"]]).splitlines()
    assert len({len(line) for line in lines}) == 1 and lines[2] == "| row | 1  |"
