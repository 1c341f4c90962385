"""The vllm engine on a real vLLM, from its start to its death.

It needs an environment with vLLM, as ``make vllm`` makes one; LONGWRITE_VLLM_PYTHON names the
interpreter of another. ``pytest -s -m vllm tests/integration`` shows the figures that it sees.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from longwrite.engines.folder import digest_folder
from longwrite.engines.vllm import VllmEngine
from longwrite.errors import EngineError
from longwrite.types import Json, Message, Reply, Request, Sampling
from tests.integration.children import group_is_gone, kill_server, server_group
from tests.integration.real_vllm import MARKS, PYTHON

pytestmark = MARKS

PLAN: dict[str, Json] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 40},
        "sections": {
            "type": "array",
            "minItems": 2,
            "maxItems": 4,
            "items": {
                "type": "object",
                "properties": {
                    "title": {"type": "string", "maxLength": 20},
                    "words": {"type": "integer", "minimum": 100, "maximum": 900},
                },
                "required": ["title", "words"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["title", "sections"],
    "additionalProperties": False,
}


def show(line: str) -> None:
    sys.stdout.write(f"\n{line}")


@asynccontextmanager
async def opened(model: Path) -> AsyncIterator[VllmEngine]:
    began = time.monotonic()
    engine = await VllmEngine.open(str(model), python=PYTHON, patience=280.0, on_progress=show)
    show(f"ready after {time.monotonic() - began:.1f} s")
    try:
        yield engine
    finally:
        began = time.monotonic()
        await engine.close()
        show(f"stopped after {time.monotonic() - began:.1f} s")


@pytest.fixture(scope="module", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the servers a small cache, and their logs a place that goes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("logs")))
        yield


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def engine(runner: asyncio.Runner, tiny_model: Path) -> Iterator[VllmEngine]:
    context = opened(tiny_model)
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


def ask(cap: int, seed: int = 1, *, messages: tuple[Message, ...] = ()) -> Request:
    return Request(
        messages or (Message("user", "Write about rain."),), Sampling(cap, 0.8, 0.95, seed)
    )


def test_what_it_is(engine: VllmEngine, tiny_model: Path) -> None:
    assert engine.identity == f"vllm:{digest_folder(tiny_model)}"
    assert engine.abilities.window == 4096
    assert engine.abilities.json


def test_replies_stop_by_themselves_or_at_their_caps(
    runner: asyncio.Runner, engine: VllmEngine
) -> None:
    requests = [ask(40, seed) for seed in range(8)] + [ask(1500, seed) for seed in range(8)]

    async def act() -> list[Reply]:
        return await asyncio.gather(*(engine.generate(request) for request in requests))

    began = time.monotonic()
    replies = runner.run(act())
    seconds = time.monotonic() - began
    for request, reply in zip(requests, replies, strict=True):
        cap = request.sampling.max_tokens
        assert reply.text
        assert not reply.dropped
        assert reply.usage.prompt == replies[0].usage.prompt
        completion = reply.usage.completion or 0
        assert (completion == cap) if reply.finish == "length" else (completion <= cap)
    assert "length" in {reply.finish for reply in replies[:8]}
    assert "stop" in {reply.finish for reply in replies[8:]}
    tokens = sum(reply.usage.completion or 0 for reply in replies)
    show(f"finishes {[reply.finish for reply in replies]}")
    show(f"16 requests at once: {tokens} tokens, {tokens / seconds:.0f} tokens/s")


def test_long_prompts_at_once_don_t_end_it(runner: asyncio.Runner, engine: VllmEngine) -> None:
    """More to read than one step holds, each with a seed: vLLM 0.32 on a CPU fell over that."""
    heads = [f"Number {number}. " + "What is known of rain. " * 160 for number in range(4)]

    async def act() -> list[Reply]:
        asked = (ask(60, seed, messages=(Message("user", one),)) for seed, one in enumerate(heads))
        return await asyncio.gather(*(engine.generate(one) for one in asked))

    replies = runner.run(act())
    read = sum(reply.usage.prompt or 0 for reply in replies)
    show(f"4 prompts of {read} tokens together")
    assert read > 3 * 2_048
    assert all(reply.error is None and reply.text for reply in replies)


def test_cached_tokens_grow_along_a_thread(runner: asyncio.Runner, engine: VllmEngine) -> None:
    """The server keeps blocks of 128 tokens; a turn finds all the whole ones before it."""

    async def act() -> list[tuple[int, int]]:
        messages: tuple[Message, ...] = (Message("user", "A head that all turns share. " * 12),)
        seen = []
        for turn in range(6):
            reply = await engine.generate(ask(200, seed=50 + turn, messages=messages))
            assert reply.error is None
            seen.append((reply.usage.prompt or 0, reply.usage.cached or 0))
            answer = Message("assistant", reply.text)
            messages = (*messages, answer, Message("user", "Go on with the next section."))
        return seen

    seen = runner.run(act())
    show(f"prompt and cached tokens along a thread: {seen}")
    cached = [after for _, after in seen]
    assert cached[0] == 0
    assert cached == sorted(cached)
    assert cached[-1] > cached[1] > 0
    # Text that is no text may be cut into other tokens when it comes back, and end a match early;
    # the prompt before it always stays found.
    for (before, _), (_, found) in pairwise(seen):
        assert found >= before // 128 * 128


def test_a_schema_forces_the_reply(runner: asyncio.Runner, engine: VllmEngine) -> None:
    async def act() -> list[Reply]:
        requests = [
            Request(ask(1).messages, Sampling(1500, seed=seed), schema=PLAN) for seed in range(4)
        ]
        return await asyncio.gather(*(engine.generate(request) for request in requests))

    for reply in runner.run(act()):
        assert (reply.finish, reply.dropped) == ("stop", ())
        # The grammar lets raw control characters into strings, which strict JSON forbids.
        plan = json.loads(reply.text, strict=False)
        show(f"plan: {plan}")
        assert set(plan) == {"title", "sections"}
        assert 2 <= len(plan["sections"]) <= 4
        for section in plan["sections"]:
            assert set(section) == {"title", "words"}
            assert 100 <= section["words"] <= 900


def test_a_request_larger_than_the_window_is_an_error(
    runner: asyncio.Runner, engine: VllmEngine
) -> None:
    # Fewer tokens by the estimate than by this model, so that it is the server that refuses.
    reply = runner.run(engine.generate(ask(50, messages=(Message("user", "qx" * 5000),))))
    assert reply.error is not None
    assert (reply.text, reply.error.kind) == ("", "window")
    show(f"refused: {reply.error.message}")


def test_a_deadline_ends_a_call_and_not_the_server(
    runner: asyncio.Runner, engine: VllmEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(engine._client, "_first_token", 0.001)  # seconds
        late = runner.run(engine.generate(ask(3000)))
    assert late.error is not None
    assert (late.text, late.error.kind) == ("", "timeout")
    show(f"deadline: {late.error.message}")
    assert runner.run(engine.generate(ask(40))).error is None


def test_killing_the_server_ends_its_calls_and_leaves_nothing(tiny_model: Path) -> None:
    async def act() -> None:
        async with opened(tiny_model) as engine:
            begun = asyncio.Event()

            def watch(_: str) -> bool:
                begun.set()
                return False

            calls = [
                asyncio.create_task(engine.generate(ask(3000, seed), watch)) for seed in range(8)
            ]
            await begun.wait()
            group = server_group(engine._server)
            kill_server(engine._server)
            began = time.monotonic()
            replies = [*await asyncio.gather(*calls), await engine.generate(ask(10))]
            show(f"killed, noticed after {time.monotonic() - began:.2f} s: {replies[-1].error}")
            dead = [reply for reply in replies if reply.error]
            assert replies[-1] in dead
            assert len(dead) > 1
            for reply in dead:
                assert (reply.text, reply.finish) == ("", None)
                assert reply.error
                assert (reply.error.kind, reply.error.fatal) == ("unreachable", True)
        assert group_is_gone(group)

    asyncio.run(act())


def test_what_vllm_refuses_is_quoted(tiny_model: Path) -> None:
    with pytest.raises(EngineError, match="max_model_len") as caught:
        asyncio.run(VllmEngine.open(str(tiny_model), python=PYTHON, window=99_999))
    show(str(caught.value))
