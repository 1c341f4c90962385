"""Which sections are written in one conversation, and which conversations wait for which.

A thread is a run of neighbouring leaves. In mode `thread` it is the whole document; in mode `dag`
it is a chapter, and chapters are written side by side. Facts flow forward only: a chapter waits
for the earlier chapters that it needs, and a need of a later one is not waited for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from longwrite.assembly import leaves, walk
from longwrite.planners import shape
from longwrite.types import Plan, Section

Mode = Literal["thread", "dag"]

THREAD_BELOW = shape.THREAD_BELOW
"""Words under which one conversation is as fast as many."""

_LONGEST = 3


@dataclass(frozen=True, slots=True)
class Thread:
    """Leaves written in one conversation.

    Attributes:
        leaves: In reading order.
        above: Their common ancestors, outermost first.
        needs: Places of the earlier threads whose facts it builds on, transitively, in plan order.
    """

    leaves: tuple[Section, ...]
    above: tuple[Section, ...] = ()
    needs: tuple[int, ...] = ()


def choose_mode(mode: str, words: int, in_flight: int) -> Mode:
    """Return the mode for ``auto``; another one is returned as it is."""
    if mode == "auto":
        return "thread" if words < THREAD_BELOW or in_flight < 2 else "dag"
    return "thread" if mode == "thread" else "dag"


def make_threads(plan: Plan, mode: Mode) -> tuple[Thread, ...]:
    """Divide the plan's leaves into threads, in reading order."""
    if mode == "thread":
        return (Thread(tuple(leaves(plan.sections))),)
    groups = list(_group(plan.sections, ()))
    place = {
        node.id: number
        for number, (group, _) in enumerate(groups)
        for leaf in group
        for node, _ in walk([leaf])
    }
    inside = {node.id: [leaf.id for leaf in leaves([node])] for node, _ in walk(plan.sections)}
    threads: list[Thread] = []
    for number, (group, above) in enumerate(groups):
        direct = {
            place[leaf]
            for node in (*above, *group)
            for need in node.needs
            for leaf in inside[need]
            if place[leaf] < number
        }
        for earlier in tuple(direct):
            direct.update(threads[earlier].needs)
        threads.append(Thread(group, above, tuple(sorted(direct))))
    return tuple(threads)


def _group(
    sections: Sequence[Section], above: tuple[Section, ...]
) -> Iterator[tuple[tuple[Section, ...], tuple[Section, ...]]]:
    waiting: list[Section] = []
    for section in sections:
        if section.sections:
            yield from _divide(waiting, above)
            waiting = []
            yield from _group(section.sections, (*above, section))
        else:
            waiting.append(section)
    yield from _divide(waiting, above)


def _divide(
    waiting: list[Section], above: tuple[Section, ...]
) -> Iterator[tuple[tuple[Section, ...], tuple[Section, ...]]]:
    count = math.ceil(len(waiting) / _LONGEST)
    for number in range(count):
        start, end = (len(waiting) * n // count for n in (number, number + 1))
        yield tuple(waiting[start:end]), above


def find_readers(threads: Sequence[Thread], section: str) -> tuple[Section, ...]:
    """Return the leaves that were written in view of a section: later in its thread, or needing it.

    Raises:
        KeyError: No thread holds the section.
    """
    for place, thread in enumerate(threads):
        names = [leaf.id for leaf in thread.leaves]
        if section in names:
            own = thread.leaves[names.index(section) + 1 :]
            others = (leaf for other in threads if place in other.needs for leaf in other.leaves)
            return (*own, *others)
    raise KeyError(section)
