"""An event loop that never waits: when nothing can go on, its clock jumps to the next timer.

Everything in it happens in one thread and in the order of its timers, so two runs are the same to
the last digit, and hours take as long as the program's own work.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import TypeVar

_T = TypeVar("_T")


class _Jump(selectors.DefaultSelector):
    """Lets time pass instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return at once, the clock moved on by what would have been waited."""
        ready = super().select(0)
        if timeout is None and not ready:
            raise RuntimeError("nothing is left that could happen: the program waits for ever")
        if not ready:
            self.now += timeout or 0.0
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; its `time` begins at 0."""

    def __init__(self) -> None:
        """Begin at 0."""
        self._jump = _Jump()
        super().__init__(self._jump)
        self._clock_resolution = 1e-7  # sums of floats may fall short of a timer by less

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._jump.now


def run_virtual(work: Coroutine[object, object, _T]) -> tuple[_T, float]:
    """Run a coroutine on a virtual clock; returns its result and the seconds it took there.

    >>> run_virtual(asyncio.sleep(3600, "an hour"))
    ('an hour', 3600.0)
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        result = runner.run(work)
        return result, runner.get_loop().time()
