"""The plan as a file: read back as it was written, and refused with its place where it is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from longwrite.assembly import walk
from longwrite.errors import UsageError
from longwrite.runs.planfile import (
    check_plan,
    find_circle,
    hash_node,
    plan_from_yaml,
    plan_to_yaml,
    with_totals,
)
from longwrite.types import Constraint, Plan, Section

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
LINE = TEXT.map(lambda text: " ".join(text.replace("\x00", " ").split()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
CONSTRAINTS = st.builds(
    Constraint, kind=TEXT, params=st.dictionaries(TEXT, JSON), scope=TEXT, quote=TEXT
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw a plan of up to three levels whose needs point backwards."""
    known: list[str] = []

    def section(path: str, depth: int) -> Section:
        count = draw(st.integers(0, 3)) if depth < 3 else 0
        needs = draw(st.lists(st.sampled_from(known), unique=True, max_size=2)) if known else []
        children = tuple(section(f"{path}.{n}", depth + 1) for n in range(1, count + 1))
        known.append(path)
        return Section(
            path,
            draw(LINE),
            draw(TEXT),
            draw(st.integers(1, 1_000_000)),
            draw(TEXT),
            draw(TEXT),
            tuple(needs),
            tuple(draw(st.lists(TEXT, max_size=2))),
            tuple(draw(st.lists(CONSTRAINTS, max_size=2))),
            draw(TEXT),
            draw(st.integers(0, 99)),
            children,
        )

    count = draw(st.integers(1, 4))
    sections = tuple(section(str(number), 1) for number in range(1, count + 1))
    warnings = tuple(draw(st.lists(TEXT, max_size=2)))
    return Plan(draw(LINE), with_totals(sections), draw(TEXT), draw(TEXT), warnings)


@settings(max_examples=50, deadline=None)
@given(plans())
def test_any_plan_is_read_back_as_it_was_written(plan: Plan) -> None:
    back = plan_from_yaml(plan_to_yaml(plan))
    assert back == plan
    nodes = zip(walk(plan.sections), walk(back.sections), strict=True)
    assert all(hash_node(one) == hash_node(other) for (one, _), (other, _) in nodes)


def test_a_plan_is_pleasant_to_edit() -> None:
    plan = Plan("海 & Sea", (Section("1", "Tides", "Explain: why?", 500, needs=()),))
    assert plan_to_yaml(plan) == (
        "title: 海 & Sea\nplanner: ''\nsections:\n- id: '1'\n  title: Tides\n  words: 500\n"
        "  goal: 'Explain: why?'\n"
    )


def test_a_plan_typed_by_hand_needs_no_ids_and_no_sums() -> None:
    plan = plan_from_yaml(
        "title: 1984\nsections:\n- title: One\n  sections:\n  - words: 100\n  - words: 200\n"
        "- id: 7\n  words: 50\n  needs: [1.1]\n  sections:\n"
    )
    assert plan.title == "1984"
    assert [(node.id, node.words) for node, _ in walk(plan.sections)] == [
        ("1", 300),
        ("1.1", 100),
        ("1.2", 200),
        ("7", 50),
    ]


# --- plans that are wrong ------------------------------------------------------------------------


def refuse(text: str, place: str) -> UsageError:
    """Return the error of a plan, which names the place."""
    with pytest.raises(UsageError, match=re.escape(place)) as caught:
        plan_from_yaml(text, "my.yaml")
    assert caught.value.what.startswith("my.yaml")
    assert caught.value.mend
    return caught.value


def leaf(**fields: object) -> str:
    """Return the YAML of a plan with one leaf."""
    return yaml.safe_dump({"sections": [{"id": "1", "words": 100, **fields}]})


@pytest.mark.parametrize("words", [0, -5, 10**9, "many", 1.5, True, None, [1]])
def test_budgets_have_to_be_whole_and_positive(words: object) -> None:
    refuse(leaf(words=words), "section 1")


@pytest.mark.parametrize(
    "name", ["../x", "a\x00b", "x" * 300, "", ".", "a/b", "con\n", "1..2", [1], {"a": 1}]
)
def test_ids_have_to_be_safe(name: object) -> None:
    refuse(leaf(id=name), "section id")


def test_ids_have_to_be_unique_wherever_they_stand() -> None:
    text = yaml.safe_dump(
        {"sections": [{"id": "a", "sections": [{"id": "b", "words": 5}]}, {"id": "b", "words": 5}]}
    )
    assert "twice" in refuse(text, "'b'").why


def test_needs_have_to_exist() -> None:
    refuse(leaf(needs=["9"]), "section 1 needs '9'")


