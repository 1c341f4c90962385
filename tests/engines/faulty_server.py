"""A real HTTP server on loopback that fails as told: any status, any bytes, any pause, any cut."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

Part = bytes | float
"""Bytes to send, or seconds to pause."""


@dataclass(frozen=True)
class Response:
    """What is answered to one request.

    Attributes:
        parts: The body.
        status: The HTTP status.
        content_type: What it claims to be.
        headers: Further headers.
        cut: Bytes of the body after which nothing more is sent.
        chunked: Sent in chunks, where a client can see that one is missing; otherwise the end of
            the connection is the end of the body, and a cut looks like a proper end.
        reset: Whether the connection is reset instead of closed.
    """

    parts: Sequence[Part] = ()
    status: int = 200
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    chunked: bool = False
    reset: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(part for part in self.parts if isinstance(part, bytes))


def event(data: object, name: str = "") -> bytes:
    """Return one server-sent event; a string is sent as it is."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def delta(content: str | None = None, /, finish: str | None = None, **more: object) -> bytes:
    """Return a chunk that carries text, a finish reason or other fields of the delta."""
    fields = {**({} if content is None else {"content": content}), **more}
    return event(
        {"model": "tiny-1", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}
    )


DONE = event("[DONE]")


def usage(prompt: int, completion: int, cached: int) -> bytes:
    """Return the chunk without choices in which usage comes."""
    details = {"cached_tokens": cached}
    told = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "prompt_tokens_details": details,
    }
    return event({"model": "tiny-1", "choices": [], "usage": told})


def good(*texts: str, finish: str = "stop") -> Response:
    """Return a proper stream of these texts."""
    return Response([*(delta(text) for text in texts), delta(finish=finish), DONE])


def refusal(status: int, body: object, **headers: str) -> Response:
    """Return an error with a JSON body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response([json.dumps(body).encode()], status, "application/json", named)


LISTING = refusal(200, {"object": "list", "data": [{"id": "tiny", "max_model_len": 4096}]})

Script = Response | Callable[[dict[str, Any]], Response]


class FaultyServer:
    """Answers chat requests from a script, the last entry again and again.

    Attributes:
        bodies: The chat requests received, parsed.
        headers: Their header lines.
        peak: The most that were answered at the same time.
        url: Its address, up to /v1.
        dropped: Connections that the client closed before the answer was sent.
    """

    def __init__(self, *script: Script, models: Response = LISTING) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[str] = []
        self.peak = self.dropped = 0
        self._script = list(script) or [good("Hello")]
        self._models = models
        self._open = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> FaultyServer:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1]) if length else 0)
            await self._send(self._choose(head, body), writer)
        except ConnectionError:
            self.dropped += 1
        except asyncio.IncompleteReadError:
            pass
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _choose(self, head: str, body: bytes) -> Response:
        if head.startswith("GET "):
            return self._models
        self.bodies.append(json.loads(body))
        self.headers.append(head)
        self.peak = max(self.peak, self._open)
        entry = self._script[min(len(self.bodies), len(self._script)) - 1]
        return entry if isinstance(entry, Response) else entry(self.bodies[-1])

    async def _send(self, response: Response, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {response.status} So", f"content-type: {response.content_type}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        lines += ["connection: close", *(["transfer-encoding: chunked"] * response.chunked)]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        left = len(response.body) if response.cut is None else response.cut
        for part in response.parts:
            if not isinstance(part, bytes):
                await writer.drain()
                await asyncio.sleep(part)
            elif left:
                sent = part[:left]
                left -= len(sent)
                writer.write(b"%x\r\n%b\r\n" % (len(sent), sent) if response.chunked else sent)
        if response.chunked and response.cut is None:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        if response.reset:
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
