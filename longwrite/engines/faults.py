"""What a server's refusal means: whether to ask again, when, and what to leave out.

Servers that speak the same protocol fail in different words. The words are read here, once, so
that the engine only has to follow a `Fault`.
"""

from __future__ import annotations

import json
import math
import random
import re
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime

from longwrite.types import Usage

LONGEST_WAIT = 120.0
"""Seconds waited at most between two tries, whatever the server asks for."""

_WINDOW = re.compile(
    r"context[ _-]?(?:length|window|size)|maximum (?:context|model) length|max_model_len|\bn_ctx\b"
    r"|too many (?:input |prompt )?tokens|(?:prompt|input) is too long|reduce the length"
    r"|max_(?:completion_)?tokens\W.{0,40}too large|at most \d+ completion tokens",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"extra_forbidden|extra inputs|unknown[ _](?:parameter|field|name|argument)|unrecognized"
    r"|unsupported[ _](?:parameter|value|field)|unexpected (?:field|key|keyword)",
    re.IGNORECASE,
)
_KEY = re.compile(r"api[ _-]?key", re.IGNORECASE)
_FILTER = re.compile(r"content[ _-](?:filter|policy|management)|moderation", re.IGNORECASE)
_MODEL = re.compile(
    r"model_not_found|unknown model|\bmodel\b.{0,80}not (?:exist|found)|pinned to", re.IGNORECASE
)
_QUOTA = re.compile(r"insufficient[ _](?:quota|balance|credit|funds)", re.IGNORECASE)
_OTHER_NAMES = {
    "response_format": ("json_schema", "json schema", "structured output", "grammar"),
    "stream_options": ("include_usage",),
}


