"""The model in the package, run by numpy alone: no key, no server, no GPU, nothing to download.

One text is written at a time, in a thread of its own. A reply depends on its messages, sampling
and seed to the byte, whatever is asked beside it or was asked before: a prompt is read in blocks
that begin at fixed places, so that what is remembered of a block is what would be computed again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from longwrite.engines.bytepair import BytePair, Spelling
from longwrite.engines.decoder import BLOCK, Cache, Decoder, parse_config
from longwrite.engines.engine import Watch
from longwrite.engines.folder import check_folder, digest_folder
from longwrite.engines.pending import CLOSED, Pending, conclude, fail
from longwrite.engines.weights import Floats, read_weights
from longwrite.errors import EngineError
from longwrite.types import Abilities, Finish, Message, Reply, Request, Sampling, Usage

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'assistant' %}<|im_start|>assistant\n"
    "{% generation %}{{ message.content }}<|im_end|>{% endgeneration %}{{ '\\n' }}"
    "{% else %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""What `NanoEngine` puts around messages, as the template that its model folders hold."""

_NAME = "longwrite-nano"
_TURN_ENDS = ("<|im_end|>", "<|endoftext|>")
_REMEMBERED_BYTES = 48 * 2**20
_COLDEST = 1e-5


class NanoEngine:
    """An engine on a small model of the Qwen3 architecture; `open` makes one."""

    def __init__(
        self, decoder: Decoder, tokenizer: BytePair, ends: frozenset[int], name: str, identity: str
    ) -> None:
        """Take over a loaded model."""
        self.identity = identity
        languages = ("en",) if name == _NAME else ()
        self.abilities = Abilities(
            decoder.window, json=False, checks=False, deterministic=True, languages=languages
        )
        self._decoder = decoder
        self._tokenizer = tokenizer
        self._ends = ends
        self._name = name
        self._cache = Cache(decoder.config, decoder.window)
        self._prefixes = _Prefixes(_REMEMBERED_BYTES)
        # Two threads of a small matrix product gain little, and lose much beside a busy neighbour.
        self._cores = ThreadpoolController()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="longwrite-nano")
        self._open_calls: set[_Call] = set()
        self._closed = False

    def __repr__(self) -> str:
        return f"NanoEngine({self.identity!r})"

    @classmethod
    async def open(cls, folder: Path | None = None, *, window: int | None = None) -> NanoEngine:
        """Load a model.

        Args:
            folder: Holds config, tokenizer, `CHAT_TEMPLATE` and weights; without one it is the
                model in the package.
            window: Tokens of prompt and completion together, where less than the model's own.

        Raises:
            EngineError: The folder can't be used.
        """
        place = _find_package() if folder is None else folder
        check_folder(place)
        digest = await asyncio.to_thread(digest_folder, place)
        decoder, tokenizer, ends = await asyncio.to_thread(_load, place, window)
        name = _NAME if folder is None else folder.name
        return cls(decoder, tokenizer, ends, name, f"nano:{digest}")

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        """Answer one request when those asked before it are answered.

        No extra field of the sampling has a meaning here; all are told as dropped.
        """
        if self._closed:
            return CLOSED
        call = _Call(request, watch, Spelling(self._tokenizer))
        self._open_calls.add(call)
        self._thread.submit(self._answer, call)
        try:
            reply = await call.answer
        finally:
            call.gone = True
            self._open_calls.discard(call)
        return replace(reply, dropped=tuple(request.sampling.extra), model=self._name)

    async def close(self) -> None:
        """Drop what is being written, end the thread and free the memory."""
        if self._closed:
            return
        self._closed = True
        for call in self._open_calls:
            call.gone = True
            call.settle(CLOSED)
        # The loop waits for no more than the token or the block that is being computed.
        self._thread.shutdown(cancel_futures=True)
        self._prefixes = _Prefixes(0)
        del self._decoder, self._cache

    # --- in the thread ---------------------------------------------------------------------------

    def _answer(self, call: _Call) -> None:
        if call.gone:
            return
        try:
            prompt = self._render(call.request.messages)
            call.prompt = len(prompt)
            needed = len(prompt) + call.request.sampling.max_tokens
            if needed > self.abilities.window:
                why = f"{needed} tokens don't fit the window of {self.abilities.window}"
                call.post(fail("window", why))
                return
            with self._cores.limit(limits=1, user_api="blas"):
                self._read(prompt, call)
                self._write(call)
            if not call.gone:
                call.post(call.conclude())
        except Exception as error:  # whatever it is, it belongs into the reply
            call.post(fail("server", f"the model failed: {type(error).__name__}: {error}"))

    def _render(self, messages: Sequence[Message]) -> list[int]:
        """Return the conversation in tokens; only the template's own special ones are special."""
        start, end = (self._tokenizer.specials[name] for name in ("<|im_start|>", "<|im_end|>"))
        encode = self._tokenizer.encode
        prompt: list[int] = []
        for turn in messages:
            prompt += [start, *encode(f"{turn.role}\n{turn.content}"), end, *encode("\n")]
        return [*prompt, start, *encode("assistant\n")]

    def _read(self, prompt: list[int], call: _Call) -> None:
        """Read the prompt into the cache, and leave what follows it in the call."""
        self._cache.length = 0
        chain = b""
        for begin in range(0, len(prompt), BLOCK):
            if call.gone:
                return
            block = prompt[begin : begin + BLOCK]
            chain = hashlib.sha256(chain + np.array(block, np.int32).tobytes()).digest()
            # What comes after the last block is wanted, too, and that isn't remembered.
            last = begin + BLOCK >= len(prompt)
            known = None if last else self._prefixes.find(chain)
            if known is not None:
                self._cache.append(*known)
                call.cached += BLOCK
                continue
            states = self._decoder.advance(block, self._cache)
            if last:
                call.logits = self._decoder.score(states[-1])
            else:
                self._prefixes.add(chain, self._cache.copy(begin, begin + BLOCK))

    def _write(self, call: _Call) -> None:
        """Write the answer, a token at a time."""
        sampling = call.request.sampling
        generator = np.random.Generator(np.random.PCG64(sampling.seed % 2**64))
        while not call.gone:
            token = draw(call.logits, sampling, generator)
            call.completion += 1
            if token in self._ends:
                call.finish = "stop"
                return
            call.spelling.add(token)
            if call.completion >= sampling.max_tokens:
                call.finish = "length"
                return
            call.show(call.spelling.text, call.usage())
            call.logits = self._decoder.score(self._decoder.advance([token], self._cache)[-1])


