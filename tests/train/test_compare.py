"""Two sides of replies: what counts in which line, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from longwrite.agent.settings import Settings
from longwrite.train.compare import Comparison, Side, compare_sides, group_of, measure_side
from longwrite.train.compare_page import render_comparison
from longwrite.train.compare_table import (
    LEAST_BRIEFS,
    judge_line,
    list_lines,
    render_markdown,
    show_comparison,
)
from longwrite.train.held_out import HeldOut, read_held_out
from longwrite.train.replies import Answer, Way
from tests.scoring.texts import make_text

WAY = Way("reply", 1, Settings(temperature=1.0))


def make_briefs(folder: Path, *asked: int) -> tuple[HeldOut, ...]:
    path = folder / "briefs.txt"
    path.write_text("".join(f"Write {n} words on boat {n}.\n" for n in asked))
    return read_held_out(path)


def make_side(name: str, briefs: tuple[HeldOut, ...], *texts: str) -> Side:
    answers = [Answer(place, 0, text, ended=True) for place, text in enumerate(texts)]
    return measure_side(name, f"id of {name}", briefs, answers)


@pytest.fixture
def six(tmp_path: Path) -> Comparison:
    briefs = make_briefs(tmp_path, 400, 410, 420, 430, 440, 450)
    short = make_side("short", briefs, *(make_text(1)[: 300 + n] for n in range(6)))
    near = make_side("near", briefs, *(make_text(4 + n % 2) for n in range(6)))
    return compare_sides(short, near, briefs, WAY)


def test_a_brief_counts_where_both_have_a_value(tmp_path: Path) -> None:
    briefs = make_briefs(tmp_path, 90, 300)
    base = make_side("base", briefs, "", "One. " * 12)
    tuned = make_side("tuned", briefs, "Two. " * 12, "Three. " * 12)
    comparison = compare_sides(base, tuned, briefs, WAY)
    counts = {line.measure: line.briefs for line in comparison.lines if line.group == "all"}
    assert counts["words"] == counts["s_l"] == counts["ended"] == 2
    assert counts["rep_4"] == counts["loop_free"] == 1
    assert counts["coherence"] == counts["constraints"] == 0
    assert "base: 1 of 2 replies are empty; they count as texts of 0 words." in comparison.notes
    assert [line.group for line in comparison.lines if line.measure == "s_l"] == [
        "all", "[0, 100)", "[200, 500)",
    ]  # fmt: skip


def test_better_is_said_from_enough_briefs_on(six: Comparison, tmp_path: Path) -> None:
    line = six.line("s_l")
    assert line is not None and line.briefs == LEAST_BRIEFS and judge_line(line) == "better"
    words = six.line("words")
    assert words is not None and judge_line(words) == ""
    few = six.briefs[: LEAST_BRIEFS - 1]
    base, tuned = (
        Side(side.name, side.identity, side.answers[:-1], side.values[:-1])
        for side in (six.base, six.tuned)
    )
    fewer = compare_sides(base, tuned, few, WAY).line("s_l")
    assert fewer is not None and judge_line(fewer) == ""


def test_groups_are_shown_where_there_are_several(six: Comparison) -> None:
    assert {line.group for line in list_lines(six)} == {"all"}
    assert [group_of(asked) for asked in (1, 100, 3_999, 30_000)] == [
        "[0, 100)", "[100, 200)", "[2000, 4000)", "over 20000",
    ]  # fmt: skip


def test_the_same_model_twice_is_told_and_differs_in_nothing(six: Comparison) -> None:
    same = compare_sides(six.base, six.base, six.briefs, WAY)
    assert "Both names lead to the same model." in same.notes
    assert all(line.paired is None or line.paired.difference.value == 0 for line in same.lines)
    assert not any(judge_line(line) for line in same.lines)


def test_each_form_tells_the_same_figures(six: Comparison) -> None:
    line = six.line("s_l")
    assert line is not None and line.paired is not None
    told = f"{line.paired.difference.value:+.3f} [{line.paired.difference.low:+.3f}, "
    forms = (show_comparison(six), render_markdown(six), render_comparison(six))
    assert all(told in form and "better" in form for form in forms)
    assert all(len(row) <= 110 for row in forms[0].splitlines())
    table = [row for row in forms[1].splitlines() if row.startswith("|")]
    assert len({row.count("|") for row in table}) == 1


def test_briefs_without_a_length_have_a_page_too(tmp_path: Path) -> None:
    path = tmp_path / "open.txt"
    path.write_text("Write about boats.\n")
    briefs = read_held_out(path)
    side = make_side("one", briefs, make_text(1))
    comparison = compare_sides(side, side, briefs, WAY)
    assert "No brief states a length." in render_comparison(comparison)
    assert any("state no length" in note for note in comparison.notes)
