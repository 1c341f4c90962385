"""The engine's answers over HTTP on this machine, in real time, with faults on demand.

The OpenAI chat protocol, as far as longwrite speaks it: a list of models, and streamed chat
completions. `POST /faults` takes a list of rules (`faults.py`) and counts calls anew, so that a
test decides what happens to which call at which byte.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from benchmarks.engine.answers import EXACT, Manner, answer
from benchmarks.engine.cache import Cache
from benchmarks.engine.faults import CONNECTION, Rule, change_text, find_rule, parse_rules, refuse
from benchmarks.engine.machine import H100
from benchmarks.engine.tokens import Tokenizer, cut_pieces
from longwrite.types import Message

MODEL = "modelled"
_TRICKLE = 0.1

_ACCENTS = str.maketrans({"o": "ö", "k": "ḱ", "u": "𝔲"})
"""Letters of one byte, and others of two, three and four."""


@dataclass(slots=True)
class Exchange:
    """A chat request, and how far its answer came.

    Attributes:
        key: Hash of what was asked: conversation and seed.
        prompt: Tokens of the conversation; 0 where it was refused.
        most: Tokens that the answer may have.
        text: All that was to be said.
        written: Tokens that were sent.
        body: Bytes that were sent.
        ended: Bytes of the body up to where it says that it is complete; 0 where that wasn't sent.
    """

    key: str
    prompt: int = 0
    most: int = 0
    text: str = ""
    written: int = 0
    body: int = 0
    ended: int = 0


def hash_request(messages: Sequence[tuple[str, str]], seed: int) -> str:
    """Return the key of what is asked, of (role, content) and seed."""
    return hashlib.sha256(json.dumps([messages, seed]).encode()).hexdigest()


@dataclass(slots=True)
class Server:
    """Answers requests.

    Attributes:
        manner: How lengths are kept.
        rate: Tokens a second of one stream; 0 for at once.
        chunk: Tokens of an event.
        window: Tokens that it says it has.
        block: Tokens of a block of its cache.
        accented: Whether its prose has letters of two, three and four bytes.
        rules: Faults to come.
        exchanges: Chat requests so far.
    """

    manner: Manner = EXACT
    rate: float = 0.0
    chunk: int = 1
    window: int = 262_144
    block: int = 16
    accented: bool = False
    rules: tuple[Rule, ...] = ()
    exchanges: list[Exchange] = field(default_factory=list)
    _tokenizer: Tokenizer = field(default_factory=Tokenizer)
    _cache: Cache = field(init=False)
    _unsaid: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with an empty cache."""
        self._cache = Cache(H100.capacity // self.block, self.block)

    @property
    def calls(self) -> int:
        """Chat requests so far."""
        return len(self.exchanges)

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
                self.rules = parse_rules(body.decode())
                self.exchanges.clear()
                _send(writer, 200, "application/json", {"rules": len(self.rules)})
            except ValueError as error:
                _send(writer, 400, "application/json", {"error": {"message": str(error)}})
        elif method == "POST" and path == "/v1/chat/completions":
            asked = json.loads(body)
            exchange = Exchange(hash_request(_turns(asked), int(asked.get("seed") or 0)))
            self.exchanges.append(exchange)
            rule = find_rule(self.rules, self.calls) or Rule("")
            refused = refuse(rule)
            if refused is None:
                return await self._stream(asked, rule, exchange, writer)
            _send(writer, *refused, wait=rule.wait, dated=rule.kind == "dated")
        else:
            _send(writer, 404, "application/json", {"error": {"message": "Not found"}})
        await writer.drain()
        return True

    async def _stream(
        self,
        asked: Mapping[str, Any],
        rule: Rule,
        exchange: Exchange,
        writer: asyncio.StreamWriter,
    ) -> bool:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for event, tokens, ends in self._events(asked, rule, exchange):
            if rule.kind in CONNECTION and exchange.body + len(event) > rule.at:
                if rule.kind != "trickle":  # a comment comes between events
                    _write_chunk(writer, event[: rule.at - exchange.body])
                await _break_off(writer, rule.kind)
                return False
            exchange.body += len(event)
            exchange.written += tokens
            if ends:
                exchange.ended = exchange.body
            _write_chunk(writer, event)
            if self.rate:
                await asyncio.sleep(self.chunk / self.rate)
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def _events(
        self, asked: Mapping[str, Any], rule: Rule, exchange: Exchange
    ) -> Iterator[tuple[bytes, int, bool]]:
        """Yield each event, the tokens of its text, and whether it says that all is said."""
        messages = [Message(turn["role"], turn["content"]) for turn in asked["messages"]]
        exchange.text = change_text(rule.kind, self._say(asked, messages))
        most = int(asked.get("max_tokens") or asked.get("max_completion_tokens") or 1 << 30)
        exchange.most = most
        pieces = [] if rule.kind in {"none", "choices"} else cut_pieces(exchange.text)
        finish = "length" if len(pieces) > most or rule.kind == "length" else "stop"
        pieces = pieces[:most]
        exchange.text = "".join(pieces)
        prompt = self._tokenizer.encode_prompt(messages)
        written = self._tokenizer.encode_reply(exchange.text)
        exchange.prompt = len(prompt)
        lease = self._cache.take(prompt, len(prompt) + len(written))
        cached = 0 if lease is None else lease.cached
        if lease is not None:
            self._cache.give(lease, prompt + written)
        half = len(pieces) // 2
        another = half if self.calls == rule.call else 0  # later calls have it from the start
        if rule.kind == "channel":
            yield _event(_choice({"reasoning_content": "First a plan."})), 4, False
        for start in range(0, len(pieces), self.chunk):
            if rule.kind in {"event", "garbage"} and start >= half:
                break
            some = pieces[start : start + self.chunk]
            name = "another" if rule.kind == "model" and start >= another else MODEL
            yield _event(_choice({"content": "".join(some)}, name)), len(some), False
        if rule.kind == "event":
            yield b'event: error\ndata: {"error": {"message": "The worker died"}}\n\n', 0, False
        elif rule.kind == "garbage":
            yield b'data: {"choices": [{"del\n\n', 0, False
        elif rule.kind == "choices":
            yield _event({"model": MODEL, "choices": []}), 0, False
        elif rule.kind != "unfinished":
            delta = {"content": None} if rule.kind == "none" else {}
            last = {"index": 0, "delta": delta, "finish_reason": finish}
            yield _event({"choices": [last]}), 1, True
            usage = {
                "prompt_tokens": len(prompt),
                "completion_tokens": len(written),
                "prompt_tokens_details": {"cached_tokens": cached},
            }
            yield _event({"choices": [], "usage": usage}), 0, False
        yield b"data: [DONE]\n\n", 0, False

    def _say(self, asked: Mapping[str, Any], messages: Sequence[Message]) -> str:
        """Return what is to be said; where an answer is to be continued, what it left unsaid."""
        turns, seed = _turns(asked), int(asked.get("seed") or 0)
        begun = self._unsaid.get(hash_request(turns[:-2], 0), "") if turns[2:] else ""
        so_far = " ".join(turns[-2][1].split()) if begun else ""
        if so_far and begun.startswith(so_far) and len(begun) > len(so_far) + 1:
            return begun[len(so_far) :].strip()
        text = answer(messages, seed, self.manner)
        if self.accented and not text.startswith("{"):
            text = text.translate(_ACCENTS)
        self._unsaid[hash_request(turns, 0)] = " ".join(text.split())
        return text


def _turns(asked: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in asked["messages"]]


def _choice(delta: Mapping[str, object], model: str = MODEL) -> dict[str, Any]:
    return {"model": model, "choices": [{"index": 0, "delta": delta}]}


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
    writer: asyncio.StreamWriter,
    status: int,
    kind: str,
    body: object,
    wait: float = 0.0,
    dated: bool = False,
) -> None:
    data = (body if isinstance(body, str) else json.dumps(body)).encode()
    again = f"Retry-After: {wait:g}\r\n" if wait else ""
    if dated:
        now = time.time()
        then = formatdate(now + wait, usegmt=True)
        again = f"Date: {formatdate(now, usegmt=True)}\r\nRetry-After: {then}\r\n"
    writer.write(
        f"HTTP/1.1 {status} Told\r\nContent-Type: {kind}\r\n{again}"
        f"Content-Length: {len(data)}\r\n\r\n".encode()
        + data
    )
