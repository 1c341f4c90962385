"""One of several processes of a run: what `accelerate launch -m longwrite.train` starts.

accelerate launch --num_processes 8 -m longwrite.train sft config.yaml --learning_rate 1e-5
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from longwrite.errors import LongwriteError, UsageError
from longwrite.train.settings import METHODS, read_order


def main(arguments: Sequence[str]) -> int:
    """Train as the arguments say; returns the exit code."""
    first = os.environ.get("RANK", "0") == "0"

    def say(line: str) -> None:
        if first:
            sys.stderr.write(f"{line}\n")

    try:
        method = next((one for one in METHODS if arguments[:1] == [one]), None)
        if method is None:
            mend = "Write: accelerate launch -m longwrite.train sft CONFIG.yaml"
            raise UsageError("No method is named", f"known are {', '.join(METHODS)}", mend)
        rest = list(arguments[1:])
        config = Path(rest.pop(0)) if rest and not rest[0].startswith("--") else None
        order = read_order(method, config, rest)

        from longwrite.train.preparation import prepare
        from longwrite.train.running import train

        done = train(prepare(order), say)
        say(f"{done.folder}: {done.steps:,} steps.")
    except LongwriteError as error:
        say(f"longwrite: {error}")
        return error.exit_code
    return 0


def run(arguments: Sequence[str]) -> int:
    """Train, and leave the group of processes in good order."""
    code = main(arguments)
    from longwrite.train.stopping import leave_group

    leave_group()
    return code


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
