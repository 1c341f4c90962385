"""What the engine does about refusals: it waits, asks again, leaves out a field, or gives up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.engines.faults import refused_fields, retry_after, status_fault
from longwrite.engines.openai import OpenAIEngine
from longwrite.types import Message, Reply
from tests.engines.asking import REQUEST, ask, kind, opened
from tests.engines.faulty_server import FaultyServer, Response, Script, delta, good, refusal

# --- asking again ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (refusal(429, {"error": {"message": "slow down"}}), "rate"),
        (refusal(500, {"error": "oops"}), "server"),
        (Response([b"<html>bad gateway</html>"], 502, "text/html"), "server"),
        (refusal(408, {}), "timeout"),
        (Response([delta("Half")], cut=30, chunked=True), "broken"),
        (Response([b"x"], cut=0, reset=True), "broken"),
        (replace(refusal(503, {"error": "busy"}), cut=5, chunked=True), "broken"),
    ],
)
def test_what_may_pass_is_asked_again_a_limited_number_of_times(
    failure: Response, expected: str
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    reply, server = ask(failure, attempts=4, sleep=sleep)
    assert kind(reply) == expected and len(server.bodies) == 4
    assert len(waits) == 3 and waits[0] >= 0.5 and waits == sorted(waits)
    reply, _ = ask(failure, failure, good("Hello"))
    assert reply.text == "Hello"


def test_retry_after_is_obeyed_up_to_a_cap() -> None:
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    later = "Wed, 21 Oct 2026 07:28:37 GMT"
    script = [
        refusal(429, {}, retry_after="7"),
        refusal(503, {}, date=date, retry_after=later),
        refusal(429, {}, retry_after="86400"),
        good("Hello"),
    ]
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    reply, _ = ask(*script, sleep=sleep)
    assert reply.text == "Hello" and waits == [7.0, 37.0, 120.0]


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_refusal_for_good_is_asked_once(status: int) -> None:
    reply, server = ask(refusal(status, {"error": {"message": "no"}}))
    assert kind(reply) == "refused" and reply.error is not None and reply.error.fatal
    assert len(server.bodies) == 1


def test_a_server_that_has_gone_is_unreachable() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def main() -> Reply:
        async with FaultyServer() as server:
            engine = await OpenAIEngine.open("tiny", server.url, sleep=sleep, attempts=3)
        reply = await engine.generate(REQUEST)
        await engine.close()
        return reply

    reply = asyncio.run(main())
    assert kind(reply) == "unreachable" and reply.error is not None and reply.error.fatal
    assert len(waits) == 2


def test_a_message_that_cannot_be_encoded_is_an_error_and_not_a_crash() -> None:
    reply, server = ask(request=replace(REQUEST, messages=(Message("user", "\ud800"),)))
    assert kind(reply) == "invalid" and not server.bodies


@pytest.mark.parametrize(
    ("status", "body", "expected", "fatal"),
    [
        (
            400,
            {"error": {"message": "Too long", "code": "context_length_exceeded"}},
            "window",
            False,
        ),
        (500, {"error": {"type": "exceed_context_size_error", "message": "x"}}, "window", False),
        (400, {"message": "'max_tokens' is too large: 99. It must fit"}, "window", False),
        (413, {}, "window", False),
        (429, {"error": {"message": "Out", "code": "insufficient_quota"}}, "refused", True),
        (429, {"error": {"message": "Slow down; see the billing page"}}, "rate", False),
        (400, {"error": {"message": "API key not valid"}}, "refused", True),
        (400, {"error": {"message": "The model `x` does not exist"}}, "refused", True),
        (400, {"error": {"code": "content_filter", "message": "No"}}, "refused", False),
        (400, {"error": {"message": "Unknown field context_length"}}, "invalid", False),
        (422, {"detail": [{"loc": ["body"], "input": "an api key, moderation"}]}, "invalid", False),
        (302, {}, "invalid", False),
    ],
)
def test_a_status_means_what_its_body_says(
    status: int, body: object, expected: str, fatal: bool
) -> None:
    fault = status_fault(status, {}, json.dumps(body))
    assert (fault.kind, fault.fatal) == (expected, fatal)


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "-5", "1e999", "Wed, 99 Oct 2026"])
def test_a_retry_after_that_says_nothing_is_no_wait(value: str) -> None:
    assert retry_after({"retry-after": value}) == 0.0


@given(
    st.recursive(
        st.text() | st.none() | st.integers(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["error", "detail", "message", "loc", "param", "code", "msg"]), x
            )
        ),
    )
)
def test_any_error_body_is_read_without_a_crash(body: object) -> None:
    text = json.dumps(body)
    fault = status_fault(400, {}, text)
    assert fault.message.isprintable()
    assert set(refused_fields(text, ["seed", "top_p"])) <= {"seed", "top_p"}


# --- fields that a server doesn't take -------------------------------------------------------


def picky(field: str, body: Callable[[str], object], status: int = 400) -> Script:
    """Return a server that refuses one field and answers requests without it."""

    def choose(request: dict[str, Any]) -> Response:
        return refusal(status, body(field)) if field in request else good("Hello")

    return choose


SAMPLED = replace(REQUEST, sampling=replace(REQUEST.sampling, extra={"min_p": 0.1}))
NAMINGS: list[tuple[int, Callable[[str], object]]] = [
    (400, lambda field: {"error": {"message": "Unsupported parameter", "param": field}}),
    (422, lambda field: {"detail": [{"type": "extra_forbidden", "loc": ["body", field]}]}),
    (422, lambda field: {"detail": f"Unexpected fields in the request: {{'{field}'}}"}),
    (400, lambda field: {"error": {"message": f"{field}: use temperature or seed instead"}}),
    (400, lambda field: {"object": "error", "message": "Bad request"}),
]


@pytest.mark.parametrize("field", ["min_p", "seed", "top_p", "stream_options", "temperature"])
@pytest.mark.parametrize(("status", "body"), NAMINGS)
def test_a_refused_field_is_dropped_once_and_recorded(
    field: str, status: int, body: Callable[[str], object]
) -> None:
    warnings: list[str] = []

    async def main() -> tuple[list[Reply], FaultyServer]:
        script = picky(field, body, status)
        async with opened(script, on_warning=warnings.append, attempts=1) as (engine, server):
            return [await engine.generate(SAMPLED) for _ in range(3)], server

    replies, server = asyncio.run(main())
    assert all(reply.text == "Hello" and field in reply.dropped for reply in replies)
    assert not any(field in request for request in server.bodies[-3:])
    assert sum(repr(field) in warning for warning in warnings) == 1
    if body is not NAMINGS[-1][1]:
        assert len(server.bodies) == 4 and replies[0].dropped == (field,)


def test_a_schema_refused_is_recorded_and_no_longer_an_ability() -> None:
    asked = replace(REQUEST, schema={"type": "object"})
    script = picky("response_format", lambda _: {"error": "json_schema is not supported"})

    async def main() -> tuple[Reply, bool]:
        async with opened(script) as (engine, _):
            await engine.generate(asked)
            return await engine.generate(asked), engine.abilities.json

    reply, json = asyncio.run(main())
    assert reply.dropped == ("response_format",) and not json


def test_a_cap_that_is_refused_is_sent_under_its_other_name() -> None:
    message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    reply, server = ask(picky("max_tokens", lambda _: {"error": {"message": message}}))
    assert reply.text == "Hello" and reply.dropped == ("max_tokens",)
    assert server.bodies[-1]["max_completion_tokens"] == 64


def test_a_request_bad_for_another_reason_costs_no_field() -> None:
    async def main() -> tuple[Reply, Reply, Reply, int]:
        script = [*[refusal(400, {"error": "no"})] * 6, good("Hello"), refusal(400, {}), good("Ho")]
        async with opened(*script, on_warning=pytest.fail) as (engine, server):
            first = await engine.generate(REQUEST)
            second = await engine.generate(REQUEST)
            third = await engine.generate(REQUEST)
            return first, second, third, len(server.bodies)

    first, second, third, asked = asyncio.run(main())
    assert kind(first) == "invalid" and kind(third) == "invalid"
    assert second.text == "Hello" and second.dropped == ()
    assert asked == 8, "what was once accepted is not suspected again"
