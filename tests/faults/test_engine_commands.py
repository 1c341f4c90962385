"""An engine's faults as a person meets them at the command line: codes, sentences, going on."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from benchmarks.engine.faults import Rule
from benchmarks.engine.server import MODEL
from longwrite.engines.openai import OpenAIEngine
from tests.cli.conftest import Command, longwrite
from tests.faults.serving import serve
from tests.faults.written import make_server

__all__ = ["longwrite"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the engine try again without waiting."""

    async def wait(seconds: float) -> None:
        pass

    monkeypatch.setattr(OpenAIEngine, "open", partial(OpenAIEngine.open, sleep=wait))


@pytest.mark.parametrize(
    ("rule", "options", "code", "said"),
    [
        (Rule("server", times=0), (), 5, "HTTP 500: The server is out of order."),
        (Rule("overflow", 1), (), 5, "This model's maximum context length is 4096 tokens."),
        (Rule("cut", 5, at=3_000, times=0), (), 3, "the stream ended without a finish_reason."),
        (Rule("refusal", 6, times=0), (), 3, "The model refused to write it."),
        (Rule("foreign", 6, times=0), (), 6, "It is not in the language asked for."),
        (Rule("event", 5, times=0), ("--max-tokens", "6000"), 4, "could pass --max-tokens 6000."),
        (Rule("model", 6), (), 0, "The server answers with the model another in section"),
    ],
)
def test_a_fault_is_told_in_a_sentence_and_the_same_command_goes_on(
    longwrite: Command, rule: Rule, options: tuple[str, ...], code: int, said: str
) -> None:
    server = make_server()
    server.rules = (rule,)
    with serve(server) as address:
        command = (
            "write", "A 1600-word history of salt", "--model", MODEL, "--base-url", address,
            "--run", "r", "--mode", "thread",
        )  # fmt: skip
        told = longwrite(*command, *options)
        assert told.code == code and "Traceback" not in told.err
        assert said in told.out + told.err
        if code in {3, 4, 5}:
            assert "longwrite resume r" in told.out + told.err
        server.rules = ()
        done = longwrite(*command)
    report = json.loads(Path("r/report.json").read_text(encoding="utf-8"))
    if code == 6:
        assert done.code == 6 and "nothing was done" in done.out, "a text that is there stands"
    else:
        assert done.code == 0 and report["words"]["delivered"] == 1_600, done.err
