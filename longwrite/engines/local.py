"""A model folder run by transformers in this process: no server to start, nothing sent anywhere.

The model works in a thread of its own, so that the event loop never waits for it. Requests that
wait when it becomes free are written together, as one batch.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from longwrite.engines.batch import Row, decode
from longwrite.engines.countdown import TARGET, Countdown, attach, find_target, read_countdown
from longwrite.engines.engine import Watch
from longwrite.engines.folder import check_folder, digest_folder
from longwrite.engines.pending import CLOSED, Pending, conclude, fail
from longwrite.engines.transcript import Transcript, decode_tokens
from longwrite.errors import EngineError, UsageError
from longwrite.types import Abilities, Reply, Request, Usage

_DEFAULT_WINDOW = 4096
_TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<end_of_turn>", "<|end_of_turn|>")


class LocalEngine:
    """An engine on a model folder; `open` makes one.

    A reply depends on its own messages, sampling and seed; on what else is asked at the same time
    only through rounding, which can tip a draw. So the engine doesn't call itself deterministic.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        name: str,
        identity: str,
        window: int,
        batch: int,
        countdown: Countdown | None = None,
    ) -> None:
        """Take over a loaded model, and the settings of the count-down that it listens to."""
        self.identity = identity
        self.abilities = Abilities(window)
        self.countdown = countdown
        self._model = model
        self._tokenizer = tokenizer
        self._ends = _end_ids(model, tokenizer)
        self._name = name
        self._batch = max(1, batch)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="longwrite-local")
        self._open_calls: set[_Call] = set()
        self._waiting: list[_Call] = []
        self._working: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"LocalEngine({self.identity!r})"

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        window: int | None = None,
        device: str | None = None,
        dtype: str = "auto",
        batch: int = 8,
    ) -> LocalEngine:
        """Load a model; only from this folder, only from safetensors, never its own code.

        A folder with a ``countdown.json`` is told how many tokens of its reply remain.

        Args:
            folder: Holds config, tokenizer with chat template, and weights.
            window: Tokens of prompt and completion together, where less than the model's own.
            device: Such as ``cuda:1`` or ``cpu``; without one a GPU if there is one.
            dtype: Such as ``float32``; ``auto`` is that of the weights.
            batch: Requests written together at most.

        Raises:
            EngineError: The folder can't be used, or torch or transformers are missing.
        """
        check_folder(folder)
        digest = await asyncio.to_thread(digest_folder, folder)
        try:
            countdown = read_countdown(folder)
            model, tokenizer = await asyncio.to_thread(_load, folder, device, dtype)
            if countdown is not None:
                attach(model, countdown)
        except UsageError as error:
            raise EngineError(error.what, error.why, error.mend) from None
        trained = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        size = min((known for known in (trained, window) if known), default=_DEFAULT_WINDOW)
        return cls(model, tokenizer, folder.name, f"local:{digest}", size, batch, countdown)

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        """Answer one request, together with those that are asked at the same time.

        Of the extra fields ``chat_template_kwargs`` has a meaning here, such as
        ``{"enable_thinking": false}``, and where the model listens to a count-down
        ``target_tokens``, the length to aim at; the others are told as dropped.
        """
        if self._model is None:
            return CLOSED
        call = _Call(request, watch)
        self._open_calls.add(call)
        self._waiting.append(call)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        try:
            reply = await call.answer
        finally:
            call.row.gone = True
            self._open_calls.discard(call)
        known = {"chat_template_kwargs"} | ({TARGET} if self.countdown else set())
        dropped = tuple(name for name in request.sampling.extra if name not in known)
        return replace(reply, dropped=dropped, model=self._name)

    async def close(self) -> None:
        """Drop what is being written, end the thread and free the model."""
        for call in self._open_calls:
            call.row.gone = True
            call.settle(CLOSED)
        if self._working is not None and not self._working.done():
            await asyncio.wait([self._working])
        self._thread.shutdown()
        self._model = None
        _free_memory()

    async def _work(self) -> None:
        """Have the waiting calls answered, a batch at a time, until none is left."""
        while self._waiting:
            calls = self._waiting[: self._batch]
            del self._waiting[: self._batch]
            await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, calls)

    # --- in the thread ---------------------------------------------------------------------------

    def _answer(self, calls: Sequence[_Call]) -> None:
        import torch

        out_of_memory = False
        try:
            ready = {call.row: call for call in calls if not call.row.gone and self._prepare(call)}
            with torch.inference_mode():
                for row in decode(self._model, list(ready), self._ends):
                    ready[row].follow()
                    if row.finish:
                        ready[row].post(ready[row].conclude(self._tokenizer))
        except Exception as error:  # whatever it is, it belongs into the replies
            said = f"{type(error).__name__}: {error}"
            out_of_memory = isinstance(error, MemoryError | torch.OutOfMemoryError) or (
                "allocate memory" in said
            )
            if out_of_memory:
                self._batch = max(1, len(calls) // 2)
                said = f"out of memory, {len(calls)} in a batch; from now on {self._batch}"
            for call in calls:
                call.post(fail("server", f"the model failed: {said}"))
        if out_of_memory:
            _free_memory()

    def _prepare(self, call: _Call) -> bool:
        """Put the conversation into tokens; a call that can't be run is answered with why."""
        sampling = call.request.sampling
        messages = [{"role": turn.role, "content": turn.content} for turn in call.request.messages]
        options = sampling.extra.get("chat_template_kwargs")
        try:
            prompt: list[int] = self._tokenizer.apply_chat_template(
                messages,
                add_generation_prompt=True,
                return_dict=False,
                sanitize_control_tokens=True,
                **(options if isinstance(options, dict) else {}),
            )
        except Exception as error:  # a template is a program and raises what it likes
            call.post(fail("invalid", f"the chat template refuses the request: {error}"))
            return False
        needed = len(prompt) + sampling.max_tokens
        if needed > self.abilities.window:
            why = f"{needed} tokens don't fit the window of {self.abilities.window}"
            call.post(fail("window", why))
            return False
        if self.countdown is not None:
            try:
                call.row.target = find_target(call.request, self.countdown)
            except UsageError as error:
                call.post(fail("invalid", str(error)))
                return False
        call.begin(prompt, self._tokenizer)
        return True


class _Call(Pending):
    """A request and the row of the batch that answers it."""

    def __init__(self, request: Request, watch: Watch | None) -> None:
        super().__init__(watch)
        self.request = request
        self.row = Row(request.sampling)
        self._head = ""
        self._transcript: Transcript | None = None

    def begin(self, prompt: list[int], tokenizer: Any) -> None:
        self.row.prompt = prompt
        # Some templates open the thoughts themselves.
        if tokenizer.decode(prompt[-8:]).rstrip().endswith("<think>"):
            self._head = "<think>"
        if self.watched:
            self._transcript = Transcript(tokenizer, self._head)

    def usage(self) -> Usage:
        return Usage(len(self.row.prompt), len(self.row.tokens) + (self.row.finish == "stop"))

    def follow(self) -> None:
        """Show what the row holds so far."""
        if self._transcript is not None and not self.row.finish:
            self.show(self._transcript.follow(self.row.tokens), self.usage())

    def conclude(self, tokenizer: Any) -> Reply:
        text = self._head + decode_tokens(tokenizer, self.row.tokens)
        # The cap can cut a character in two.
        text = text.rstrip("\ufffd") if self.row.finish == "length" else text
        return conclude(text, self.row.finish, self.usage())


def _load(folder: Path, device: str | None, dtype: str) -> tuple[Any, Any]:
    """Return the model, on its device, and the tokenizer."""
    try:
        import torch

        transformers: Any = import_module("transformers")
    except ImportError as error:
        mend = "Run: pip install 'longwrite[local]'"
        raise EngineError("can't run a model folder", str(error), mend) from None
    bars: Any = transformers.utils.logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    safely = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **safely)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, **safely
        )
        return model.to(device or ("cuda" if torch.cuda.is_available() else "cpu")), tokenizer
    except Exception as error:  # a broken folder fails in countless ways
        what = f"can't load the model in {folder}"
        why = " ".join(f"{type(error).__name__}: {error}"[:500].split())
        mend = "Check the folder, the memory, and the device and dtype asked for"
        raise EngineError(what, why, mend) from None
    finally:
        if shown:
            bars.enable_progress_bar()


def _end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end an answer, as told in several places and as usual in chats."""
    added = tokenizer.get_added_vocab()
    ends = {added[name] for name in _TURN_ENDS if name in added}
    for told in (
        model.generation_config.eos_token_id,
        model.config.get_text_config().eos_token_id,
        tokenizer.eos_token_id,
    ):
        ends.update(told if isinstance(told, list) else [] if told is None else [told])
    return frozenset(ends)


def _free_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
