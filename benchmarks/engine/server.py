"""The engine's answers over HTTP on this machine, in real time, with faults on demand.

The OpenAI chat protocol, as far as longwrite speaks it: a list of models, and streamed chat
completions. `POST /faults` takes a list of rules (`faults.py`) and counts calls anew, so that a
test decides what happens to which call at which byte.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from benchmarks.engine.answers import EXACT, Manner, answer
from benchmarks.engine.cache import Cache
from benchmarks.engine.faults import CONNECTION, Rule, change_text, find_rule, parse_rules, refuse
from benchmarks.engine.machine import H100
from benchmarks.engine.tokens import Tokenizer, cut_pieces
from longwrite.types import Message

MODEL = "modelled"
_TRICKLE = 0.5


@dataclass(slots=True)
class Server:
    """Answers requests.

    Attributes:
        manner: How lengths are kept.
        rate: Tokens a second of one stream; 0 for at once.
        chunk: Tokens of an event.
        window: Tokens that it says it has.
        block: Tokens of a block of its cache.
        calls: Chat requests so far.
        rules: Faults to come.
    """

    manner: Manner = EXACT
    rate: float = 0.0
    chunk: int = 1
    window: int = 262_144
    block: int = 16
    calls: int = 0
    rules: tuple[Rule, ...] = ()
    _tokenizer: Tokenizer = field(default_factory=Tokenizer)
    _cache: Cache = field(init=False)

    def __post_init__(self) -> None:
        """Begin with an empty cache."""
        self._cache = Cache(H100.capacity // self.block, self.block)

    @asynccontextmanager
    async def listen(self, port: int = 0) -> AsyncIterator[str]:
        """Listen on loopback, on any free port for 0; gives the address up to ``/v1``."""
        open_connections: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            open_connections.add(task)
            try:
                await self._serve(reader, writer)
            except asyncio.CancelledError:
                writer.transport.abort()
            finally:
                open_connections.discard(task)

        listening = await asyncio.start_server(serve, "127.0.0.1", port, limit=1 << 24)
        try:
            yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
        finally:
            listening.close()
            for task in open_connections:
                task.cancel()
            await asyncio.gather(*open_connections, return_exceptions=True)
            await listening.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await _read_head(reader):
                method, path, headers = head
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if not await self._answer(method, path, body, writer):
                    break
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    async def _answer(
        self, method: str, path: str, body: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; False when the connection is over."""
        if method == "GET" and path == "/v1/models":
            model = {"id": MODEL, "object": "model", "max_model_len": self.window}
            _send(writer, 200, "application/json", {"object": "list", "data": [model]})
        elif method == "POST" and path == "/faults":
            try:
                self.rules, self.calls = parse_rules(body.decode()), 0
                _send(writer, 200, "application/json", {"rules": len(self.rules)})
            except ValueError as error:
                _send(writer, 400, "application/json", {"error": {"message": str(error)}})
        elif method == "POST" and path == "/v1/chat/completions":
            self.calls += 1
            rule = find_rule(self.rules, self.calls) or Rule("")
            refused = refuse(rule)
            if refused is None:
                return await self._stream(json.loads(body), rule, writer)
            _send(writer, *refused, wait=rule.wait)
        else:
            _send(writer, 404, "application/json", {"error": {"message": "Not found"}})
        await writer.drain()
        return True

    async def _stream(
        self, asked: Mapping[str, Any], rule: Rule, writer: asyncio.StreamWriter
    ) -> bool:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        sent = 0
        for event in self._events(asked, rule):
            if rule.kind in CONNECTION and sent + len(event) > rule.at:
                if rule.kind != "trickle":  # a comment comes between events
                    _write_chunk(writer, event[: rule.at - sent])
                await _break_off(writer, rule.kind)
                return False
            sent += len(event)
            _write_chunk(writer, event)
            if self.rate:
                await asyncio.sleep(self.chunk / self.rate)
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def _events(self, asked: Mapping[str, Any], rule: Rule) -> Iterator[bytes]:
        messages = [Message(turn["role"], turn["content"]) for turn in asked["messages"]]
        text = answer(messages, int(asked.get("seed") or 0), self.manner)
        text = change_text(rule.kind, text)
        most = int(asked.get("max_tokens") or asked.get("max_completion_tokens") or 1 << 30)
        pieces = [] if rule.kind in {"none", "choices"} else cut_pieces(text)
        finish = "length" if len(pieces) > most or rule.kind == "length" else "stop"
        pieces = pieces[:most]
        prompt = self._tokenizer.encode_prompt(messages)
        written = self._tokenizer.encode_reply("".join(pieces))
        lease = self._cache.take(prompt, len(prompt) + len(written))
        cached = 0 if lease is None else lease.cached
        if lease is not None:
            self._cache.give(lease, prompt + written)
        model = "another" if rule.kind == "model" else MODEL
        half = len(pieces) // 2
        for start in range(0, len(pieces), self.chunk):
            if rule.kind in {"event", "garbage"} and start >= half:
                break
            said: dict[str, Any] = {"content": "".join(pieces[start : start + self.chunk])}
            yield _event({"model": model, "choices": [{"index": 0, "delta": said}]})
        if rule.kind == "event":
            yield b'event: error\ndata: {"error": {"message": "The worker died"}}\n\n'
        elif rule.kind == "garbage":
            yield b'data: {"choices": [{"del\n\n'
        elif rule.kind == "choices":
            yield _event({"model": model, "choices": []})
        elif rule.kind != "unfinished":
            delta = {"content": None} if rule.kind == "none" else {}
            yield _event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
            usage = {
                "prompt_tokens": len(prompt),
                "completion_tokens": len(written),
                "prompt_tokens_details": {"cached_tokens": cached},
            }
            yield _event({"choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"


def _event(data: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _write_chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    if data:
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))


async def _break_off(writer: asyncio.StreamWriter, kind: str) -> None:
    await writer.drain()
    if kind == "reset":
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    while kind == "stall" and not writer.is_closing():
        await asyncio.sleep(_TRICKLE)
    while kind == "trickle" and not writer.is_closing():
        _write_chunk(writer, b": keep-alive\n\n")
        await asyncio.sleep(_TRICKLE)
        await writer.drain()


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]] | None:
    """Return method, path and headers; None at the end of a connection."""
    line = (await reader.readline()).decode("latin-1").split()
    if len(line) < 2:
        return None
    headers: dict[str, str] = {}
    while entry := (await reader.readline()).decode("latin-1").strip():
        name, _, value = entry.partition(":")
        headers[name.lower()] = value.strip()
    return line[0], line[1], headers


def _send(
    writer: asyncio.StreamWriter, status: int, kind: str, body: object, wait: float = 0.0
) -> None:
    data = (body if isinstance(body, str) else json.dumps(body)).encode()
    again = f"Retry-After: {wait:g}\r\n" if wait else ""
    writer.write(
        f"HTTP/1.1 {status} Told\r\nContent-Type: {kind}\r\n{again}"
        f"Content-Length: {len(data)}\r\n\r\n".encode()
        + data
    )
