"""What is said to a vLLM server that writes completions for a trainer: tokens in, tokens out.

Token ids go both ways, so that no text is encoded twice, and each drawn token comes with the
probability that it was drawn with. The server keeps the base model; the weights in training follow
as a LoRA adapter that it loads while it runs. It has to be started for that:

    VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 vllm serve BASE --enable-lora --max-lora-rank 16 \
      --logprobs-mode processed_logprobs
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from longwrite.engines.listing import check_address, is_loopback, show_address
from longwrite.errors import EngineError, UsageError

PATIENCE = 3_600.0
"""Seconds that one request may take: a batch of long completions comes back as one answer."""

_PAUSES = (1.0, 5.0, 20.0, 60.0)
"""Seconds before each further try, where the server didn't answer or broke down: as long as one
takes to be started anew."""
_SAID = 300

_AS_IT_IS: Mapping[str, Any] = {
    "temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0,
}  # fmt: skip
"""What isn't told otherwise is drawn from the model as it is. A server takes the rest from the
model's ``generation_config.json``, and tells probabilities that are not those which are trained.
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A model as the server lists it.

    Attributes:
        name: What requests call it.
        root: The folder or name that its weights are from.
        base: Name of the model that it is an adapter of; empty for a whole model.
        window: Tokens of prompt and completion together, where the server tells.
    """

    name: str
    root: str = ""
    base: str = ""
    window: int | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A completion.

    Attributes:
        ids: Its tokens, the one that ended it included.
        logprobs: Natural logarithms of the probabilities that they were drawn with; NaN for one
            that the server doesn't tell.
        ended: Whether the model ended it, and not the limit.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    ended: bool


class UnknownModel(EngineError):
    """The server has no model of that name, as when it was started anew meanwhile."""


class _Refused(Exception):
    """The server answered, and not with what was asked for."""

    def __init__(self, status: int, said: str, known: bool) -> None:
        super().__init__(said)
        self.status, self.said, self.known = status, said, known


class RolloutServer:
    """A server of the OpenAI protocol with vLLM's additions.

    Args:
        address: Up to ``/v1``, or the host alone.
        key: Its API key, where it wants one.
        patience: Seconds that one request may take.
        pause: Waits between tries.

    Raises:
        EngineError: The address can't be one.
    """

    def __init__(
        self,
        address: str,
        key: str | None = None,
        *,
        patience: float = PATIENCE,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Note the address; nothing is asked yet."""
        check_address(address, key)
        root = address.rstrip("/")
        self._root = root if root.endswith("/v1") else f"{root}/v1"
        self.shown = show_address(self._root)
        self._headers = {"Content-Type": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._patience, self._pause = patience, pause
        proxies = [ProxyHandler({})] if is_loopback(address) else []
        self._opener = build_opener(*proxies)

    def list_models(self) -> list[Served]:
        """Return what the server has. One that isn't there is not waited for.

        Raises:
            EngineError: It can't be reached, or is no such server.
        """
        try:
            body = self._ask("GET", "/models", wait=False)
        except _Refused as error:
            raise self._unusable(error) from None
        entries = body.get("data") if isinstance(body, dict) else None
        if not isinstance(entries, list):
            mend = "Give the address of vLLM, such as http://127.0.0.1:8000/v1."
            raise EngineError(f"{self.shown} is no server of models", "it lists none", mend)
        return [_read_served(one) for one in entries if isinstance(one, dict) and one.get("id")]

    def load_adapter(self, name: str, folder: Path, rank: int) -> None:
        """Have the server load an adapter.

        Args:
            name: What requests call it.
            folder: As peft saves it; the server has to see it.
            rank: Of the adapter, for the sentence of an error.

        Raises:
            UsageError: The server isn't started for adapters, or has another base model.
            EngineError: It can't be reached.
        """
        try:
            self._ask("POST", "/load_lora_adapter", {"lora_name": name, "lora_path": str(folder)})
        except _Refused as error:
            if "has already been loaded" in error.said:  # by a try whose answer was lost
                return
            raise self._explain_adapter(error, folder, rank) from None

    def unload_adapter(self, name: str, *, wait: bool = True) -> None:
        """Have the server forget an adapter; one that it doesn't know is forgotten already.

        Args:
            name: Of the adapter.
            wait: Whether a server that can't be reached is tried again.

        Raises:
            EngineError: It can't be reached, or refuses.
        """
        try:
            self._ask("POST", "/unload_lora_adapter", {"lora_name": name}, wait=wait)
        except _Refused as error:
            if error.status != 404:
                raise self._unusable(error) from None

    def complete(
        self,
        model: str,
        prompt: Sequence[int],
        count: int,
        seed: int,
        sampling: Mapping[str, Any],
    ) -> list[Drawn]:
        """Return completions of one prompt.

        Args:
            model: Name of a model or adapter.
            prompt: Token ids.
            count: How many.
            seed: Of the first; each further one has the next.
            sampling: Further fields of the request: ``max_tokens``, ``temperature`` and so on. What
                isn't among them is drawn from the model as it is, whatever its own settings say.

        Raises:
            UnknownModel: It has none of that name.
            EngineError: It can't be reached, refuses, or doesn't answer with token ids.
        """
        body = {
            **_AS_IT_IS, **sampling, "model": model, "prompt": list(prompt), "n": count,
            "seed": seed, "logprobs": 0, "return_token_ids": True, "stream": False,
        }  # fmt: skip
        try:
            answer = self._ask("POST", "/completions", body)
        except _Refused as error:
            missing = error.status == 404 and error.known
            raise self._unusable(error, UnknownModel if missing else EngineError) from None
        choices = answer.get("choices") if isinstance(answer, dict) else None
        if not isinstance(choices, list) or len(choices) != count:
            why = f"{count} completions were asked for"
            raise EngineError(f"{self.shown} did not answer as vLLM does", why, _VERSION)
        ordered = sorted(choices, key=lambda one: int(one.get("index", 0)))
        return [self._read(one, list(prompt)) for one in ordered]

    # --- reading ----------------------------------------------------------------------------------

    def _read(self, choice: Mapping[str, Any], prompt: list[int]) -> Drawn:
        what = f"{self.shown} did not answer as vLLM does"
        told = choice.get("prompt_token_ids")
        if told is not None and told != prompt:
            why = "the prompt that it read has other tokens than the one that was sent"
            raise EngineError(what, why, "Serve the very model that is trained.")
        ids = choice.get("token_ids")
        found = choice.get("logprobs")
        logprobs = found.get("token_logprobs") if isinstance(found, dict) else None
        if not isinstance(ids, list) or not isinstance(logprobs, list) or not ids:
            raise EngineError(what, "token ids or log-probabilities are missing", _VERSION)
        if len(ids) != len(logprobs):
            why = f"{len(ids)} tokens have {len(logprobs)} log-probabilities"
            raise EngineError(what, why, _VERSION)
        values = (math.nan if one is None else float(one) for one in logprobs)
        ended = choice.get("finish_reason") == "stop"
        return Drawn(tuple(map(int, ids)), tuple(values), ended)

    def _explain_adapter(self, error: _Refused, folder: Path, rank: int) -> Exception:
        what, said = f"{self.shown} can't load the adapter", error.said
        low = said.lower()
        if error.status == 404 and not error.known:
            why = "it takes no adapters while it runs"
            mend = "Start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and --enable-lora."
        elif "lora is not enabled" in low or "lora_manager" in low:
            why, mend = "LoRA isn't enabled there", "Start it with --enable-lora."
        elif "max_lora_rank" in low:
            why, mend = said, f"Start it with --max-lora-rank {rank}, or lower lora_r."
        elif error.status == 404 or "no adapter found" in low:
            why = f"it does not see the folder {folder}"
            mend = "Let server and trainer share that folder: one machine, or one disk."
        elif error.status in (401, 403):
            return self._unusable(error)
        else:
            why = f"its base model is another one, it seems: {said}"
            mend = "Serve the very model that model_name_or_path names."
        return UsageError(what, why, mend)

    def _unusable(self, error: _Refused, kind: type[EngineError] = EngineError) -> EngineError:
        mend = "See the server's own log."
        if error.status in (401, 403):
            mend = "Set LONGWRITE_API_KEY."
        return kind(f"{self.shown} refuses", f"{error.status}: {error.said}", mend)

    # --- asking -----------------------------------------------------------------------------------

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, wait: bool = True
    ) -> Any:
        """Return an answer as JSON, or as it stands where it is none.

        Args:
            method: Of HTTP.
            path: After ``/v1``.
            body: JSON.
            wait: Whether a server that can't be reached is tried again; a busy one always is.

        Raises:
            _Refused: The server answered with an error.
            EngineError: It can't be reached, again and again.
        """
        pauses = iter(_PAUSES)
        while True:
            try:
                return self._ask_once(method, path, body)
            except _Refused as error:
                if error.status not in (429, 502, 503):
                    raise
                why, again = f"{error.status}: {error.said}", True
            except (URLError, HTTPException, OSError) as error:
                reason, again = getattr(error, "reason", error), wait
                why = getattr(reason, "strerror", None) or str(reason)
                if isinstance(reason, TimeoutError):
                    why = f"no answer within {self._patience:,.0f} seconds"
            pause = next(pauses, None)
            if pause is None or not again:
                mend = "Start the server; the same command goes on from the last checkpoint."
                raise EngineError(f"{self.shown} can't be reached", why, mend)
            self._pause(pause)

    def _ask_once(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._root + path, data, self._headers, method=method)
        try:
            with self._opener.open(request, timeout=self._patience) as answer:
                return _parse(answer.read())
        except HTTPError as error:
            found = _parse(error.read())
            raise _Refused(error.code, *_find_message(found)) from None


_VERSION = "Serve with vLLM 0.29 or later."


def _read_served(entry: Mapping[str, Any]) -> Served:
    window = entry.get("max_model_len")
    return Served(
        str(entry["id"]),
        str(entry.get("root") or ""),
        str(entry.get("parent") or ""),
        window if isinstance(window, int) else None,
    )


def _parse(raw: bytes) -> Any:
    text = raw.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def _find_message(found: Any) -> tuple[str, bool]:
    """Return what an error says, and whether it says so as an API does."""
    error = found.get("error") if isinstance(found, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    known = isinstance(message, str)
    said = message if known else found if isinstance(found, str) else json.dumps(found)
    return " ".join(str(said).split())[:_SAID], known