class _Prefixes:
    """Keys and values of blocks of prompts; of the oldest ones it lets go."""

    def __init__(self, room: int) -> None:
        """Remember as many as `room` bytes hold."""
        self._room = room
        self._blocks: OrderedDict[bytes, tuple[Floats, Floats]] = OrderedDict()

    def find(self, chain: bytes) -> tuple[Floats, Floats] | None:
        """Return a block by the sum of its tokens and all before them."""
        if chain in self._blocks:
            self._blocks.move_to_end(chain)
        return self._blocks.get(chain)

    def add(self, chain: bytes, block: tuple[Floats, Floats]) -> None:
        """Remember a block; all are of one size."""
        self._blocks[chain] = block
        if len(self._blocks) * sum(part.nbytes for part in block) > self._room:
            self._blocks.popitem(last=False)


class _Call(Pending):
    """A request and how far its answer is."""

    def __init__(self, request: Request, watch: Watch | None, spelling: Spelling) -> None:
        super().__init__(watch)
        self.request = request
        self.spelling = spelling
        self.gone = False
        self.prompt = self.cached = self.completion = 0
        self.finish: Finish | None = None
        self.logits: Floats = np.empty(0, np.float32)

    def usage(self) -> Usage:
        return Usage(self.prompt, self.completion, self.cached)

    def conclude(self) -> Reply:
        # The cap can cut a character in two, which then is left out.
        if self.finish == "stop":
            self.spelling.end()
        return conclude(self.spelling.text, self.finish, self.usage())


