"""Whether an address is an API that has the model, found out before anything is generated.

A person mistypes an address or a name more often than a server fails, and should read one sentence
about it rather than wait for a page of retries.
"""

from __future__ import annotations

import asyncio
import difflib
import ipaddress
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from longwrite.engines.faults import connection_fault, read_json, redact, status_fault
from longwrite.errors import EngineError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_PATIENCE = 30.0
_LONGEST_NAME = 200
_ADDRESS = "Give the address up to /v1, such as --base-url http://127.0.0.1:8000/v1"
_KEY = "Set LONGWRITE_API_KEY, or name a file with --api-key-file"
_WINDOWS = (
    "max_model_len",
    "context_length",
    "context_window",
    "max_context_length",
    "n_ctx",
    "n_ctx_train",
)


def check_address(address: str, key: str | None) -> None:
    """Refuse what can't be the address of a server, or needs a key and has none.

    Raises:
        EngineError: It can't be used.
    """
    shown = show_address(address)
    if not shown:
        raise EngineError("--base-url isn't an address", "it doesn't begin http://HOST", _ADDRESS)
    if not key and urlsplit(address).hostname == "api.openai.com":
        raise EngineError("there is no API key", "OpenAI's own API needs one", _KEY)


def is_loopback(address: str) -> bool:
    """Tell whether an address is of this machine, so that no proxy stands before it."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def show_address(address: str) -> str:
    """Return an address as it may be shown, without password and query; empty for none."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path}"


def without_password(address: str) -> str:
    """Return an address without user and password, as it may be kept."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


async def find_model(client: AsyncOpenAI, model: str, address: str) -> tuple[str, int | None]:
    """Return the model's identity and the window that the server tells, if it does.

    The identity is ``openai:NAME``, with the server's root and revision of it where told.

    Raises:
        EngineError: The address isn't an API, it refuses, or it hasn't the model.
    """
    shown = show_address(address)
    try:
        async with asyncio.timeout(_PATIENCE):
            listed = await _listed(client, shown)
    except TimeoutError:
        why = f"no answer within {_PATIENCE:.0f} seconds"
        raise EngineError(f"can't use {shown}", why, _ADDRESS) from None
    entries = {name: entry for entry in listed for name in _names(entry)}
    entry = entries.get(model) or entries.get(f"{model}:latest") or entries.get(f"models/{model}")
    # A server that loads by path lists only what it has downloaded.
    if entry is None and entries and not (model.startswith("/") or os.path.isdir(model)):
        near = difflib.get_close_matches(model, entries, n=3, cutoff=0.4)
        some = ", ".join(repr(name) for name in near or sorted(entries)[:5])
        raise EngineError(
            f"the server at {shown} has no model {model!r}",
            f"{'near to it' if near else 'it has'}: {some}",
            f"Use --model {(near or sorted(entries))[0]!r}",
        )
    entry = entry or {}
    identity = f"openai:{model}"
    for field in ("root", "revision"):
        value = entry.get(field)
        if isinstance(value, str) and value not in ("", model) and "://" not in value:
            identity += f" {field}={value[:200]}"
    return redact(identity, client.api_key), _window(entry)


async def _listed(client: AsyncOpenAI, shown: str) -> list[dict[str, object]]:
    """Return the models that the server lists; none where it has no such list."""
    from openai import APIStatusError

    what = f"can't use {shown}"
    try:
        async with client.models.with_streaming_response.list() as response:
            body = await response.text()
    except APIStatusError as error:
        status, text = error.status_code, error.response.text
        if status in (404, 405) and await _answers_chat(client):
            return []
        fault = status_fault(status, error.response.headers, text)
        mend = _KEY if status in (401, 403) else _ADDRESS
        if fault.again:
            mend = "Wait until the server is ready, then run the same command again"
        raise EngineError(what, redact(fault.message, client.api_key), mend) from None
    except Exception as error:
        fault = connection_fault(error)
        mend = "Start the server, or correct --base-url" if fault.fatal else _ADDRESS
        raise EngineError(what, fault.message, mend) from None
    data = read_json(body)
    entries = data.get("data", data.get("models")) if isinstance(data, dict) else data
    if not isinstance(entries, list):
        kind = "a web page" if body.lstrip()[:1] == "<" else "something else"
        raise EngineError(what, f"it answers with {kind}, not with a list of models", _ADDRESS)
    return [entry for entry in entries if isinstance(entry, dict)]


async def _answers_chat(client: AsyncOpenAI) -> bool:
    """Tell whether an empty chat request, which generates nothing, is refused as an API does."""
    from openai import APIStatusError, OpenAIError

    try:
        return isinstance(await client.post("/chat/completions", cast_to=object, body={}), dict)
    except APIStatusError as error:
        known = error.status_code not in (404, 405)
        return known and isinstance(read_json(error.response.text), dict)
    except OpenAIError:
        return False


def _names(entry: dict[str, object]) -> list[str]:
    aliases = entry.get("aliases")
    names = [entry.get("id") or entry.get("name"), *(aliases if isinstance(aliases, list) else [])]
    return [name for name in names if isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME]


def _window(entry: dict[str, object]) -> int | None:
    """Return the tokens of the context, under the first of the names that servers use for it."""
    meta = entry.get("meta")
    for holder in (entry, meta if isinstance(meta, dict) else {}):
        for name in _WINDOWS:
            size = holder.get(name)
            if type(size) is int and size > 0:
                return size
    return None
