"""The modelled engine behind HTTP on this machine, with faults on demand.

python -m benchmarks serve --port 8000 --faults '[{"kind": "cut", "call": 3, "at": 500}]'

Its first line is its address, for ``longwrite write … --model modelled --base-url ADDRESS``. Faults
can be changed while it runs: POST the list to /faults.
"""

from __future__ import annotations

import argparse
import asyncio

import typer

from benchmarks.engine.answers import Manner
from benchmarks.engine.faults import KINDS, parse_rules
from benchmarks.engine.server import Server


async def _serve(server: Server, port: int) -> None:
    async with server.listen(port) as address:
        typer.echo(address)
        await asyncio.get_running_loop().create_future()


def main() -> None:
    """Serve until it is ended."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="faults: " + "; ".join(f"{name}: {what}" for name, what in KINDS.items()),
    )  # fmt: skip
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rate", type=float, default=0.0, help="tokens a second of a stream")
    parser.add_argument("--chunk", type=int, default=1, help="tokens of an event")
    parser.add_argument("--spread", type=float, default=0.0, help="how far lengths may miss")
    parser.add_argument("--block", type=int, default=16, help="tokens of a block of its cache")
    parser.add_argument("--faults", default="[]", help="a list of rules as JSON")
    given = parser.parse_args()
    server = Server(
        Manner(given.spread), given.rate, given.chunk, block=given.block,
        rules=parse_rules(given.faults),
    )  # fmt: skip
    try:
        asyncio.run(_serve(server, given.port))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