def draw(logits: Floats, sampling: Sampling, generator: np.random.Generator) -> int:
    """Draw one token from the nucleus (Holtzman et al. 2020, arXiv:1904.09751).

    The nucleus is the smallest set of the likeliest tokens whose probability reaches `top_p`.

    Args:
        logits: Of one position, shape (vocabulary,).
        sampling: Temperature, 0 being greedy, and nucleus mass.
        generator: The reply's own.

    Raises:
        ArithmeticError: The logits aren't numbers.
    """
    best = int(logits.argmax())
    if not np.isfinite(logits[best]):
        raise ArithmeticError("the model computes what is no number")
    if sampling.temperature < _COLDEST:
        return best
    weights = np.exp((logits - logits[best]) / np.float32(sampling.temperature))
    wanted = sampling.top_p * float(weights.sum(dtype=np.float64))
    # Nearly always the nucleus is among a few tokens, and only those have to be sorted.
    for least in (1e-3, 1e-5, 0.0):
        ids = np.flatnonzero(weights >= least)
        reached = weights[ids].astype(np.float64)
        if reached.sum() >= wanted:
            break
    order = np.argsort(-reached, kind="stable")
    reached = reached[order].cumsum()
    reached = reached[: int(reached.searchsorted(wanted)) + 1]
    point = generator.random() * reached[-1]
    return int(ids[order[min(int(reached.searchsorted(point, "right")), len(reached) - 1)]])


# --- loading -------------------------------------------------------------------------------------


def _find_package() -> Path:
    """Return the folder of the model in the package."""
    try:
        return Path(str(resources.files("longwrite.nano")))
    except ModuleNotFoundError:
        why, mend = "it isn't in this installation", "Install longwrite again"
        raise EngineError(f"can't open {_NAME}", why, mend) from None


def _load(folder: Path, window: int | None) -> tuple[Decoder, BytePair, frozenset[int]]:
    """Return the model, its tokenizer, and the tokens that end an answer."""
    tokenizer = BytePair.load(folder / "tokenizer.json")
    weights = read_weights(folder / "model.safetensors")
    try:
        told = _read_object(folder / "config.json")
        config = parse_config(told)
        if tokenizer.size > config.vocabulary:
            raise ValueError("its tokenizer knows more tokens than its config")
        _check_template(folder)
        decoder = Decoder(config, weights, min(config.window, window or config.window))
        return decoder, tokenizer, _end_ids(folder, told, tokenizer)
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        why = " ".join(f"{error or type(error).__name__}"[:300].split())
        mend = "Restore the folder, or run it with transformers: --model ./FOLDER"
        raise EngineError(f"can't use the model folder {folder}", why, mend) from None


def _read_object(path: Path) -> dict[str, Any]:
    data = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise ValueError(f"{path.name} isn't a JSON object")
    return data


def _check_template(folder: Path) -> None:
    """Refuse a template that would put other tokens around messages than this engine does."""
    path = folder / "chat_template.jinja"
    if not path.is_file() or path.read_text(encoding="utf-8").strip() != CHAT_TEMPLATE:
        raise ValueError("its chat_template.jinja isn't the one that this engine knows")


def _end_ids(folder: Path, config: dict[str, Any], tokenizer: BytePair) -> frozenset[int]:
    if lacking := [
        name for name in ("<|im_start|>", "<|im_end|>") if name not in tokenizer.specials
    ]:
        raise ValueError(f"its tokenizer has no special token {lacking[0]}")
    ends = {tokenizer.specials[name] for name in _TURN_ENDS if name in tokenizer.specials}
    generation = folder / "generation_config.json"
    for settings in (config, _read_object(generation) if generation.is_file() else {}):
        told = settings.get("eos_token_id")
        ends.update(
            token for token in (told if isinstance(told, list) else [told]) if type(token) is int
        )
    return frozenset(ends)
