"""What a command may find wrong with the machine, arranged before it begins."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import time

DAY = 86_400.0


def turn_the_clock() -> None:
    """Let the wall clock jump at every look: a day to and fro, to its beginning, far ahead."""
    now = time.time()
    jumps = itertools.cycle((now, now + DAY, now - DAY, 0.0, 4_102_444_800.0, now - 1.0))
    time.time = lambda: next(jumps)


def be_homeless() -> None:
    """Let the user have no home, as in a container without an entry for him."""

    def fail(number: int) -> pwd.struct_passwd:
        raise KeyError(number)

    pwd.getpwuid = fail


def lose_the_folder() -> None:
    """Delete the folder that the command runs in."""
    shutil.rmtree(os.getcwd())
