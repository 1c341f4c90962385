"""Spinning the Golden Thread by a small example: five weeks, and what is to happen in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.bench.benchmark import Item, Response
from longwrite.bench.sgt import Parts, SpinningTheGoldenThread, cut_parts
from longwrite.errors import UsageError
from longwrite.types import Json

BENCH = SpinningTheGoldenThread()
ROW: dict[str, Json] = {
    "prompt": "Write a diary of five weeks.",
    "type": "Week",
    "number": 5,
    "checks_once": {"1": ["birthday"]},
    "checks_range": {"2": {"words": ["Paris", "fashion"]}, "3": {"words": ["Paris"]}},
    "checks_periodic": {"5": ["kite"]},
}
DIARY = """#*# Week 1 (January): My wife's Birthday.
#*# Week 2: In Paris we saw the fashion week. Week 3 will be dull.
#*# Week 3: It rained.
#*# Week 5: No wind."""


def load(tmp_path: Path, row: Json) -> Item[Parts]:
    path = tmp_path / "Dataset_short.json"
    path.write_text(json.dumps([row]))
    return BENCH.load(path)[0]


def values(item: Item[Parts], text: str, verdicts: Json = None) -> dict[str, float | None]:
    columns = {} if verdicts is None else {"verdicts": verdicts}
    return dict(BENCH.score(item, Response(text, columns=columns)).values)


def test_parts_and_checks_by_hand(tmp_path: Path) -> None:
    found = values(load(tmp_path, ROW), DIARY)
    assert found["CR"] == 80  # 1, 2, 3 and 5 of 5
    assert found["STIC-1"] == 50  # 1 and 2, not 3 and 5
    assert found["STIC-2"] == 50
    assert found["checks without verdict"] == 0


def test_headings_alone_have_all_parts_and_nothing_in_them(tmp_path: Path) -> None:
    found = values(load(tmp_path, ROW), "\n".join(f"#*# Week {n}" for n in range(1, 6)))
    assert (found["CR"], found["STIC-1"], found["STIC-2"]) == (100, 0, 0)


def test_leaving_parts_out_gains_only_by_the_first_measure(tmp_path: Path) -> None:
    found = values(load(tmp_path, ROW), "#*# Week 1: A birthday.")
    assert (found["CR"], found["STIC-1"], found["STIC-2"]) == (20, 100, 25)


def test_no_response_needs_no_judge_to_fail(tmp_path: Path) -> None:
    found = values(load(tmp_path, ROW), "")
    assert (found["CR"], found["STIC-1"], found["STIC-2"]) == (0, 0, 0)


def test_verdicts_go_before_words_and_an_unread_one_is_no_yes(tmp_path: Path) -> None:
    item = load(tmp_path, ROW)
    verdicts: Json = {
        "once": {"1": "No."},
        "checks_range": {"2": True, "3": "YES"},
        "periodic": {"5": "Yes, but not really"},
    }
    found = values(item, DIARY, verdicts)
    assert (found["STIC-1"], found["STIC-2"]) == (50, 50)
    assert found["checks without verdict"] == 1


def test_what_nobody_can_judge_is_not_judged_and_counted(tmp_path: Path) -> None:
    described: dict[str, Json] = {**ROW, "checks_once": {"1": "my wife birthday"}}
    for kind in ("checks_range", "checks_periodic"):
        described.pop(kind)
    result = BENCH.score(load(tmp_path, described), Response(DIARY))
    assert result.values["STIC-1"] is None and result.values["STIC-2"] is None
    assert result.values["CR"] == 80
    assert result.note == "1 of 1 checks have no verdict."
    table = BENCH.summarise([result], how="given", judge="none")
    stic = next(one for one in table.figures if one.measure == "STIC-2")
    assert (stic.mean, stic.items, stic.unjudged) == (None, 1, 1)


def test_the_first_number_of_a_block_names_it_and_the_later_block_stands() -> None:
    parts = cut_parts("Week 9 #*# Week 2, after Week 1 #*# Week 2 again #*# week 3", "Week")
    assert sorted(parts) == [2, 9]
    assert parts[2] == " Week 2 again "


@given(st.text(st.sampled_from("#* Week12 9.["), max_size=60), st.sampled_from(["Week", "[", ".*"]))
def test_no_text_breaks_the_cut(text: str, kind: str) -> None:
    assert all(number >= 0 for number in cut_parts(text, kind))


def test_huge_numbers_are_no_parts() -> None:
    assert cut_parts(f"#*# Week {'9' * 5000}", "Week") == {}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"type": ""}, "no 'type'"),
        ({"number": "5"}, "no whole number as 'number'"),
        ({"checks_once": {"first": "a"}}, "no numbers of parts in 'checks_once'"),
    ],
)
def test_rows_that_are_no_items_are_told(tmp_path: Path, change: dict[str, Json], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        load(tmp_path, {**ROW, **change})
