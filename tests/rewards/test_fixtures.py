"""What is required by the prompts of two benchmarks, as reading them confirms.

Rows are counted from 0. What a row asks for was decided by reading it; no wording is kept here.
How many of the benchmarks' own labels are found is in `test_labelled`.
"""

from __future__ import annotations

from typing import Any

import pytest

from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.wording import find_constraints
from longwrite.scoring.length import length_range
from tests.rewards.test_labelled import FIXTURES, WRITE_SILENT, label_numbers, numbers, read_rows

LONGEN_SILENT = {182, 194, 205, 216}
"""LonGen prompts that don't hold their label."""

PARTS = {"longen.jsonl": {101, 177}, "longbench_write.jsonl": {67, 68}}
"""Prompts that give a length to each of their parts."""

LONGEN_HARD = {
    57: {"language"},
    64: {"code"},
    70: {"language"},
    71: {"language"},
    82: {"code"},
    104: {"sections"},
    113: {"language"},
    116: {"language"},
    119: {"sections"},
    134: {"sections"},
    160: {"table", "headings"},
    179: {"sections"},
    186: {"sections"},
    212: {"sections"},
    231: {"table", "code"},
    234: {"sections"},
    235: {"table"},
}
WRITE_HARD = {
    12: {"language"},
    24: {"language"},
    42: {"language"},
    61: {"sections"},
    67: {"sections"},
    68: {"sections"},
    93: {"language"},
    112: {"sections", "language"},
    113: {"sections"},
}


def rows(name: str) -> list[dict[str, Any]]:
    return read_rows(FIXTURES / name)


def hard_kinds(prompt: str) -> set[str]:
    return {c.kind for c in find_constraints(prompt) if c.hard and c.kind != "length"}


@pytest.mark.parametrize(
    ("name", "column", "expected"),
    [
        ("longen.jsonl", "query", LONGEN_HARD),
        ("longbench_write.jsonl", "prompt", WRITE_HARD),
    ],
)
def test_no_prompt_gets_a_hard_constraint_that_reading_does_not_confirm(
    name: str, column: str, expected: dict[int, set[str]]
) -> None:
    found = {i: kinds for i, row in enumerate(rows(name)) if (kinds := hard_kinds(row[column]))}
    assert found == expected


@pytest.mark.parametrize(
    ("name", "column"), [("longen.jsonl", "query"), ("longbench_write.jsonl", "prompt")]
)
def test_only_prompts_that_say_so_give_lengths_to_parts(name: str, column: str) -> None:
    found = {
        place
        for place, row in enumerate(rows(name))
        for c in find_constraints(row[column])
        if c.kind == "length" and c.scope != "document"
    }
    assert found == PARTS[name]


def test_a_longen_prompt_has_no_length_but_its_label() -> None:
    for place, row in enumerate(rows("longen.jsonl")):
        lengths = [c for c in find_constraints(row["query"]) if c.kind == "length"]
        if place not in LONGEN_SILENT:
            assert [numbers(c) for c in lengths] == [label_numbers(row["constraint"])]


def test_prompts_without_a_length_get_none() -> None:
    longen, write = rows("longen.jsonl"), rows("longbench_write.jsonl")
    silent = [longen[i]["query"] for i in LONGEN_SILENT - {194}]
    silent += [write[i]["prompt"] for i in WRITE_SILENT]
    for prompt in silent:
        assert not [c for c in find_constraints(prompt) if c.kind == "length"]


def test_the_length_column_is_planned_for_and_bounds_are_kept() -> None:
    for row in rows("longbench_write.jsonl"):
        brief = compile_brief(row["prompt"], length=row["length"])
        allowed = length_range(brief)
        assert brief.words == row["length"]
        assert sum(c.kind == "length" and c.scope == "document" for c in brief.constraints) == 1
        for constraint in brief.constraints:
            if constraint.kind == "length" and constraint.scope == "document":
                least, most = constraint.params["min"], constraint.params["max"]
                assert not isinstance(least, int) or allowed.low >= least
                assert not isinstance(most, int) or allowed.high <= most
