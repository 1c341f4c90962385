"""What the client itself costs: time a call and a streamed chunk, the call log, memory.

python -m benchmarks client             # a document of 130,000 tokens over HTTP on this machine

The engine answers at once, from a process of its own, and the client's processor time is read, so
that its waiting doesn't count. The bar is 5 ms a call and 100 µs a streamed chunk. The same
document is written twice, with a token and with sixteen to a chunk, to tell chunks from the rest: a
call, and the gates that look at every word of its text.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import typer

from benchmarks.run import TOKENS_PER_WORD, WISH, make_press
from benchmarks.table import Bar, lay_out, show_figure, show_judged
from longwrite.agent.settings import Settings
from longwrite.api import write_run
from longwrite.engines.openai import OpenAIEngine
from longwrite.engines.stream import Answer
from longwrite.runs.store import Store
from longwrite.types import Brief

TOKENS, IN_FLIGHT = 130_000, 32
_CHUNKS = (1, 16)
_CALL, _CHUNK = Bar("most", 5.0), Bar("most", 100.0)
_LOG, _MEMORY = Bar("most", 1.0), Bar("most", 200.0)


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def write_once(tokens: int, address: str) -> dict[str, Any]:
    """Write a document over HTTP and return what it cost this process."""
    logged: list[float] = []
    chunks = 0
    worked: list[float] = []
    put, add = Store.put_reply, Answer.add

    def put_timed(self: Store, *args: Any) -> None:
        begun, work = time.perf_counter(), time.process_time()
        put(self, *args)
        logged.append(time.perf_counter() - begun)
        worked.append(time.process_time() - work)

    def add_counted(self: Answer, name: str, data: str) -> None:
        nonlocal chunks
        chunks += 1
        add(self, name, data)

    async def write(path: Path) -> dict[str, Any]:
        engine = await OpenAIEngine.open("modelled", address, api_key="none", in_flight=IN_FLIGHT)
        brief = Brief(WISH, round(tokens / TOKENS_PER_WORD), language="en")
        press = make_press(engine, IN_FLIGHT)
        before = _used()
        try:
            outcome = await write_run(path, press, brief, Settings(concurrency=IN_FLIGHT))
        finally:
            await engine.close()
        return {"calls": outcome.report["calls"]["made"], "seconds": _used() - before,
                "words": outcome.report["words"]["delivered"]}  # fmt: skip

    with (
        patch.object(Store, "put_reply", put_timed),
        patch.object(Answer, "add", add_counted),
        tempfile.TemporaryDirectory() as folder,
    ):
        found = asyncio.run(write(Path(folder) / "run"))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found | {
        "chunks": chunks,
        "log_ms": 1e3 * statistics.median(logged),
        "log_cpu_ms": 1e3 * statistics.median(worked),
        "memory_mb": memory,
    }


def measure(tokens: int, chunk: int) -> dict[str, Any]:
    """Write a document in a fresh process, on a server that sends so many tokens a chunk."""
    serve = [sys.executable, "-m", "benchmarks", "serve", "--chunk", str(chunk)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            write = [sys.executable, "-m", "benchmarks", "client", "--tokens", str(tokens)]
            done = subprocess.run(
                [*write, "--address", address], check=True, capture_output=True, text=True
            )
        finally:
            server.terminate()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--address", help="write once, to this server, and print JSON")
    given = parser.parse_args()
    if given.address:
        typer.echo(json.dumps(write_once(given.tokens, given.address)))
        return
    fine, coarse = (measure(given.tokens, chunk) for chunk in _CHUNKS)
    allowed = fine["calls"] * _CALL.value / 1e3 + fine["chunks"] * _CHUNK.value / 1e6
    a_chunk = (fine["seconds"] - coarse["seconds"]) / (fine["chunks"] - coarse["chunks"])
    a_call = (coarse["seconds"] - a_chunk * coarse["chunks"]) / coarse["calls"]
    rows = [
        ["all of it, a token to a chunk, s", show_judged(fine["seconds"], Bar("most", allowed))],
        ["a streamed chunk, µs", show_judged(1e6 * a_chunk, _CHUNK)],
        ["a call and its text, ms", show_figure(1e3 * a_call)],
        ["call log, median of a stored call, ms", show_judged(fine["log_ms"], _LOG)],
        ["the same, processor time only, ms", show_figure(fine["log_cpu_ms"])],
        ["memory, MB", show_judged(fine["memory_mb"], _MEMORY)],
    ]
    typer.echo(
        f"{fine['words']:,} words: {fine['calls']} calls, {fine['chunks']:,} chunks in "
        f"{fine['seconds']:.1f} s of processor time; {coarse['chunks']:,} chunks in "
        f"{coarse['seconds']:.1f} s\n"
    )
    typer.echo(lay_out(["client", "measured"], rows))


if __name__ == "__main__":
    main()
