"""Any server that speaks the OpenAI chat protocol: vLLM, Ollama, llama.cpp, a hosted one.

Servers differ in the fields they take, and all of them fail: they limit, stall, break off, and
answer with web pages. This engine hands on a text only when the server said that it is complete;
everything else becomes a `CallError`. The SDK's own retries are off: ours obey Retry-After, and
also cover a stream that breaks off.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from longwrite.engines.engine import ON_LOSS, Watch
from longwrite.engines.faults import Fault, connection_fault, redact, refused_fields, status_fault
from longwrite.engines.listing import check_address, find_model, is_loopback
from longwrite.engines.stream import Answer, Events
from longwrite.errors import UsageError
from longwrite.text import estimate_tokens
from longwrite.types import Abilities, CallError, Json, Reply, Request, Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_LOG = logging.getLogger(__name__)
_DEFAULT_WINDOW = 8192
_CONNECT_WAIT = 10.0
_USAGE_WAIT = 5.0
_CLOSING_WAIT = 0.2
_TOKENS_PER_MESSAGE = 6
_SHORTEST_SECRET = 16


def read_key(path: str | os.PathLike[str] | None = None) -> str | None:
    """Return the API key: a file's when one is named, else that of the environment, or None.

    LONGWRITE_API_KEY wins over OPENAI_API_KEY.

    Raises:
        UsageError: The file can't be read or doesn't hold one key.
    """
    if path is None:
        found = os.environ.get("LONGWRITE_API_KEY", "") or os.environ.get("OPENAI_API_KEY", "")
        source, mend = "the API key of the environment", "Set LONGWRITE_API_KEY to the bare key"
    else:
        source, mend = f"the key file {os.fspath(path)!r}", "Name a file that holds only the key"
        try:
            found = Path(path).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it isn't a text file"
            raise UsageError(f"can't read {source}", why, mend) from None
    key = found.strip()
    if (path is not None and not key) or len(key) > 4096 or not _fits_a_header(key):
        raise UsageError(f"can't use {source}", "it isn't one line of plain characters", mend)
    return key or None


def _fits_a_header(key: str) -> bool:
    return key.isascii() and key.isprintable() and " " not in key


class OpenAIEngine:
    """An engine behind an OpenAI-compatible address; `open` makes one."""

    def __init__(
        self,
        client: AsyncOpenAI,
        model: str,
        identity: str,
        abilities: Abilities,
        *,
        in_flight: int,
        first_token: float,
        minimum_rate: float,
        attempts: int,
        on_warning: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """Take over an open client."""
        self.identity = identity
        self.abilities = abilities
        self._client = client
        self._model = model
        self._slots = asyncio.Semaphore(in_flight)
        self._first_token = first_token
        self._minimum_rate = minimum_rate
        self._attempts = attempts
        self._on_warning = on_warning
        self._sleep = sleep
        self._accepted: set[str] = set()
        self._dropped: set[str] = set()
        self._told_of_truncation = False

    def __repr__(self) -> str:
        return f"OpenAIEngine({self.identity!r})"

    @classmethod
    async def open(
        cls,
        model: str,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        window: int | None = None,
        json: bool = True,
        checks: bool = True,
        in_flight: int = 32,
        first_token: float = 300.0,
        minimum_rate: float = 2.0,
        attempts: int = 4,
        on_warning: Callable[[str], None] = _LOG.warning,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> OpenAIEngine:
        """Check that there is an API with this model, before anything is generated.

        Args:
            model: The model's name at the server.
            base_url: The address up to ``/v1``; without one OPENAI_BASE_URL, else OpenAI's.
            api_key: The key, or None for a server without one.
            window: Tokens of prompt and completion together, where the server tells nothing or
                more; 8192 where nobody tells.
            json: Whether the server is trusted to force a JSON schema.
            checks: Whether the model is good enough to judge and to take notes.
            in_flight: Requests at the same time.
            first_token: Seconds until the first token, waiting in the server's queue included.
            minimum_rate: Tokens per second, above 0; after its first token a reply may take
                max_tokens / minimum_rate seconds.
            attempts: Tries of one request.
            on_warning: Told, once each, what a person should know.
            sleep: Waits between tries.

        Raises:
            EngineError: There is no API, it refuses, or it hasn't the model.
            UsageError: The key has characters that no key has.
        """
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

        address = base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        check_address(address, api_key)
        if api_key and not _fits_a_header(api_key):
            raise UsageError("can't use the API key", "it isn't one line of plain characters")
        client = AsyncOpenAI(
            api_key=api_key or "none",
            base_url=address,
            max_retries=0,
            timeout=Timeout(None, connect=_CONNECT_WAIT),
            # What runs on this machine is not for a proxy to see.
            http_client=DefaultAsyncHttpxClient(trust_env=not is_loopback(address)),
        )
        try:
            identity, told = await find_model(client, model, address)
        except BaseException:
            await client.close()
            raise
        known = [size for size in (told, window) if size]
        abilities = Abilities(min(known, default=_DEFAULT_WINDOW), json=json, checks=checks)
        return cls(
            client,
            model,
            identity,
            abilities,
            in_flight=in_flight,
            first_token=first_token,
            minimum_rate=minimum_rate,
            attempts=attempts,
            on_warning=on_warning,
            sleep=sleep,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        """Answer one request, asking again where that may help.

        A request that waits to be asked again keeps its place among those in flight, so that a
        server that limits is asked less.
        """
        prompt = _estimate_prompt(request)
        needed = prompt + request.sampling.max_tokens
        if needed > self.abilities.window:
            message = f"about {needed} tokens don't fit the window of {self.abilities.window}"
            return Reply(error=CallError("window", message))
        async with self._slots:
            attempt = 1
            while True:
                try:
                    reply = await self._ask(request, watch)
                except Fault as fault:
                    if not fault.again or attempt >= self._attempts:
                        error = CallError(fault.kind, fault.message, fault.fatal)
                        reply = Reply(usage=fault.usage, error=error)
                        break
                    ON_LOSS.get()(fault.usage)
                    pause = fault.pause(attempt, request.sampling.seed)
                else:
                    break
                await self._sleep(pause)
                attempt += 1
        self._look_for_truncation(reply, prompt)
        return self._without_key(reply)

    async def _ask(self, request: Request, watch: Watch | None) -> Reply:
        """Ask once, leaving out one by one the optional fields that the server refuses.

        A field is left out for good only once the server has taken a request without it, so that
        a request that is bad for another reason costs no field.
        """
        fields = self._fields(request)
        left_out = self._dropped & set(fields)
        first: Fault | None = None
        while True:
            sent = {name: value for name, value in fields.items() if name not in left_out}
            try:
                reply = await self._attempt(request, sent, watch)
            except Fault as fault:
                if fault.kind != "invalid" or fault.status not in (400, 422):
                    raise
                first = first or fault
                guess = [name for name in sent if name not in self._accepted][:1]
                refused = refused_fields(fault.body, list(sent)) or guess
                if not refused:
                    raise first from None
                left_out.update(refused)
            else:
                self._accepted.update(sent)
                self._drop(left_out)
                return replace(reply, dropped=tuple(name for name in fields if name in left_out))

    def _fields(self, request: Request) -> dict[str, Json]:
        """Return the optional fields in the order in which they can best be spared."""
        sampling = request.sampling
        fields: dict[str, Json] = dict(sampling.extra)
        fields.setdefault("stream_options", {"include_usage": True})
        fields.setdefault("seed", sampling.seed)
        fields.setdefault("top_p", sampling.top_p)
        forced = self.abilities.json or "response_format" in self._dropped
        if request.schema is not None and forced:
            schema: Json = {"name": "reply", "strict": True, "schema": dict(request.schema)}
            fields.setdefault("response_format", {"type": "json_schema", "json_schema": schema})
        fields.setdefault("temperature", sampling.temperature)
        fields.setdefault("max_tokens", sampling.max_tokens)
        return fields

    def _drop(self, names: Collection[str]) -> None:
        for name in sorted(set(names) - self._dropped):
            self._dropped.add(name)
            if name == "response_format":
                self.abilities = replace(self.abilities, json=False)
            instead = "max_completion_tokens is sent" if name == "max_tokens" else "it is left out"
            self._on_warning(f"The server refuses the field {name!r}; {instead} from now on.")

    async def _attempt(
        self, request: Request, fields: dict[str, Json], watch: Watch | None
    ) -> Reply:
        """Send one request and read its stream.

        Raises:
            Fault: It brought no reply.
        """
        answer = Answer()
        try:
            reply = await self._read(request, fields, watch, answer)
        except Fault as fault:
            # Hosts take money for what they read and wrote, not for what they refused.
            if not fault.status and fault.kind != "unreachable":
                fault.usage = _estimate_usage(request, answer)
            raise
        if reply.error is not None and reply.usage.prompt is None:
            reply = replace(reply, usage=_estimate_usage(request, answer))
        return reply

    async def _read(
        self, request: Request, fields: dict[str, Json], watch: Watch | None, answer: Answer
    ) -> Reply:
        events = Events()
        clock = asyncio.get_running_loop().time
        whole = request.sampling.max_tokens / self._minimum_rate
        latest, seen = math.inf, 0
        try:
            async with (
                asyncio.timeout(self._first_token) as deadline,
                aclosing(self._bytes(request, fields)) as chunks,
            ):
                async for data in chunks:
                    for name, event in events.feed(data):
                        answer.add(name, event)
                    if answer.content or answer.thoughts:
                        latest = min(latest, clock() + whole)
                    if answer.finish or answer.done:
                        wait = _CLOSING_WAIT if answer.done else _USAGE_WAIT
                        latest = min(latest, clock() + wait)
                    if latest < math.inf:
                        deadline.reschedule(latest)
                    # A look for each share of growth, so that all looks together stay linear.
                    if watch and len(answer.content) > seen + seen // 64:
                        seen = len(answer.content)
                        text, thinking = answer.parts(streaming=True)
                        if text and watch(text):
                            return Reply(text, "watch", answer.usage, thinking, model=answer.model)
        except TimeoutError:
            if not (answer.finish or answer.done):
                raise Fault("timeout", _too_slow(answer), again=True) from None
        if not (answer.begun or answer.done) and events.foreign():
            why = f"the answer isn't a stream but {events.foreign()!r}"
            raise Fault("invalid", why, status=200)
        reply = answer.conclude()
        if watch and reply.error is None and watch(reply.text):
            return replace(reply, finish="watch")
        return reply

    async def _bytes(
        self, request: Request, fields: dict[str, Json]
    ) -> AsyncGenerator[bytes, None]:
        """Yield what the server sends; a cut ends it like an end, as only a finish reason counts.

        Raises:
            Fault: There is no connection, or a status other than success.
        """
        from openai import APIStatusError

        body: dict[str, Json] = dict(fields)
        if "max_tokens" not in body:
            body["max_completion_tokens"] = request.sampling.max_tokens
        # In the extra body they are sent as they are; the SDK's look at each takes milliseconds.
        body["messages"] = [
            {"role": turn.role, "content": turn.content} for turn in request.messages
        ]
        create = self._client.chat.completions.with_streaming_response.create
        try:
            async with create(
                model=self._model, messages=(), stream=True, extra_body=body
            ) as response:
                with suppress(Exception):  # of the transport: its classes change with the SDK
                    async for data in response.iter_bytes():
                        yield data
        except APIStatusError as error:
            headers, text = error.response.headers, error.response.text
            raise status_fault(error.status_code, headers, text) from None
        except Exception as error:
            raise connection_fault(error) from None

    def _look_for_truncation(self, reply: Reply, estimate: int) -> None:
        """Warn, once, of a server that counts far fewer prompt tokens than were sent."""
        counted = reply.usage.prompt
        if self._told_of_truncation or counted is None or estimate < 500:
            return
        if counted < 0.45 * estimate:
            self._told_of_truncation = True
            self._on_warning(
                f"The server counts {counted} prompt tokens where about {estimate} were sent: it "
                "may cut long prompts without saying so. Raise its context size, or lower --window."
            )

    def _without_key(self, reply: Reply) -> Reply:
        key = self._client.api_key
        text, thinking = reply.text, reply.thinking
        if len(key) >= _SHORTEST_SECRET:
            text, thinking = text.replace(key, "[key]"), thinking.replace(key, "[key]")
        error = reply.error
        if error is not None:
            error = replace(error, message=redact(error.message, key))
        return replace(
            reply, text=text, thinking=thinking, error=error, model=redact(reply.model, key)
        )


def _estimate_prompt(request: Request) -> int:
    return sum(
        estimate_tokens(message.content) + _TOKENS_PER_MESSAGE for message in request.messages
    )


def _estimate_usage(request: Request, answer: Answer) -> Usage:
    written = estimate_tokens(answer.content + answer.thoughts)
    return Usage(_estimate_prompt(request), written)


def _too_slow(answer: Answer) -> str:
    if answer.content or answer.thoughts:
        return f"the reply came too slowly: {len(answer.content)} characters until the deadline"
    return "no first token until the deadline"
