"""What is read from requests, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.rewards.constraints import KINDS, validate
from longwrite.rewards.wording import SCANNED, find_constraints
from longwrite.types import Constraint
from tests.rewards.examples import LENGTHS, NO_LENGTHS, OTHERS


def label(constraint: Constraint) -> str:
    """Write a constraint as the tables do."""
    params = constraint.params
    scope = "" if constraint.scope == "document" else f" {constraint.scope}"
    if constraint.kind == "length":
        numbers = [params[name] for name in ("min", "max", "target") if params[name] is not None]
        values = " ".join(map(str, [params["stated"], *numbers]))
    elif constraint.kind == "sections":
        low, high = params["min"], params["max"]
        count = f"{low}" if low == high else f"{low}-{high}" if high else f"{low}+"
        values = f"{count} {params['unit']}"
    elif "wanted" in params:
        least = params.get("min", 1)
        values = "no" if not params["wanted"] else "yes" if least == 1 else str(least)
    else:
        values = str(next(iter(params.values())))
    return f"{constraint.kind}{scope} {values}{'' if constraint.hard else '?'}"


@pytest.mark.parametrize(("prompt", "expected"), LENGTHS + NO_LENGTHS + OTHERS)
def test_a_request_says_what_it_says_and_no_more(prompt: str, expected: list[str]) -> None:
    found = [label(constraint) for constraint in find_constraints(prompt)]
    hard = sorted(name for name in expected if not name.endswith("?"))
    assert sorted(name for name in found if not name.endswith("?")) == hard
    assert {name for name in expected if name.endswith("?")} <= set(found)
