"""Running a command's coroutine: engines opened and closed, Ctrl-C and SIGTERM taken well.

The first signal lets the calls in flight come in and then stops; the second stops at once. Either
way what was completed is kept.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

from longwrite.agent.budget import Budget
from longwrite.api import Press, open_press
from longwrite.cli.output import say
from longwrite.engines.choice import Choice, describe
from longwrite.errors import Interrupted
from longwrite.types import Role

_T = TypeVar("_T")


def run_with_press(
    choices: dict[Role, Choice],
    budget: Budget,
    work: Callable[[Press], Awaitable[_T]],
    *,
    quiet: bool = False,
) -> _T:
    """Open the engines, do the work, close them.

    Raises:
        LongwriteError: The work can't be done or was stopped.
    """
    return asyncio.run(_run(choices, budget, work, quiet))


async def _run(
    choices: dict[Role, Choice],
    budget: Budget,
    work: Callable[[Press], Awaitable[_T]],
    quiet: bool,
) -> _T:
    first = describe(choices["write"].model)
    if first and not quiet:
        say(first)
    press = await open_press(choices, budget, lambda message: say(f"note: {message}"))
    reason = Interrupted()
    task = asyncio.ensure_future(work(press))
    signals = 0

    def stop() -> None:
        nonlocal signals
        signals += 1
        if signals == 1:
            say("Stopping: the calls in flight come in first. Once more stops at once.")
            press.stop(reason)
        else:
            task.cancel()

    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        raise reason from None
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
        await press.close()
