"""``python -m benchmarks NAME``: one table a name.

speed       longwrite and its peers at four lengths, against the bars
saturated   a server with more to do than it can at once
client      what the client itself costs, over HTTP on this machine
growth      how cost, depth and time grow from 2,000 tokens to 1,000,000 words
start       how long the command line takes to say what it can
duplicates  near-duplicates of dag against thread, by the embedded model
follow      where the tokens of one way to write go: ``follow dag 13000``
serve       the engine behind HTTP, with faults on demand
"""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = ("speed", "saturated", "client", "growth", "start", "duplicates", "follow", "serve")


def main() -> int:
    """Run a benchmark by its name."""
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        sys.stderr.write(f"python -m benchmarks NAME\n\n{__doc__}")
        return 2
    name = sys.argv.pop(1)
    sys.argv[0] = f"python -m benchmarks {name}"
    import_module(f"benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
