"""The openai engine against a real server: `transformers serve` on a tiny model."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from longwrite.engines.child import ChildServer, free_port
from longwrite.engines.openai import OpenAIEngine
from longwrite.types import Json, Message, Request, Sampling
from tests.integration.children import kill_server

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "transformers", "fastapi", "uvicorn")),
    reason="needs the extra `local`: transformers with its server",
)


@dataclass(frozen=True)
class Served:
    engine: OpenAIEngine
    server: ChildServer
    warnings: list[str]


@asynccontextmanager
async def serving(model: Path, home: Path) -> AsyncIterator[Served]:
    port = free_port()
    (home / "hub").mkdir(parents=True)  # it lists its cache, and fails where there is none
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    server = ChildServer(
        "transformers serve",
        [
            *(sys.executable, "-m", "transformers.cli.transformers", "serve", str(model)),
            *("--continuous-batching", "--device=cpu", "--host=127.0.0.1", f"--port={port}"),
            # By itself its cache takes most of the memory, and half a minute to be filled with 0.
            *("--cb-block-size=32", "--cb-num-blocks=1200", "--cb-max-batch-tokens=512"),
        ],
        environment,
    )
    warnings: list[str] = []
    try:
        await server.wait_until_ready(port, 120.0, warnings.append)
        warnings.clear()
        engine = await OpenAIEngine.open(
            str(model), f"http://127.0.0.1:{port}/v1", window=4096, on_warning=warnings.append
        )
        yield Served(engine, server, warnings)
        await engine.close()
    finally:
        await server.stop()


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def served(
    runner: asyncio.Runner, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    context = serving(tiny_model, tmp_path_factory.mktemp("serve") / "home")
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


def ask(cap: int, **extra: Json) -> Request:
    return Request((Message("user", "Write about rain."),), Sampling(cap, extra=extra))


def test_many_at_once_stop_by_themselves_or_at_their_caps(
    runner: asyncio.Runner, served: Served
) -> None:
    async def act() -> None:
        caps = [4] * 8 + [1500] * 8
        replies = await asyncio.gather(*(served.engine.generate(ask(cap)) for cap in caps))
        for cap, reply in zip(caps, replies, strict=True):
            if reply.error is not None:  # it may end its turn at once
                assert reply.error.kind == "empty"
                continue
            assert reply.text
            assert reply.usage.prompt == replies[0].usage.prompt
            completion = reply.usage.completion or 0
            assert (completion == cap) if reply.finish == "length" else (completion <= cap)
        assert "length" in {reply.finish for reply in replies[:8]}
        assert "stop" in {reply.finish for reply in replies[8:]}

    runner.run(act())


def test_fields_that_it_refuses_are_left_out_and_told(
    runner: asyncio.Runner, served: Served
) -> None:
    async def act() -> None:
        reply = await served.engine.generate(ask(20, min_p=0.1, nonsense=True))
        assert reply.text
        assert reply.dropped == ("min_p", "nonsense")
        assert [part for text in served.warnings for part in text.split("'")[1:2]] == [
            "min_p",
            "nonsense",
        ]
        assert (await served.engine.generate(ask(20))).dropped == ()

    runner.run(act())


def test_a_watch_ends_a_reply(runner: asyncio.Runner, served: Served) -> None:
    async def act() -> None:
        # Drawn replies may be short, but not all of them.
        replies = await asyncio.gather(
            *(served.engine.generate(ask(1500), lambda text: len(text) > 20) for _ in range(8))
        )
        stopped = [reply for reply in replies if reply.finish == "watch"]
        assert stopped
        assert all(20 < len(reply.text) < 500 for reply in stopped)

    runner.run(act())


def test_a_server_killed_in_the_middle_leaves_an_error_and_no_text(
    tiny_model: Path, tmp_path: Path
) -> None:
    async def act() -> None:
        async with serving(tiny_model, tmp_path / "home") as served:
            begun = asyncio.Event()

            def watch(_: str) -> bool:
                begun.set()
                return False

            # Enough of them that some are still being written.
            calls = [
                asyncio.create_task(served.engine.generate(ask(4000), watch)) for _ in range(8)
            ]
            await begun.wait()
            kill_server(served.server)
            replies = await asyncio.gather(*calls)
            failed = [reply for reply in replies if reply.error]
            assert failed
            for reply in failed:
                assert (reply.text, reply.finish) == ("", None)
            kinds = {reply.error.kind for reply in failed if reply.error}
            assert kinds <= {"unreachable", "broken", "empty"}
            assert "unreachable" in kinds

    asyncio.run(act())
