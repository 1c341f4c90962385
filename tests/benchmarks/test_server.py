"""The engine over HTTP: a document by longwrite's own client, and every fault on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from benchmarks.engine.faults import KINDS, Rule, parse_rules
from benchmarks.engine.server import MODEL, Server
from benchmarks.run import make_press
from longwrite.agent.settings import Settings
from longwrite.api import write_run
from longwrite.engines.openai import OpenAIEngine
from longwrite.text import count_words
from longwrite.types import Ask, Brief, Message, Reply, Request, Sampling

REQUEST = Request(
    (Message("user", "Length: about 200 words."),), Sampling(600), ask=Ask("section", words=200)
)
_T = TypeVar("_T")


def serve(server: Server, work: Callable[[OpenAIEngine], Awaitable[_T]], attempts: int = 1) -> _T:
    """Run something against a server on this machine."""

    async def run() -> _T:
        async with server.listen() as address:
            engine = await OpenAIEngine.open(
                MODEL, address, api_key="none", attempts=attempts,
                first_token=0.5, minimum_rate=2_000.0,
            )  # fmt: skip
            try:
                return await work(engine)
            finally:
                await engine.close()

    return asyncio.run(run())


def ask(rule: Rule, attempts: int = 1) -> Reply:
    server = Server(chunk=16, rules=(rule,))
    return serve(server, lambda engine: engine.generate(REQUEST), attempts)


def test_a_document_is_written_and_its_cache_counted(tmp_path: Path) -> None:
    async def write(engine: OpenAIEngine) -> dict[str, int]:
        brief = Brief("A history of salt", 3_000, language="en")
        press = make_press(engine, 4)
        report = (await write_run(tmp_path, press, brief, Settings(mode="thread"))).report
        assert report["complete"] and report["words"]["delivered"] == 3_000
        tokens: dict[str, int] = report["tokens"]
        return tokens

    tokens = serve(Server(chunk=16), write)
    assert tokens["cached"] > 0.5 * tokens["prompt"]


ERRORS = {
    "rate": "rate",
    "dated": "rate",
    "server": "server",
    "html": "invalid",
    "garbage": "invalid",
    "empty": "empty",
    "none": "empty",
    "choices": "empty",
    "event": "broken",
    "unfinished": "broken",
    "cut": "broken",
    "reset": "broken",
    "stall": "timeout",
    "trickle": "timeout",
    "overflow": "window",
    "unclosed": "empty",
}


@pytest.mark.parametrize("kind", sorted(ERRORS))
def test_a_fault_that_leaves_no_whole_text_is_an_error(kind: str) -> None:
    reply = ask(Rule(kind, at=400))
    assert reply.text == "" and reply.error is not None
    assert reply.error.kind == ERRORS[kind], reply.error.message


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(ERRORS)))
def test_other_faults_are_of_what_is_said(kind: str) -> None:
    reply = ask(Rule(kind))
    assert reply.error is None and reply.text
    assert "<think>" not in reply.text and "</think>" not in reply.text
    assert (reply.finish == "length") is (kind in {"length", "loop"})


def test_a_fault_is_of_one_call_and_the_next_one_is_whole() -> None:
    reply = ask(Rule("cut", call=1, at=700), attempts=2)
    assert reply.error is None and count_words(reply.text) == 200


def test_rules_are_checked() -> None:
    assert parse_rules('[{"kind": "cut", "call": 2, "at": 9}]') == (Rule("cut", 2, 9),)
    for wrong in ('[{"kind": "flood"}]', '[{"sort": "cut"}]', "{"):
        with pytest.raises(ValueError):
            parse_rules(wrong)
