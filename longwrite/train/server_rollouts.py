"""Completions of a server on the weights in training, which follow as a LoRA adapter.

After each optimizer step the adapter is saved and loaded by the server under a new name, so that
nothing cached of the old weights is used again; the former one is unloaded.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from longwrite.errors import EngineError, LongwriteError, UsageError
from longwrite.prompts import derive_seed
from longwrite.train.server import Drawn, RolloutServer, Served, UnknownModel

_peft: Any = import_module("peft")
_accelerate: Any = import_module("accelerate.utils")

FOLDER = "rollout-adapter"
"""In the output folder: the adapter that the server has loaded."""

_IN_FLIGHT = 64
_UNSERVED = ("lm_head", "embed_tokens")

_T = TypeVar("_T")


class ServerRollouts:
    """A rollout function of TRL: the completions of a batch, drawn by a server.

    Every process asks for the completions of its own rows; the first alone brings the server to
    the weights. What goes wrong in one process goes wrong in all of them.

    Args:
        server: Where.
        model: Name of the base model there; None for the only one.
        longest: Tokens of the longest prompt.

    Attributes:
        proven: Whether a batch has shown that server and trainer have the same weights.
        seconds: That the last ``sync`` and ``rollout`` took.
    """

    def __init__(self, server: RolloutServer, model: str | None = None, longest: int = 0) -> None:
        """Set up; nothing is asked yet."""
        self._server, self._model, self._longest = server, model, longest
        self._tag, self._synced, self._calls = "", 0, 0
        self._step: int | None = None
        self._loaded: Loaded | None = None
        self.proven = False
        self.seconds = {"sync": 0.0, "rollout": 0.0}

    @property
    def fault(self) -> type[LongwriteError]:
        """Return what a server of other weights is: a mistake at first, later a failure."""
        return EngineError if self.proven else UsageError

    def __call__(self, prompts: list[Any], trainer: Any) -> dict[str, Any]:
        """Return the completions of prompts that stand there as often as they are wanted.

        Raises:
            UsageError: It is the server of another model.
            EngineError: The server fails.
        """
        self.sync(trainer)
        self._calls += 1
        started = time.monotonic()
        ids = [list(one) for one in trainer._tokenize_prompts(prompts)[0]]
        drawn = agree(trainer, lambda: self._draw(ids, trainer), everywhere=True)
        self.seconds["rollout"] = time.monotonic() - started
        return {
            "prompt_ids": ids,
            "completion_ids": [list(one.ids) for one in drawn],
            "logprobs": [list(one.logprobs) for one in drawn],
        }

    def check(self, trainer: Any) -> None:
        """Find out before the first step whether this can work; the server is left as it was.

        Raises:
            UsageError: The server can't be used with this training.
        """
        try:
            agree(trainer, lambda: self._check_server(trainer))
            self.sync(trainer)
            agree(trainer, lambda: self._try(trainer))
        except EngineError as error:
            raise UsageError(error.what, error.why, error.mend) from None
        finally:
            self.close(trainer)

    def sync(self, trainer: Any) -> None:
        """Bring the server to the trainer's weights, unless it has them.

        Raises:
            UsageError: It can't load the adapter, or the adapter can't be saved.
            EngineError: It can't be reached.
        """
        step = int(trainer.state.global_step)
        if step == self._step:
            return
        started = time.monotonic()
        if not self._tag:  # of its own: a server may still hold those of a run that was killed
            self._tag = _share(trainer, f"longwrite-{secrets.token_hex(4)}")
        before = self._loaded
        rank = find_rank(trainer)
        fresh = Loaded(f"{self._tag}-{self._synced}", _find_place(trainer), rank)
        state = gather_state(trainer)

        def load() -> None:
            save_adapter(trainer, fresh.folder, state)
            self._server.load_adapter(fresh.name, fresh.folder, rank)
            if before is not None:
                self._server.unload_adapter(before.name)
                shutil.rmtree(before.folder, ignore_errors=True)

        self._loaded = fresh
        self._synced += 1
        agree(trainer, load)
        self._step, self._calls = step, 0
        self.seconds["sync"] = time.monotonic() - started

    def close(self, trainer: Any) -> None:
        """Have the server forget the adapter, and remove its folder."""
        loaded, self._loaded, self._step = self._loaded, None, None
        if loaded is not None and trainer.accelerator.is_main_process:
            with suppress(EngineError):  # a server that is gone has forgotten it
                self._clear(loaded.place)
            shutil.rmtree(loaded.place, ignore_errors=True)

    def _clear(self, place: Path) -> None:
        """Have the server forget all adapters that a folder holds, and remove it."""
        for adapter in place.glob("longwrite-*"):
            self._server.unload_adapter(adapter.name, wait=False)
        shutil.rmtree(place, ignore_errors=True)

    # --- drawing ----------------------------------------------------------------------------------

    def _draw(self, ids: list[list[int]], trainer: Any) -> list[Drawn]:
        sampling = find_sampling(trainer)
        rank, first = trainer.accelerator.process_index, 0
        orders = []
        for prompt, same in groupby(ids):
            seed = derive_seed(
                trainer.args.seed, "rollout", self._step or 0, self._calls, rank, first
            )
            count = len(list(same))
            orders.append((prompt, count, seed))
            first += count
        pool = ThreadPoolExecutor(min(_IN_FLIGHT, len(orders)), thread_name_prefix="rollout")
        try:
            jobs = [pool.submit(self._complete, *order, sampling) for order in orders]
            drawn = [one for job in jobs for one in job.result()]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        stops = set(trainer.eos_token_ids)
        strange = next((one for one in drawn if one.ended and one.ids[-1] not in stops), None)
        if strange is not None:
            raise self.fault(
                f"{self._server.shown} ended a completion with the token {strange.ids[-1]}",
                "the trained model has other stop tokens",
                "Serve the very model that is trained, without stop strings.",
            )
        return drawn

    def _complete(
        self, prompt: list[int], count: int, seed: int, sampling: dict[str, Any]
    ) -> list[Drawn]:
        """Return completions; a server that was started anew is given the adapter again."""
        loaded = self._loaded
        assert loaded is not None
        try:
            return self._server.complete(loaded.name, prompt, count, seed, sampling)
        except UnknownModel:
            self._server.load_adapter(loaded.name, loaded.folder, loaded.rank)
            return self._server.complete(loaded.name, prompt, count, seed, sampling)

    def _check_server(self, trainer: Any) -> None:
        served = find_served(self._server.list_models(), self._model, self._server.shown)
        limit = trainer.max_completion_length
        if served.window is not None and self._longest + limit > served.window:
            raise UsageError(
                f"{self._server.shown} has a window of {served.window:,} tokens",
                f"a prompt has up to {self._longest:,} and a completion may have {limit:,}",
                "Start it with a larger --max-model-len, or lower max_completion_length.",
            )
        self._clear(_find_place(trainer))  # of what a run left that was killed

    def _try(self, trainer: Any) -> None:
        """Have one token drawn, to see that it comes as it has to."""
        sampling = find_sampling(trainer)
        few = {**sampling, "max_tokens": max(1, int(sampling.get("min_tokens") or 0))}
        prompt = next(iter(trainer.train_dataset))["prompt"]
        ids = list(trainer._tokenize_prompts([prompt])[0][0])
        self._complete(ids, 1, derive_seed(trainer.args.seed, "rollout", "trial"), few)


@dataclass(frozen=True, slots=True)
class Loaded:
    """An adapter that the server has.

    Attributes:
        name: What requests call it.
        place: Folder of this run's adapters.
        rank: Of LoRA.
    """

    name: str
    place: Path
    rank: int

    @property
    def folder(self) -> Path:
        """Return where it is."""
        return self.place / self.name


def _find_place(trainer: Any) -> Path:
    return Path(trainer.args.output_dir).resolve() / FOLDER


def agree(trainer: Any, work: Callable[[], _T], *, everywhere: bool = False) -> _T:
    """Do something in the first process, or in each; what goes wrong in one goes wrong in all.

    Returns:
        What came of it; nothing to be used where it was not done.
    """
    found: Any = None
    fault: LongwriteError | None = None
    if everywhere or trainer.accelerator.is_main_process:
        try:
            found = work()
        except LongwriteError as error:
            fault = error
    told = [None if fault is None else (type(fault), fault.what, fault.why, fault.mend)]
    if trainer.accelerator.num_processes > 1:
        told = _accelerate.gather_object(told)
    for one in filter(None, told):
        kind, *parts = one
        raise kind(*parts)
    done: _T = found
    return done


def _share(trainer: Any, value: str) -> str:
    """Return what the first process has."""
    several = trainer.accelerator.num_processes > 1
    return str(_accelerate.gather_object([value])[0]) if several else value


def find_served(models: Sequence[Served], name: str | None, shown: str) -> Served:
    """Return the base model of a server.

    Raises:
        UsageError: There is none of that name, or several without one.
    """
    bases = [one for one in models if not one.base]
    names = ", ".join(one.name for one in bases) or "none"
    if name is None:
        if len(bases) != 1:
            why = f"it has {names}"
            raise UsageError(f"No model of {shown} is chosen", why, "Set rollout_model.")
        return bases[0]
    found = next((one for one in bases if one.name == name), None)
    if found is None:
        mend = f"Set rollout_model to one of them: {names}."
        raise UsageError(f"{shown} has no model '{name}'", f"it has {names}", mend)
    return found


def find_sampling(trainer: Any) -> dict[str, Any]:
    """Return how a trainer wants its completions drawn, in the words of vLLM."""
    told = {
        "max_tokens": trainer.max_completion_length,
        "temperature": trainer.temperature,
        "top_p": trainer.top_p,
        "top_k": trainer.top_k,
        "min_p": trainer.min_p,
        "repetition_penalty": trainer.repetition_penalty,
        "stop_token_ids": sorted(trainer.eos_token_ids),
        **(trainer.args.generation_kwargs or {}),
    }
    return {name: value for name, value in told.items() if value is not None}


# --- the adapter ---------------------------------------------------------------------------------


def check_adapter(config: Any) -> None:
    """Refuse a training that a LoRA adapter alone can't tell a server.

    Args:
        config: Of peft; None where the whole model is trained.

    Raises:
        UsageError: There is no adapter, or it changes more than vLLM takes from one.
    """
    what = "The server can't follow this training"
    if config is None:
        why = "only the weights of a LoRA adapter are sent to it"
        raise UsageError(what, why, "Add --use_peft true, or leave out rollout_server.")
    if config.peft_type != _peft.PeftType.LORA:
        raise UsageError(what, f"an adapter of the kind {config.peft_type} isn't LoRA", "Use LoRA.")
    targets = config.target_modules or ()
    targets = [targets] if isinstance(targets, str) else targets
    faults = {
        "modules_to_save": bool(config.modules_to_save),
        "use_dora": bool(config.use_dora),
        "bias": config.bias != "none",
        "target_parameters": bool(getattr(config, "target_parameters", None)),
        "lora_target_modules": any(one in target for target in targets for one in _UNSERVED),
    }
    if wrong := next((name for name, found in faults.items() if found), None):
        why = f"'{wrong}' trains what vLLM takes from no adapter"
        raise UsageError(what, why, f"Leave out {wrong}, or train without rollout_server.")


def gather_state(trainer: Any) -> Any:
    """Return the weights of a model in shards, None where each process has them; all have to come.

    Before the first step nothing is in shards yet.
    """
    sharded = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    if not sharded or not trainer.is_in_train:
        return None
    return trainer.accelerator.get_state_dict(trainer.model_wrapped)


def save_adapter(trainer: Any, folder: Path, state: Any) -> None:
    """Save the adapter in training, whole or not at all.

    Raises:
        UsageError: It can't be written.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    part = folder.with_name(f".{folder.name}")
    try:
        model.save_pretrained(str(part), state_dict=state)
        part.rename(folder)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"{folder} can't be written", why, "Make room.") from error


def find_rank(trainer: Any) -> int:
    """Return the rank of the adapter in training."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    return int(model.peft_config[model.active_adapter].r)
