"""Which sections share a conversation, and which conversations wait for which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.agent.schedule import THREAD_BELOW, choose_mode, find_readers, make_threads
from longwrite.assembly import leaves
from longwrite.types import Plan, Section


def leaf(name: str, *needs: str) -> Section:
    """Return a leaf."""
    return Section(name, f"Title {name}", words=100, needs=needs)


def group(name: str, count: int, *needs: str) -> Section:
    """Return a chapter of so many leaves."""
    inside = tuple(leaf(f"{name}.{number}") for number in range(1, count + 1))
    return Section(name, f"Chapter {name}", words=100 * count, needs=needs, sections=inside)


PLAN = Plan(
    "T", (group("1", 3), group("2", 2, "1"), group("3", 4, "2.1"), leaf("4", "9"), leaf("9"))
)


def test_a_thread_is_the_whole_document() -> None:
    (thread,) = make_threads(PLAN, "thread")
    assert thread.leaves == tuple(leaves(PLAN.sections)) and thread.needs == ()


def test_chapters_are_threads_of_at_most_three_leaves() -> None:
    threads = make_threads(PLAN, "dag")
    names = [[leaf.id for leaf in thread.leaves] for thread in threads]
    assert names == [
        ["1.1", "1.2", "1.3"],
        ["2.1", "2.2"],
        ["3.1", "3.2"],
        ["3.3", "3.4"],
        ["4", "9"],
    ]
    assert [node.id for node in threads[2].above] == ["3"]


def test_needs_are_transitive_and_never_point_forward() -> None:
    assert [thread.needs for thread in make_threads(PLAN, "dag")] == [
        (),
        (0,),
        (0, 1),
        (0, 1),
        (),
    ]


def test_readers_are_the_rest_of_the_thread_and_those_that_need_it() -> None:
    threads = make_threads(PLAN, "dag")
    assert [leaf.id for leaf in find_readers(threads, "2.1")] == ["2.2", "3.1", "3.2", "3.3", "3.4"]
    assert [leaf.id for leaf in find_readers(threads, "9")] == []
    with pytest.raises(KeyError):
        find_readers(threads, "3")


def test_auto_takes_threads_for_short_documents_and_single_calls() -> None:
    assert choose_mode("auto", THREAD_BELOW - 1, 16) == "thread"
    assert choose_mode("auto", THREAD_BELOW, 16) == "dag"
    assert choose_mode("auto", 100_000, 1) == "thread"
    assert choose_mode("dag", 100, 1) == "dag" and choose_mode("thread", 10**6, 99) == "thread"


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw a plan whose chapters need each other, in any direction."""
    count = draw(st.integers(1, 6))
    names = [str(number) for number in range(1, count + 1)]
    return Plan(
        "",
        tuple(
            group(name, draw(st.integers(0, 7)), *draw(st.sets(st.sampled_from(names))))
            for name in names
        ),
    )


@given(plans())
def test_threads_divide_the_leaves_and_wait_for_earlier_ones_only(plan: Plan) -> None:
    threads = make_threads(plan, "dag")
    assert [leaf for thread in threads for leaf in thread.leaves] == leaves(plan.sections)
    for place, thread in enumerate(threads):
        assert 1 <= len(thread.leaves) <= 3
        assert list(thread.needs) == sorted(set(thread.needs))
        assert all(need < place for need in thread.needs)
        for need in thread.needs:
            assert set(threads[need].needs) <= set(thread.needs)
