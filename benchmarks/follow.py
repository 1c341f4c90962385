"""Where the tokens of a document go, step by step.

python -m benchmarks follow dag 13000
"""

from __future__ import annotations

import argparse

import typer

from benchmarks.run import AGENTWRITE, AUTO, COGWRITER, DAG, EPOCHS, STORM, THREAD, measure
from benchmarks.table import lay_out, show_figure

_WAYS = {
    way.name.removeprefix("longwrite ").lower(): way
    for way in (AUTO, DAG, THREAD, EPOCHS, AGENTWRITE, COGWRITER, STORM)
}


def main() -> None:
    """Print a line for each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=_WAYS)
    parser.add_argument("tokens", type=int)
    parser.add_argument("--in-flight", type=int, default=32)
    given = parser.parse_args()
    taken = measure(_WAYS[given.way], given.tokens, given.in_flight)
    rows = []
    for step in dict.fromkeys(call.step for call in taken.calls):
        calls = [call for call in taken.calls if call.step == step]
        sums = [
            sum(getattr(call, name) for call in calls) for name in ("prompt", "uncached", "written")
        ]
        each = [show_figure(total / len(calls)) for total in sums]
        rows.append([step, str(len(calls)), *each, f"{sums[1] / taken.final:.3f}"])
    head = ["step", "calls", "prompt", "uncached", "written a call", "uncached per final token"]
    typer.echo(lay_out(head, rows))
    typer.echo(
        f"{taken.final:,} tokens in {taken.seconds:.1f} s: {taken.uncached:.3f} uncached and "
        f"{taken.written:.3f} written per final token"
    )


if __name__ == "__main__":
    main()
