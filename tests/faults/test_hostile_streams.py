"""A server may send anything: what it sends is a whole answer, or a fault with its reason."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from longwrite.engines.faults import Fault, refused_fields, retry_after, status_fault
from longwrite.engines.stream import Answer, Events
from longwrite.types import Reply
from tests.faults.hostile import (
    DEEP,
    NUMBERS,
    TEXTS,
    VALUES,
    Amount,
    Tell,
    mapping,
    try_cases,
    written,
)

CHOICES = mapping(
    {
        "index": NUMBERS,
        "delta": mapping({"content": TEXTS, "refusal": TEXTS, "reasoning_content": TEXTS}),
        "finish_reason": st.sampled_from(
            ["stop", "length", "content_filter", "tool_calls", "", None]
        ),
    }
)
CHUNKS = mapping(
    {
        "model": TEXTS,
        "object": st.sampled_from(["error", "chat.completion.chunk"]),
        "error": mapping({"message": TEXTS, "code": NUMBERS}) | st.none(),
        "choices": st.lists(CHOICES, max_size=2),
        "usage": mapping(
            {
                "prompt_tokens": NUMBERS,
                "completion_tokens": NUMBERS,
                "prompt_tokens_details": mapping({"cached_tokens": NUMBERS}),
            }
        ),
    }
)
SOUND = st.sampled_from(["It rained. ", "é", "雨", "🌧", "<think>", "</think>", "\n"]).map(
    lambda said: {"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": None}]}
)
DATA = (
    (SOUND | CHUNKS).map(written)
    | SOUND.map(lambda chunk: json.dumps(chunk, ensure_ascii=False))
    | VALUES.map(written)
    | TEXTS
    | st.sampled_from([*DEEP, "[DONE]", "[DONE]", '{"choices": [{"finish_reason": "stop"}]}'])
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r\r\n", b"\n\n", b"\r\n\r\n", b"\n\r\n", b""])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Draw the bytes of a stream: events, and what stands between and inside them."""
    parts = []
    for _ in range(draw(st.integers(0, 6))):
        field = draw(
            st.sampled_from(
                [
                    b"data: ",
                    b"data: ",
                    b"data: ",
                    b"data:",
                    b"event: ",
                    b"id: ",
                    b"retry: ",
                    b": ",
                    b"",
                    b"\xef\xbb\xbfdata: ",
                    b"Data: ",
                ]
            )
        )
        said = draw(DATA).encode("utf-8", "surrogatepass")
        if draw(st.integers(0, 9)) == 0:
            said += draw(st.sampled_from([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00"]))
        parts.append(field + said + draw(ENDS) + draw(ENDS))
    if draw(st.booleans()):
        parts.append(
            b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
        )
    return b"".join(parts)


def read_stream(pieces: list[bytes]) -> Reply | str:
    """Read a stream that came in these pieces: its reply, or the kind of its fault."""
    events, answer = Events(), Answer()
    try:
        for piece in pieces:
            for name, data in events.feed(piece):
                answer.add(name, data)
                answer.parts(streaming=True)
        return answer.conclude()
    except Fault as fault:
        fault.message.encode()
        return fault.kind


def chop(stream: bytes, cuts: list[int]) -> None:
    """Read a stream in one piece, in pieces, and byte by byte: the same comes of it."""
    whole = read_stream([stream])
    places = sorted({cut % (len(stream) + 1) for cut in cuts} | {0, len(stream)})
    assert read_stream([stream[a:b] for a, b in pairwise(places)]) == whole
    if len(stream) < 2_000:
        assert read_stream([stream[n : n + 1] for n in range(len(stream))]) == whole
    if isinstance(whole, Reply):
        assert (whole.error is None) == (whole.finish is not None)
        assert bool(whole.text.strip()) == (whole.error is None)
        for text in (whole.text, whole.thinking, whole.model, whole.error and whole.error.message):
            (text or "").encode()
        for count in (whole.usage.prompt, whole.usage.completion, whole.usage.cached):
            assert count is None or 0 <= count < 2**63


def test_any_stream_is_an_answer_or_a_fault_however_it_is_chopped(
    tell: Tell, amount: Amount
) -> None:
    cuts = st.lists(st.integers(0, 10**6), max_size=8)
    tell("generated streams", try_cases(chop, streams(), cuts, most=amount(15, 1_000)))


def cut_off(stream: bytes, at: int) -> None:
    """Cut a stream before its end: no text of it is taken for whole."""
    sound = b'data: {"choices": [{"delta": {"content": "It rained all day."}}]}\n\n'
    end = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
    lost = (sound + end)[: at % (len(sound + end) - 1)]
    assert not isinstance(reply := read_stream([lost]), Reply) or reply.error is not None
    read_stream([stream, lost])


def test_a_stream_that_is_cut_is_no_answer(tell: Tell, amount: Amount) -> None:
    tell(
        "generated cut streams",
        try_cases(cut_off, streams(), st.integers(0, 10**6), most=amount(15, 1_000)),
    )


HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "date"]),
    TEXTS
    | st.sampled_from(
        [
            "1e999",
            "nan",
            "-1",
            "Wed, 99 Foo 9999 99:99:99 GMT",
            "9" * 400,
            "Mon, 01 Jan 0001 00:00:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 -2400",
        ]
    ),
)


def refuse(status: int, headers: dict[str, str], body: Any) -> None:
    """Read a refusal: a fault with a line to show and a wait that ends."""
    text = body if isinstance(body, str) else written(body)
    fault = status_fault(status, headers, text)
    fault.message.encode()
    assert fault.message.isprintable()
    assert 0 <= retry_after(headers) < float("inf")
    assert 0 < fault.pause(10**6, 0) <= 120
    assert set(refused_fields(text, ["seed", "top_p"])) <= {"seed", "top_p"}


def test_any_refusal_is_a_fault_with_a_line_to_show(tell: Tell, amount: Amount) -> None:
    statuses = st.sampled_from([400, 401, 404, 408, 413, 422, 429, 500, 503, 599])
    error = mapping({"message": TEXTS, "code": TEXTS, "param": TEXTS, "type": TEXTS, "loc": VALUES})
    bodies = mapping({"error": error, "detail": st.lists(error, max_size=2), "message": TEXTS})
    cases = try_cases(
        refuse,
        statuses,
        HEADERS,
        bodies | VALUES | TEXTS | st.sampled_from(DEEP),
        most=amount(15, 1_000),
    )
    tell("generated refusals", cases)