@pytest.mark.parametrize(
    ("needs", "circle"), [({"1": "1"}, "1 -> 1"), ({"1": "2", "2": "3", "3": "1"}, "1 -> 2 -> 3")]
)
def test_needs_may_make_no_circle(needs: dict[str, str], circle: str) -> None:
    nodes = [{"id": name, "words": 5, "needs": [need]} for name, need in needs.items()]
    assert circle in refuse(yaml.safe_dump({"sections": nodes}), "need each other").why


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "no plan"),
        ("just words", "no plan"),
        ("- a\n- b", "no plan"),
        ("title: x", "no sections"),
        ("title: x\nsections: []", "no sections"),
        ("title: x\nsections: 5", "'sections' of the plan"),
        ("sections: [5]", "section 1 is no mapping"),
        ("sections: [{id: a, sections: {b: 1}}]", "'sections' of a"),
        ("sections: [{id: a, sections: [x]}]", "section a.1 is no mapping"),
        ("title: [x]\nsections: []", "'title' is no text"),
        ("title: Yes\nsections: []", "'title' is no text"),
        ("warnings: x\nsections: []", "'warnings' is no list"),
        ("title: !!python/object:os.system x", "YAML"),
        ("title: 'open", "YAML"),
        ("a: b: c", "YAML"),
        ("\x00", "YAML"),
        ("a: 1\n---\nb: 2", "YAML"),
        ("? [a]\n: b", "YAML"),
    ],
)
def test_what_is_no_plan_is_told_with_its_place(text: str, place: str) -> None:
    refuse(text, place)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("goal", ["x"]),
        ("note", {"a": 1}),
        ("needs", "2"),
        ("needs", ""),
        ("establishes", [["x"]]),
        ("revision", "one"),
        ("constraints", "x"),
        ("constraints", 5),
        ("constraints", ["x"]),
        ("constraints", [{"kind": "mention", "unknown": 1}]),
        ("constraints", [{"params": {}}]),
        ("constraints", [{"kind": "mention", "params": "x"}]),
        ("constraints", [{"kind": 5}]),
        ("constraints", [{"kind": "mention", "scope": None}]),
        ("constraints", [{"kind": "mention", "hard": "no"}]),
    ],
)
def test_a_field_of_the_wrong_type_is_told_with_its_section(field: str, value: object) -> None:
    refuse(leaf(**{field: value}), "section 1")


def test_aliases_are_refused_before_they_grow() -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    refuse("\n".join([*lines, "sections: *a11"]), "YAML")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: "])
def test_deep_nesting_is_refused_and_kills_nothing(opening: str) -> None:
    code = (
        "import sys\nfrom longwrite.errors import UsageError\n"
        "from longwrite.runs.planfile import plan_from_yaml\n"
        "try:\n    plan_from_yaml(sys.stdin.read())\n"
        "except UsageError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=opening * 100_000, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "nested too deeply" in done.stdout


def test_deep_sections_are_refused() -> None:
    refuse("sections:\n" + "".join(f"{'  ' * n}- sections:\n" for n in range(200)), "YAML")


def test_a_huge_file_is_refused() -> None:
    refuse("#" * 20_000_001, "larger than")


@given(st.text())
def test_any_text_is_a_plan_or_a_usage_error(text: str) -> None:
    try:
        plan_from_yaml(f"sections:\n- words: 5\n  title: {text}\n")
    except UsageError as error:
        assert error.mend


def test_a_plan_made_by_a_program_is_checked_too() -> None:
    check_plan(Plan("", (Section("1", "", words=5),)))
    with pytest.raises(UsageError, match="20,000 are the most"):
        check_plan(Plan("", tuple(Section(str(n), "", words=5) for n in range(20_001))))


# --- needs and hashes ----------------------------------------------------------------------------


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), max_size=4).map(tuple)
    )
)
def test_a_circle_is_one_and_is_found_when_there_is_one(needs: dict[str, tuple[str, ...]]) -> None:
    circle = find_circle(needs)
    for one, other in pairwise(circle):
        assert other in needs[one]
    assert not circle or circle[0] == circle[-1]
    free = set(needs)
    while loose := {name for name in free if not free.intersection(needs[name])}:
        free -= loose
    assert bool(circle) == bool(free)


def test_a_long_chain_of_needs_is_no_circle() -> None:
    assert find_circle({str(n): (str(n + 1),) for n in range(50_000)}) == []


def test_a_node_hash_changes_with_each_of_its_fields_but_not_with_its_children() -> None:
    node = Section("1", "T", "G", 10)
    changed = [
        replace(node, id="2"),
        replace(node, title="U"),
        replace(node, goal="H"),
        replace(node, words=11),
        replace(node, entry="E"),
        replace(node, exit="E"),
        replace(node, needs=("2",)),
        replace(node, establishes=("x",)),
        replace(node, constraints=(Constraint("mention"),)),
        replace(node, note="N"),
        replace(node, revision=1),
    ]
    assert len({hash_node(one) for one in [node, *changed]}) == len(changed) + 1
    assert hash_node(replace(node, sections=(Section("1.1", ""),))) == hash_node(node)
