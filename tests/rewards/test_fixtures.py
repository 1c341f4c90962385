"""How much of two benchmarks' labels is found in their prompts.

Rows are counted from 0. What a row does not say, or says otherwise than its label, was decided by
reading it; no wording is kept here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.wording import find_constraints
from longwrite.scoring.length import length_range
from longwrite.types import Constraint

FIXTURES = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures"

LONGEN_SILENT = {182, 194, 205, 216}
"""LonGen prompts that don't hold their label."""

WRITE_SILENT = {13, 41, 50}
"""LongBench-Write prompts that state no length."""

STATED = {"about": "about", "range": "between", "below": "at_most", "above": "at_least"}

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
    path = FIXTURES / name
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def numbers(constraint: Constraint) -> list[Any]:
    values = [constraint.params[name] for name in ("min", "max", "target")]
    return [value for value in values if value is not None]


def hard_kinds(prompt: str) -> set[str]:
    return {c.kind for c in find_constraints(prompt) if c.hard and c.kind != "length"}


def test_longen_labels_are_found_with_direction_and_number() -> None:
    found = total = 0
    for index, row in enumerate(rows("longen.jsonl")):
        if index in LONGEN_SILENT:
            continue
        label = row["constraint"].replace("字", " ").replace("-", " ").replace("至", " ").split()
        wanted = [int(digits) for word in label if (digits := "".join(filter(str.isdigit, word)))]
        lengths = [c for c in find_constraints(row["query"]) if c.kind == "length"]
        total += 1
        found += any(
            c.params["stated"] == STATED[row["type"]] and numbers(c) == wanted for c in lengths
        )
    assert total == 236
    assert found / total >= 0.98


def test_longbench_write_lengths_are_found() -> None:
    found = total = 0
    for index, row in enumerate(rows("longbench_write.jsonl")):
        if index not in WRITE_SILENT:
            brief = compile_brief(row["prompt"])
            lengths = [c for c in brief.constraints if c.kind == "length" and c.scope == "document"]
            total += 1
            found += any(row["length"] in numbers(c) for c in lengths)
    assert total == 117
    assert found / total >= 0.98


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
