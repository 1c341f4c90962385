"""The engine against a real server on loopback that answers, fails and stalls as told."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from longwrite.engines.engine import Engine
from longwrite.types import Json, Message, Reply, Usage
from tests.engines.asking import KEY, REQUEST, ask, kind, opened
from tests.engines.faulty_server import (
    DONE,
    Part,
    Response,
    delta,
    event,
    good,
    refusal,
    usage,
)

WHOLE = "雨，rain 🌧。"


# --- a reply that came -----------------------------------------------------------------------


def test_a_stream_becomes_a_reply() -> None:
    parts = [delta("It "), delta("rained."), delta(finish="stop"), usage(20, 3, 16), DONE]
    reply, server = ask(Response(parts))
    assert reply == Reply("It rained.", "stop", Usage(20, 3, 16), model="tiny-1")
    body = server.bodies[0]
    assert body["messages"] == [{"role": "user", "content": "Write about rain."}]
    assert body["stream_options"] == {"include_usage": True}
    assert body["model"] == "tiny" and body["stream"] is True
    assert (body["max_tokens"], body["seed"]) == (64, 7)
    assert f"Bearer {KEY}" in server.headers[0]


def test_the_engine_keeps_the_protocol() -> None:
    async def main() -> None:
        async with opened() as (engine, _):
            typed: Engine = engine
            assert typed.identity == "openai:tiny"
            assert typed.abilities.window == 4096 and not typed.abilities.deterministic

    asyncio.run(main())


def test_length_is_a_finish() -> None:
    reply, _ = ask(good("It rained and", finish="length"))
    assert (reply.text, reply.finish) == ("It rained and", "length")


def test_extra_fields_and_a_schema_are_sent() -> None:
    sampling = replace(REQUEST.sampling, extra={"min_p": 0.1, "temperature": 0.5})
    schema: dict[str, Json] = {"type": "object", "properties": {}}
    _, server = ask(good("{}"), request=replace(REQUEST, sampling=sampling, schema=schema))
    body = server.bodies[0]
    assert (body["min_p"], body["temperature"]) == (0.1, 0.5)
    forced = {"name": "reply", "strict": True, "schema": schema}
    assert body["response_format"] == {"type": "json_schema", "json_schema": forced}


def test_a_schema_is_not_sent_to_a_server_that_cannot_force_it() -> None:
    _, server = ask(good("{}"), request=replace(REQUEST, schema={"type": "object"}), json=False)
    assert "response_format" not in server.bodies[0]


def test_thoughts_are_kept_apart_in_tags_and_in_channels() -> None:
    tagged, _ = ask(good("<thi", "nk>A plan.</th", "ink>\n\nIt rained."))
    assert (tagged.text, tagged.thinking) == ("It rained.", "A plan.")
    for channel in ("reasoning_content", "reasoning"):
        parts = [
            delta(None, **{channel: "A "}),
            delta(None, **{channel: "plan."}),
            *good("It rained.").parts,
        ]
        reply, _ = ask(Response(parts))
        assert (reply.text, reply.thinking) == ("It rained.", "A plan.")


def test_characters_escaped_in_halves_are_joined() -> None:
    chunk = '{"choices":[{"delta":{"content":"HALF"}}]}'
    halves = [event(chunk.replace("HALF", half)) for half in ("\\ud83c", "\\udf27")]
    reply, _ = ask(Response([*halves, delta(finish="stop"), DONE]))
    assert reply.text == "🌧"


def test_a_watch_sees_the_answer_grow_and_stops_it() -> None:
    seen: list[str] = []

    def watch(text: str) -> bool:
        seen.append(text)
        return "rain" in text

    endless: list[Part] = [0.02, delta(" on")]
    thought = delta("<think>rain?</think>It ")
    endless = [thought, 0.02, delta("rains"), *endless * 500]
    reply, _ = ask(Response(endless), watch=watch)
    assert (reply.text, reply.finish, reply.thinking) == ("It rains", "watch", "rain?")
    assert seen == ["It ", "It rains"]


def test_a_watch_sees_the_whole_answer_at_the_end() -> None:
    text = "It rained. " * 50
    late = Response([delta(text), 0.1, delta("!"), 0.1, delta(finish="stop"), DONE])
    reply, _ = ask(late, watch=lambda answer: answer.endswith("!"))
    assert (reply.text, reply.finish) == (f"{text}!", "watch")


def test_requests_in_flight_are_limited() -> None:
    slow = Response([0.01, *good("Hello").parts])

    async def main() -> int:
        async with opened(slow, in_flight=3) as (engine, server):
            replies = await asyncio.gather(*(engine.generate(REQUEST) for _ in range(20)))
            assert all(reply.text == "Hello" for reply in replies)
            return server.peak

    assert asyncio.run(main()) == 3


# --- streams that are no reply ---------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
def test_a_stream_cut_at_any_byte_is_whole_or_an_error(chunked: bool) -> None:
    parts = [delta(WHOLE[:3]), delta(WHOLE[3:]), delta(finish="stop"), DONE]
    whole = Response(parts, chunked=chunked)
    ends = range(len(whole.body))
    ended = len(whole.body) - len(DONE)
    script = [replace(whole, cut=end) for end in ends]

    async def main() -> list[Reply]:
        async with opened(*script, attempts=1, in_flight=1) as (engine, _):
            return [await engine.generate(REQUEST) for _ in ends]

    for end, reply in zip(ends, asyncio.run(main()), strict=True):
        if end < ended:
            assert kind(reply) == "broken"
        else:
            assert (reply.text, reply.finish) == (WHOLE, "stop")


BROKEN = {"error": {"message": "engine died", "code": 500}}
NO_END = [delta("Half a"), delta(" tale")]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([*NO_END, DONE], "broken"),
        ([*NO_END, event(BROKEN), DONE], "broken"),
        ([*NO_END, event({"message": "engine died"}, "error"), delta(finish="stop")], "broken"),
        ([*NO_END, event("engine died", "error"), delta(finish="stop"), DONE], "broken"),
        ([*NO_END, event({"object": "error", "message": "x"}), delta(finish="stop")], "broken"),
        ([event({"error": {"message": "the context size is exceeded"}})], "window"),
        ([b""], "broken"),
        ([delta(finish="stop"), DONE], "empty"),
        ([delta(None, content=None), delta(" \n", "stop"), DONE], "empty"),
        ([delta("<think>All thought"), delta(finish="length"), DONE], "empty"),
        ([event({"choices": []}), usage(3, 0, 0), DONE], "empty"),
        ([DONE], "empty"),
        ([delta("Half", "content_filter"), DONE], "refused"),
        ([delta(refusal="I can't help."), delta(finish="stop"), DONE], "refused"),
        ([delta("Half", "tool_calls"), DONE], "invalid"),
        ([b"<!doctype html><title>Sign in</title>" * 99], "invalid"),
        ([b'{"choices": [{"message": {"content": "not a stream"}}]}'], "invalid"),
        ([event('{"choices": [{'), delta("x", "stop")], "invalid"),
        ([event("[" * 200_000), delta("x", "stop")], "invalid"),
        ([event("[1]"), delta("x", "stop")], "invalid"),
        ([delta(content=["not text"]), delta("x", "stop")], "invalid"),
        ([b"data: \xff\xfe\n\n", delta("x", "stop")], "invalid"),
    ],
)
def test_what_is_no_complete_answer_is_never_text(parts: list[bytes], expected: str) -> None:
    reply, server = ask(Response(parts), attempts=2)
    assert kind(reply) == expected
    assert reply.error is not None and not reply.error.fatal
    assert len(server.bodies) == (2 if expected == "broken" else 1)


@pytest.mark.timeout(20)
def test_a_server_that_does_not_close_after_the_end_is_not_waited_for() -> None:
    reply, _ = ask(Response([*good("Hello").parts, 60.0]))
    assert reply.text == "Hello"


# --- deadlines -------------------------------------------------------------------------------


def test_silence_dies_at_the_deadline_of_the_first_token() -> None:
    for alive in (b": keep-alive\n\n", delta(), delta("")):
        silence: list[Part] = [alive, 0.05]
        reply, server = ask(Response(silence * 200), first_token=0.3, attempts=2)
        assert kind(reply) == "timeout" and len(server.bodies) == 2


def test_a_trickle_dies_at_the_deadline_of_the_whole() -> None:
    for alive in (b": keep-alive\n\n", delta("")):
        silence: list[Part] = [alive, 0.05]
        trickle = Response([delta("Once"), *silence * 200])
        reply, _ = ask(trickle, minimum_rate=64 / 0.3, attempts=1)
        assert kind(reply) == "timeout"


def test_slow_but_steady_lives() -> None:
    token: list[Part] = [delta("word "), 0.05]
    steady = Response([*token * 24, delta(finish="stop"), DONE])
    reply, _ = ask(steady, first_token=1.0, minimum_rate=64 / 30)
    assert reply.text == "word " * 24


def test_cancelling_closes_the_stream_and_passes_through() -> None:
    async def main() -> int:
        async with opened(Response([delta("x"), 0.01] * 500)) as (engine, server):
            task = asyncio.create_task(engine.generate(REQUEST))
            while not server.bodies:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while not server.dropped:
                await asyncio.sleep(0.01)
            return server.dropped

    assert asyncio.run(main()) == 1


# --- the window and the key ------------------------------------------------------------------


def test_a_request_larger_than_the_window_is_never_sent() -> None:
    long = replace(REQUEST, messages=(Message("user", "word " * 4000),))
    reply, server = ask(request=long)
    assert kind(reply) == "window" and not server.bodies
    reply, _ = ask(refusal(400, {"error": "maximum context length is 9 tokens; max_tokens is 9"}))
    assert kind(reply) == "window"


def test_a_server_that_cuts_prompts_in_silence_is_told_of_once() -> None:
    warnings: list[str] = []
    asked = replace(REQUEST, messages=(Message("user", "A word or two. " * 400),))
    cutting = Response([delta("Hello"), delta(finish="stop"), usage(512, 1, 0), DONE])

    async def main() -> None:
        async with opened(cutting, on_warning=warnings.append) as (engine, _):
            for _ in range(3):
                await engine.generate(asked)

    asyncio.run(main())
    assert len(warnings) == 1 and "512" in warnings[0]


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
def test_the_key_is_nowhere_in_what_comes_out(status: int) -> None:
    echo = f"bad key {KEY} or {KEY[:8]}***{KEY[-2:]}"
    warnings: list[str] = []

    async def main() -> list[object]:
        failed = refusal(status, {"error": {"message": echo}})
        told = Response([event({"error": {"message": echo}})])
        leaked = Response(
            [event({"model": KEY, "choices": []}), delta(reasoning=KEY), *good(KEY).parts]
        )
        script = [failed, told, leaked]
        async with opened(*script, on_warning=warnings.append, attempts=1) as (engine, _):
            return [engine, engine.identity, *[await engine.generate(REQUEST) for _ in range(12)]]

    shown = repr([asyncio.run(main()), warnings])
    assert KEY not in shown and KEY[:8] not in shown
