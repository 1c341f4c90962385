"""A disk that is full or breaks, at each single write of a work.

Whatever fails, the command ends with a sentence, what was done is kept, and the same command on a
sound disk brings the bytes that no fault would have changed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.hosting import FOREVER
from tests.faults.works import (
    JOURNAL,
    WORKS,
    Work,
    Workshop,
    assert_sound,
    assert_told,
    texts,
    watch,
)

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

SIZES = (10_000, 0, 100, 1_000, 4_096, 20_000, 30_000, 40_000, 60_000, 80_000, 120_000)
"""Bytes that a file may have."""

DISKS = (
    (errno.ENOSPC, FOREVER, "No space left|is full|I/O error|unable to open"),
    (errno.EIO, 1, "Input/output error|I/O error|unable to open"),
    (errno.EIO, FOREVER, "Input/output error|I/O error|unable to open"),
)
"""Error number, how many writes fail from the first one on, and what may be told of it."""


@pytest.fixture
def failing(workshop: Workshop) -> Workshop:
    """Return the same where the disk can be made to fail."""
    if not workshop.host.layered:
        pytest.skip("there is no C compiler to build a failing disk with")
    return workshop


def spread(last: int, count: int) -> list[int]:
    """Return numbers from 1 to a last one, all or about as many as wanted."""
    step = max(1, last // count)
    return list(range(1, last + 1, step))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", WORKS)
def test_each_write_may_fail(
    failing: Workshop,
    name: str,
    amount: Callable[[int, int], int],
    tell: Callable[[str, int], None],
) -> None:
    work, whole = WORKS[name], failing.whole(WORKS[name])
    numbers = spread(whole.changes, amount(2, whole.changes))
    for number in numbers:
        error, count, why = DISKS[number % len(DISKS)]
        folder = failing.begin(work)
        ended = failing.host.run(work.arguments, folder, watch(folder, number, count, error))
        assert_told(ended, why)
        assert_sound(folder)
        failing.end(work, ended, f"write {number}: {os.strerror(error)}")
    tell(f"writes refused: {name}", len(numbers))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", WORKS)
def test_each_removal_may_fail(
    failing: Workshop,
    name: str,
    amount: Callable[[int, int], int],
    tell: Callable[[str, int], None],
) -> None:
    """What could not be removed lies there until the next command, and changes nothing."""
    work = WORKS[name]
    folder = failing.begin(work)
    counted = failing.host.run(work.arguments, folder, replace(watch(folder), removals=True))
    numbers = spread(counted.changes, amount(2, counted.changes)) if counted.changes else []
    for number in numbers:
        error, count = ((errno.EIO, 1), (errno.EACCES, FOREVER))[number % 2]
        folder = failing.begin(work)
        fault = replace(watch(folder, number, count, error), removals=True)
        ended = failing.host.run(work.arguments, folder, fault)
        assert_told(ended, "Input/output error|I/O error|Permission denied|access")
        failing.end(work, ended, f"removal {number}: {os.strerror(error)}")
    tell(f"removals refused: {name}", len(numbers))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", WORKS)
def test_no_file_may_grow_past_a_size(
    workshop: Workshop,
    name: str,
    amount: Callable[[int, int], int],
    tell: Callable[[str, int], None],
) -> None:
    """The same without a compiler, by the system's own limit on the size of a file."""
    if amount(0, 1) == 0 and name not in {"dag", "batch", "score"}:
        pytest.skip("only with --thorough")
    work, whole = WORKS[name], workshop.whole(WORKS[name])
    sizes = SIZES[: amount(1, len(SIZES))]
    for size in sizes:
        folder = workshop.begin(work)
        ended = workshop.host.run(work.arguments, folder, limits={"RLIMIT_FSIZE": size})
        assert_told(ended, "File too large|I/O error|unable to open|is full|No usable temporary")
        assert_sound(folder)
        workshop.go_on(work, ended)
        assert texts(folder) == whole.texts, f"files of {size} bytes"
    tell(f"files kept small: {name}", len(sizes))


@pytest.mark.timeout(3600)
def test_a_rewrite_is_done_or_not_begun(
    failing: Workshop, amount: Callable[[int, int], int], tell: Callable[[str, int], None]
) -> None:
    rewrite = ("rewrite", "disk/run", "a", "--note", "More on trade", *JOURNAL, "--quiet")
    work = Work(("resume", "disk/run", *JOURNAL, "--quiet"), before=(WORKS["dag"].arguments,))
    folder = failing.begin(work)
    before = texts(folder)
    done = failing.host.run(rewrite, folder, watch(folder))
    after = texts(folder)
    assert done.code == 0 and before != after
    numbers = spread(done.changes, amount(3, done.changes))
    for number in numbers:
        error, count, why = DISKS[number % len(DISKS)]
        folder = failing.begin(work)
        ended = failing.host.run(rewrite, folder, watch(folder, number, count, error))
        assert_told(ended, why)
        failing.go_on(work, ended)
        assert texts(folder) in ([after] if ended.code == 0 else [before, after]), number
        assert_sound(folder)
    tell("writes refused: rewrite", len(numbers))
