"""A whole document from an OpenAI-compatible server, as a person would have it written."""

from __future__ import annotations

import json
import random
import re
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from longwrite.engines.scripted import compose_plan, compose_text
from longwrite.types import Ask
from tests.cli.conftest import Command
from tests.threaded import serve

KEY = "sk-canary-0123456789abcdef"


def answer(body: dict[str, Any]) -> str:
    """Return what a model might say: a plan when asked for one, else prose of about the length."""
    step = body["messages"][-1]["content"]
    rng = random.Random(body.get("seed", 0))
    if match := re.search(r"Divide it into exactly (\d+)", step):
        return f"```json\n{compose_plan(Ask('plan', items=int(match[1])), rng, as_json=True)}\n```"
    words = re.search(r"about ([\d,]+) words", step)
    if "Note the facts" in step or words is None:
        return '{"facts": []}'
    return f"<think>Now then.</think>\n\n{compose_text(int(words[1].replace(',', '')), 'en', rng)}"


class Model(BaseHTTPRequestHandler):
    """Streams replies, refuses `response_format`, and echoes the key into its refusals."""

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": "tiny", "max_model_len": 16_384}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "response_format" in body:
            told = f"response_format is not supported, {self.headers['Authorization']}"
            self._send(400, {"error": {"message": told, "param": "response_format"}})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        text = answer(body)
        for start in range(0, len(text), 400):
            self._event(
                {"choices": [{"index": 0, "delta": {"content": text[start : start + 400]}}]}
            )
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        usage = {"prompt_tokens": 900, "completion_tokens": 300, "total_tokens": 1200}
        self._event(
            {"choices": [], "usage": usage | {"prompt_tokens_details": {"cached_tokens": 512}}}
        )
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, data: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps({'model': 'tiny', **data})}\n\n".encode())

    def _send(self, status: int, data: dict[str, Any]) -> None:
        raw = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def serving() -> AbstractContextManager[str]:
    return serve(ThreadingHTTPServer(("127.0.0.1", 0), Model))


def test_a_document_from_a_server_that_thinks_and_refuses_a_field(
    longwrite: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGWRITE_API_KEY", KEY)
    prompt = "A 6000-word history of salt"
    with serving() as url:
        result = longwrite("write", prompt, "--model", "tiny", "--base-url", url, "--run", "r")
        told = json.loads(longwrite("doctor", "--model", "tiny", "--base-url", url, "--json").out)
    assert result.code == 0, result.err
    report = json.loads(Path("r/report.json").read_text())
    assert abs(report["words"]["delivered"] - 6_000) <= 300 and report["defects"] == []
    assert report["calls"]["dropped_fields"] == ["response_format"]
    assert "response_format" in result.err, "what was dropped is told"
    assert report["tokens"]["cached"] == 512 * report["calls"]["completed"]
    assert "think" not in Path("r/document.md").read_text()
    assert told["answers"] == "yes" and told["window"] == 16_384
    written = [path for path in Path("r").rglob("*") if path.is_file()]
    assert written and not [path for path in written if KEY.encode() in path.read_bytes()]
    assert KEY not in result.out + result.err


def test_a_server_that_goes_away_leaves_a_run_to_go_on_with(longwrite: Command) -> None:
    arguments = ("write", "A 2000-word history of salt", "--run", "r", "--quiet")
    with serving() as url:
        assert longwrite("plan", *arguments[1:], "--model", "tiny", "--base-url", url).code == 0
    gone = longwrite(*arguments, "--model", "tiny", "--base-url", url)
    assert gone.code == 5 and "Traceback" not in gone.err
    with serving() as url:
        done = longwrite("resume", "r", "--base-url", url, "--quiet")
    assert done.code == 0, done.err
    assert json.loads(Path("r/report.json").read_text())["complete"]
