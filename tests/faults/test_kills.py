"""Whatever ends a command, the same command goes on: the same bytes, and no call made twice.

The real command line is killed at random times and between any two of its writes, or asked to stop,
and started again until it ends by itself. What it leaves is held against the same work undisturbed.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import pytest

from benchmarks.engine.server import MODEL, Server
from tests.faults.killing import (
    IN_FLIGHT,
    JOURNAL,
    WORKS,
    Ended,
    Running,
    Signals,
    begun,
    completed,
    outcome,
    prepare,
    write_by,
)
from tests.faults.serving import serve

Amount = Callable[[int, int], int]
Tell = Callable[[str, int], None]


class Work:
    """A command, undisturbed at first, and then again and again with disturbances.

    Attributes:
        place: Where it is done now.
        seconds: What it took undisturbed.
        steps: That it took undisturbed.

    Args:
        arguments: The command.
        folder: For all its places.
        count: Tells the calls begun in all places, for an engine that keeps no journal.
    """

    def __init__(
        self, arguments: list[str], folder: Path, count: Callable[[], int] | None = None
    ) -> None:
        """Do it without a disturbance."""
        self._arguments, self._folder, self._count = arguments, folder, count
        self._number = 0
        self._calls: list[str] = []
        self.place = self._begin()
        self._journal = any(JOURNAL in argument for argument in arguments)
        started = time.monotonic()
        ended = self.do()
        self.seconds = time.monotonic() - started
        assert ended.code == 0, ended.told
        self.steps = ended.steps
        self._left, self._calls = outcome(self.place), begun(self.place)
        self.place = self._begin()

    def _begin(self) -> Path:
        self._number += 1
        return prepare(self._folder / str(self._number))

    def do(
        self,
        signals: Signals = MappingProxyType({}),
        disturb: Callable[[Running], object] = lambda running: None,
    ) -> Ended:
        """Start the command, disturb it, and hold its calls against what is allowed."""
        before, known, count = completed(self.place), len(begun(self.place)), self._counted()
        running = Running(self._arguments, self.place, signals)
        disturb(running)
        ended = running.end()
        after = completed(self.place)
        assert {key: after.get(key) for key in before} == before, "a completed call was replaced"
        calls = begun(self.place)[known:]
        if self._journal and len(set(self._calls)) == len(self._calls):
            done = {name for name, _ in before.values()}
            assert not done.intersection(calls), "a completed call was begun again"
        if self._journal or self._count:
            lost = len(calls) + self._counted() - count - len(after.keys() - before.keys())
            in_time = ended.code >= 0 and len(signals) < 2  # a second stop waits for nobody
            most = 0 if in_time else IN_FLIGHT
            assert 0 <= lost <= most, "calls were lost that were not in flight"
        return ended

    @property
    def begun(self) -> bool:
        """Whether there is something that can be kept."""
        return any(self.place.glob("*/brief.yaml")) or (self.place / "set").exists()

    def _counted(self) -> int:
        return self._count() if self._count else 0

    def check(self) -> None:
        """See that the work is the one that was not disturbed; begin anew elsewhere."""
        assert outcome(self.place) == self._left
        assert set(begun(self.place)) == set(self._calls)
        self.place = self._begin()


def kill_often(work: Work, kills: int, rng: random.Random) -> None:
    """Kill a work so often, at steps and at times by turns; each time it ends, it is checked."""

    def kill_in_time(running: Running) -> None:
        running.wait(rng.uniform(0, work.seconds))
        running.send(signal.SIGKILL)

    dealt = 0
    while dealt < kills:
        step = rng.randint(1, work.steps)
        at_step = dealt % 3 < 2
        ended = work.do({step: signal.SIGKILL}) if at_step else work.do({}, kill_in_time)
        dealt += ended.killed
        if not ended.killed:
            assert ended.code == 0, ended.told
            work.check()
    ended = work.do()
    assert ended.code == 0, ended.told
    work.check()


@pytest.mark.parametrize(
    ("name", "short", "whole"),
    [
        ("thread", 2, 36),
        ("dag", 3, 36),
        ("batch", 2, 36),
        ("documents", 2, 28),
        ("rows", 2, 28),
        ("nano", 2, 20),
    ],
)
def test_a_work_killed_again_and_again_is_the_one_that_was_not(
    tmp_path: Path, amount: Amount, tell: Tell, name: str, short: int, whole: int
) -> None:
    kills = amount(short, whole)
    kill_often(Work(WORKS[name], tmp_path), kills, random.Random(name))
    tell("kills dealt to a command at work, its end the same to the byte", kills)


def test_a_server_is_asked_again_for_no_more_than_was_in_flight(
    tmp_path: Path, amount: Amount, tell: Tell
) -> None:
    server = Server(rate=20_000.0, chunk=100)
    with serve(server) as address:
        arguments = [*write_by(MODEL, 1_500, "dag"), "--base-url", address]
        work = Work(arguments, tmp_path, lambda: server.calls)
        kills = amount(1, 16)
        kill_often(work, kills, random.Random("server"))
    tell("kills dealt to a command at work, its end the same to the byte", kills)


# --- a person's or the system's wish to stop -----------------------------------------------------

ASKED = "longwrite: Stopped: as asked. Run the same command to go on from here."


@pytest.mark.parametrize("name", ["thread", "dag", "batch", "documents", "rows"])
def test_a_work_asked_to_stop_says_how_to_go_on_and_loses_nothing(
    tmp_path: Path, amount: Amount, tell: Tell, name: str
) -> None:
    work, rng = Work(WORKS[name], tmp_path), random.Random(name)
    stops = amount(1, 20)
    dealt = 0
    while dealt < stops:
        step = rng.randint(1, work.steps)
        number = rng.choice((signal.SIGINT, signal.SIGTERM))
        signals = {step: number}
        if dealt % 2:  # and once more, for somebody who can't wait
            signals[step + rng.randint(1, 40)] = number
        ended = work.do(signals)
        assert "Traceback" not in ended.told
        if ended.code == 0:
            work.check()
            continue
        dealt += 1
        assert ended.code == 130, (ended, signals)
        assert ended.told.rstrip().endswith(ASKED), (ended, signals)
        if "Stopping: " in ended.told and work.begun:
            assert "keeps what is done" in ended.told
    ended = work.do()
    assert ended.code == 0, ended.told
    work.check()
    tell("stops asked for, the end the same to the byte", stops)
