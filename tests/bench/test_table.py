"""Means with their intervals, and the table of the benchmarks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.bench import BENCHMARKS, find_benchmark
from longwrite.bench.benchmark import ItemResult
from longwrite.bench.table import Table, find_interval, render_table, tabulate
from longwrite.errors import UsageError


def test_the_same_values_always_have_the_same_interval() -> None:
    values = [float(n * n % 97) for n in range(60)]
    assert find_interval(values) == find_interval(list(values))


@given(st.lists(st.floats(-300, 100), min_size=1, max_size=12))
def test_an_interval_lies_among_its_values(values: list[float]) -> None:
    low, high = find_interval(values)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_an_interval_is_near_that_of_the_normal_law() -> None:
    values = [float(n % 10) for n in range(200)]  # mean 4.5, deviation 2.87
    low, high = find_interval(values)
    assert (low, high) == pytest.approx((4.5 - 0.398, 4.5 + 0.398), abs=0.05)


def test_what_was_not_judged_stands_beside_the_mean() -> None:
    results = [
        ItemResult("1", {"S_q": 50.0, "S_l": 1.0}, ("short",)),
        ItemResult("2", {"S_q": None, "S_l": 3.0}, ("long",), "The judge said nothing."),
    ]
    figures = {(f.measure, f.group): f for f in tabulate(results, ("S_q", "S_l"), ("short", "no"))}
    assert set(figures) == {("S_q", "all"), ("S_q", "short"), ("S_l", "all"), ("S_l", "short")}
    whole = figures["S_q", "all"]
    assert (whole.mean, whole.items, whole.unjudged) == (50.0, 2, 1)
    assert figures["S_l", "all"].mean == 2.0


def test_a_table_says_how_it_came_about() -> None:
    results = [ItemResult("1", {"S_q": None, "words": 12_345.0})]
    figures = tabulate(results, ("S_q", "words"))
    shown = render_table(Table("sgt", "split", "reply by m", "none", 1, figures, ("So.",)))
    assert [line.split() for line in shown.splitlines()] == [
        ["sgt:", "1", "item"],
        ["counter", "split"],
        ["responses", "reply", "by", "m"],
        ["judge", "none"],
        ["note", "So."],
        [],
        ["mean", "95", "%", "interval", "items", "not", "judged"],
        ["S_q", "all", "–", "–", "1", "1"],
        ["words", "all", "12,345", "[12,345,", "12,345]", "1", "0"],
    ]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_name_leads_to_its_benchmark(name: str) -> None:
    benchmark = find_benchmark(name)
    assert benchmark.name == name
    assert "--items" in benchmark.source


def test_a_name_nearly_right_is_suggested() -> None:
    with pytest.raises(UsageError, match=r"Did you mean longen\?"):
        find_benchmark("LonGem")
    with pytest.raises(UsageError, match="Use one of longbench_write, "):
        find_benchmark("glue")
