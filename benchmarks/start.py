"""How long the command line takes to say what it can, process start included.

python -m benchmarks start
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import typer

from benchmarks.table import Bar, lay_out, show_figure, show_judged

_MOST = Bar("most", 80)
_COMMANDS = {
    "python alone": ["-c", "pass"],
    "python and typer": ["-c", "import typer"],
    "longwrite --help": ["-c", "from longwrite.cli.main import run; run()", "--help"],
}


def time_start(arguments: list[str], times: int) -> float:
    """Return the median milliseconds of a Python process."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        found.append(time.perf_counter() - begun)
    return 1e3 * statistics.median(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=15)
    given = parser.parse_args()
    rows = []
    for name, arguments in _COMMANDS.items():
        figure = time_start(arguments, given.times)
        ours = name.startswith("longwrite")
        rows.append([name, show_judged(figure, _MOST) if ours else show_figure(figure)])
    typer.echo(lay_out(["start", "median, ms"], rows))


if __name__ == "__main__":
    main()
