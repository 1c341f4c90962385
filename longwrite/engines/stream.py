"""Reads one streamed answer, byte by byte, and believes only one that says that it ended.

The SDK's own reader reports success for a stream that breaks off or carries ``event: error``,
can't tell a web page from an empty stream, and builds an object a chunk that costs 73 µs where a
dict costs 3. So the SDK sends the request and this reads what comes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from longwrite.engines.faults import Fault, event_fault, read_json
from longwrite.engines.thinking import split_thinking
from longwrite.text import join_halves
from longwrite.types import CallError, Finish, Reply, Usage

_LONGEST_LINE = 8_000_000
_LONGEST_NAME = 200
_MOST_NAMES = 4
_FINISHES: dict[str, Finish] = {"stop": "stop", "length": "length"}
_FIELDS = (b"data", b"event", b"id", b"retry", b":")


class Events:
    """Cuts the bytes of a stream into server-sent events; a cut one is never an event."""

    def __init__(self) -> None:
        """Begin before the first byte."""
        self._rest = b""
        self._name = ""
        self._data: list[str] = []
        self._head = b""

    def feed(self, data: bytes) -> Iterator[tuple[str, str]]:
        """Yield the name and the data of each event that these bytes complete.

        Raises:
            Fault: ``invalid``, for a line without end or bytes that aren't UTF-8.
        """
        self._head = (self._head + data)[:200] if len(self._head) < 200 else self._head
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            raise Fault("invalid", "the server sends a line without end")
        for line in lines:
            key, _, value = line.removesuffix(b"\r").partition(b":")
            if key == b"data":
                self._data.append(_decode(value.removeprefix(b" ")))
            elif key == b"event":
                self._name = _decode(value.removeprefix(b" "))
            elif line in (b"", b"\r"):
                if self._data:
                    yield self._name, "\n".join(self._data)
                self._name, self._data = "", []

    def foreign(self) -> str:
        """Return how the bytes begin when that can't be a stream of events, else nothing."""
        head = self._head.lstrip()
        if any(head.startswith(key) or key.startswith(head) for key in _FIELDS):
            return ""
        return " ".join(head.decode("utf-8", "replace").split())


def _decode(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise Fault("invalid", "the server sends bytes that aren't UTF-8") from None


@dataclass(slots=True)
class Answer:
    """An answer as far as it has come.

    Attributes:
        content: The text so far, think tags included.
        thoughts: The reasoning channel so far.
        refusal: The refusal channel so far.
        finish: The server's finish reason, empty before it came.
        done: Whether ``[DONE]`` came.
        begun: Whether a choice came at all.
        usage: Tokens, as last told.
        model: The model that answers; all of them where a router changed it on the way.
    """

    content: str = ""
    thoughts: str = ""
    refusal: str = ""
    finish: str = ""
    done: bool = False
    begun: bool = False
    usage: Usage = field(default_factory=Usage)
    model: str = ""

    def add(self, name: str, data: str) -> None:
        """Take in one event.

        Raises:
            Fault: For an error event and for what isn't a chunk of a chat completion.
        """
        if self.done:
            return
        if data.startswith("[DONE]"):
            self.done = True
            return
        chunk = read_json(data)
        if name == "error":
            raise event_fault(data if chunk is None else chunk)
        if not isinstance(chunk, dict):
            raise Fault("invalid", "the server sends an event that isn't a JSON object")
        if chunk.get("error") or chunk.get("object") == "error":
            raise event_fault(chunk)
        if isinstance(chunk.get("model"), str):
            self._name_model(chunk["model"])
        if isinstance(chunk.get("usage"), dict):
            self.usage = read_usage(chunk["usage"])
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict) and not choice.get("index"):
                self._add_choice(choice)

    def _name_model(self, told: str) -> None:
        name = "".join(char for char in told if char.isprintable())[:_LONGEST_NAME]
        names = self.model.split(", ") if self.model else []
        if name and name not in names and len(names) < _MOST_NAMES:
            self.model = ", ".join([*names, name])

    def _add_choice(self, choice: dict[str, object]) -> None:
        self.begun = True
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self.content += _text(delta.get("content"))
            self.refusal += _text(delta.get("refusal"))
            self.thoughts += _text(delta.get("reasoning_content") or delta.get("reasoning"))
        finish = choice.get("finish_reason")
        if isinstance(finish, str) and finish:
            self.finish = finish[:40]

    def parts(self, streaming: bool = False) -> tuple[str, str]:
        """Return the answer and the thoughts so far."""
        text, tagged = split_thinking(join_halves(self.content), streaming)
        channel = join_halves(self.thoughts).strip()
        return text, "\n\n".join(part for part in (channel, tagged) if part)

    def conclude(self) -> Reply:
        """Return the reply of a stream that has ended.

        Raises:
            Fault: ``broken``, where it ended without saying so.
        """
        if not self.finish:
            if self.done and not self.begun:
                return self._fail("empty", "the reply has no choices")
            raise Fault("broken", "the stream ended without a finish_reason", again=True)
        finish = _FINISHES.get(self.finish)
        text, thinking = self.parts()
        if finish is None:
            kind = "refused" if self.finish == "content_filter" else "invalid"
            return self._fail(kind, f"the reply ended with {self.finish!r}")
        if not text.strip():
            if self.refusal:
                return self._fail("refused", f"the model refused: {self.refusal[:200]!r}")
            return self._fail("empty", "only thinking" if thinking else "the reply has no text")
        return Reply(text, finish, self.usage, thinking, model=self.model)

    def _fail(self, kind: str, message: str) -> Reply:
        return Reply(usage=self.usage, error=CallError(kind, message), model=self.model)


def read_usage(data: dict[str, object]) -> Usage:
    """Read a usage object; what isn't a count is left unknown."""
    details = data.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(
        _count(data.get("prompt_tokens")), _count(data.get("completion_tokens")), _count(cached)
    )


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise Fault("invalid", "the server sends content that isn't text")