class Fault(Exception):
    """Why one try brought no reply.

    Attributes:
        kind: As in `longwrite.types.CallError`.
        message: For a person; it may quote the server, so the key has still to be taken out.
        fatal: Whether asking anything again is pointless until a person acts.
        again: Whether the same request may succeed a little later.
        wait: Seconds that the server asks to wait.
        status: The HTTP status, 0 where it isn't what failed; 200 for a page that is no answer.
        body: The server's answer to a refused request.
        usage: What the try has cost, as far as it had begun.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        fatal: bool = False,
        again: bool = False,
        wait: float = 0.0,
        status: int = 0,
        body: str = "",
    ) -> None:
        """Keep what is known."""
        super().__init__(message)
        self.kind, self.message, self.fatal, self.again = kind, message, fatal, again
        self.wait, self.status, self.body = wait, status, body
        self.usage = Usage()

    def pause(self, attempt: int, seed: int) -> float:
        """Return the seconds to wait after the given failed try, 1 being the first.

        Half to all of 1, 2, 4 ... seconds, drawn from the request's seed so that requests that
        failed together come back apart; never less than the server asked for, nor more than
        `LONGEST_WAIT`.
        """
        jitter = 0.5 + random.Random(f"{seed}/{attempt}").random() / 2
        return min(LONGEST_WAIT, max(self.wait, jitter * 2.0 ** min(attempt - 1, 10)))


def status_fault(status: int, headers: Mapping[str, str], body: str) -> Fault:
    """Say what an HTTP status other than success means."""
    said = server_message(body)
    message = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    told = _told(body)
    about_field = bool(_FIELD.search(told))
    if status == 413 or (status in (400, 422, 500) and _WINDOW.search(told) and not about_field):
        return Fault("window", message, status=status)
    if status in (401, 402, 403, 404) or (status == 429 and _QUOTA.search(told)):
        return Fault("refused", message, fatal=True, status=status)
    if status in (408, 409, 425, 429) or status >= 500:
        kind = {408: "timeout", 429: "rate"}.get(status, "server")
        return Fault(kind, message, again=True, wait=retry_after(headers), status=status)
    if status in (400, 422) and not about_field:
        if _FILTER.search(told):
            return Fault("refused", message, status=status)
        if _MODEL.search(told) or _KEY.search(told):
            return Fault("refused", message, fatal=True, status=status)
    return Fault("invalid", message, status=status, body=body)


def _told(body: str) -> str:
    """Return message and codes of an error body, without the request that some servers repeat."""
    holders = _holders(read_json(body))
    codes = [holder.get(key) for holder in holders for key in ("code", "type")]
    return " ".join(
        [server_message(body, 4000), *(code for code in codes if isinstance(code, str))]
    )


def connection_fault(error: Exception) -> Fault:
    """Say what an error of the SDK or of its transport means.

    The transport's classes change with the SDK, so they are known by name.
    """
    cause = error.__cause__ or error
    name = type(cause).__name__
    if isinstance(cause, (TypeError, ValueError)):
        return Fault("invalid", f"the request can't be sent ({name})")
    if name.startswith("Connect"):
        why = server_message(str(cause)) or name
        return Fault("unreachable", f"no connection: {why}", fatal=True, again=True)
    return Fault("broken", f"the connection broke ({name})", again=True)


def event_fault(data: object) -> Fault:
    """Say what an error inside a stream means."""
    said = server_message(data)
    if _WINDOW.search(said):
        return Fault("window", f"the server broke off: {said}")
    return Fault("broken", f"the server broke off: {said or 'an error event'}", again=True)


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds of a Retry-After header, given as a number or a date; 0.0 without one.

    A date is held against the server's own Date header, so that a wrong clock here does no harm.
    """
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = parsedate_to_datetime(value).timestamp()
        except (ValueError, OverflowError):
            return 0.0
        try:
            now = parsedate_to_datetime(headers.get("date", "")).timestamp()
        except (ValueError, OverflowError):
            now = time.time()
        seconds = until - now
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def refused_fields(body: str, sent: Sequence[str]) -> list[str]:
    """Return which of the sent fields a 400 or 422 is about; empty when it doesn't say.

    OpenAI names one in ``param``, FastAPI in ``loc``; others only mention it, and then the first
    one mentioned is meant (messages go on to suggest other fields).
    """
    named: set[str] = set()
    for holder in _holders(read_json(body)):
        place = holder.get("loc")
        for name in (holder.get("param"), *(place if isinstance(place, list) else [])):
            if isinstance(name, str):
                named.add(re.split(r"[.\[]", name, maxsplit=1)[0])
    found = [field for field in sent if field in named]
    if found:
        return found
    said = server_message(body, 4000)
    places: dict[str, int] = {}
    for field in sent:
        for name in (field, *_OTHER_NAMES.get(field, ())):
            match = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said, re.IGNORECASE)
            if match:
                places[field] = min(match.start(), places.get(field, match.start()))
    return [min(places, key=lambda field: places[field])] if places else []


def _holders(data: object) -> list[dict[str, object]]:
    """Return the objects of an error body that may say what is wrong, the outermost first."""
    if not isinstance(data, dict):
        return []
    entries = data.get("detail")
    inner = [data.get("error"), *(entries if isinstance(entries, list) else [])]
    return [data, *(holder for holder in inner if isinstance(holder, dict))]


def server_message(data: object, limit: int = 300) -> str:
    """Return what a server says in an error, given as text or parsed, on one printable line."""
    if isinstance(data, str):
        bare = "an HTML page" if data.lstrip()[:1] == "<" else data
        parsed = read_json(data)
        data = bare if parsed is None else parsed
    said = _said(data, 4)
    return " ".join("".join(c if c.isprintable() else " " for c in said[:8000]).split())[:limit]


def _said(data: object, depth: int) -> str:
    if isinstance(data, str):
        return data
    if isinstance(data, list) and depth:
        return "; ".join(filter(None, (_said(entry, depth - 1) for entry in data[:5])))
    if isinstance(data, dict) and depth:
        for key in ("error", "message", "detail", "msg"):
            said = _said(data.get(key), depth - 1)
            if said:
                return said
    return ""


def redact(text: str, key: str) -> str:
    """Take a key out of a message, also one that a server half masked or a limit cut.

    Keys under 6 characters are placeholders of servers without keys.
    """
    return re.sub(re.escape(key[:6]) + r"\S*", "[key]", text) if len(key) >= 6 else text


def read_json(text: str) -> object | None:
    """Parse JSON; None where it isn't any, however deep or long it is."""
    try:
        data: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data
