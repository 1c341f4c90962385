"""Held-out briefs answered by the model in training, at its checkpoints.

A loss tells nothing of how long a reply becomes, whether it ends, or whether it loops; so a few
replies are written each time with the same seeds, and measured as `longwrite train compare`
measures. The draws have a generator of their own, so a run with evaluations takes the very steps
of one without.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias

from transformers import Trainer, TrainerCallback

from longwrite.engines.thinking import split_thinking
from longwrite.engines.transcript import decode_tokens
from longwrite.errors import UsageError
from longwrite.prompts import derive_seed
from longwrite.runs.folder import replace_file
from longwrite.text import tokens_for_words
from longwrite.train.held_out import HeldOut
from longwrite.train.measuring import MEASURES, average_samples, measure_reply, summarise

FILE = "evaluations.jsonl"
PREFIX = "held_out/"
ROOM = 2
"""Times the words asked for that a reply has room for, where no cap is given."""
_LEAST_CAP = 64

When = Literal["save", "evaluate"]


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """How held-out briefs are answered while a model trains.

    Attributes:
        samples: Replies to each brief.
        max_new_tokens: Cap of a reply; None for twice the words asked for.
        temperature: 0 is greedy.
        seed: Of the draws, the same at every checkpoint.
        batch: Replies written together.
        when: After each save, or at each evaluation of the trainer.
    """

    samples: int = 1
    max_new_tokens: int | None = None
    temperature: float = 1.0
    seed: int = 0
    batch: int = 8
    when: When = "save"

    def __post_init__(self) -> None:
        """Refuse settings that make no sense.

        Raises:
            UsageError: One of them doesn't.
        """
        for name in ("samples", "max_new_tokens", "batch"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} of an evaluation can't be {value}", "the least is 1")
        if not 0 <= self.temperature <= 2:
            told = f"An evaluation can't have the temperature {self.temperature}"
            raise UsageError(told, mend="Give a number from 0 to 2.")
        if self.when not in ("save", "evaluate"):
            raise UsageError(f"Can't evaluate at '{self.when}'", mend="Use save or evaluate.")


@dataclass(frozen=True, slots=True)
class Generated:
    """A reply: its text, and whether the model ended it itself."""

    text: str
    ended: bool


Generate: TypeAlias = Callable[
    [Any, Any, Sequence[HeldOut], EvaluationSettings, int], list[Generated]
]
"""Model, tokenizer, briefs of one batch, settings and seed to replies; `generate_replies`."""


def generate_replies(
    model: Any,
    tokenizer: Any,
    briefs: Sequence[HeldOut],
    settings: EvaluationSettings,
    seed: int,
) -> list[Generated]:
    """Return one reply to each of some briefs, written together as a left-padded batch.

    Args:
        model: Of transformers, in evaluation mode.
        tokenizer: With a chat template.
        briefs: What is asked, one batch.
        settings: Cap and temperature.
        seed: Of the whole batch.
    """
    import torch

    transformers: Any = import_module("transformers")
    prompts = [_encode(tokenizer, one) for one in briefs]
    longest = max(map(len, prompts))
    ends = sorted(find_ends(model, tokenizer))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else ends[0]
    cap = find_cap(model, briefs, longest, settings.max_new_tokens)
    device = model.device
    rows = [[pad] * (longest - len(ids)) + ids for ids in prompts]
    mask = [[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts]
    # Every filter is named, for one that is not comes from the model's own settings.
    drawn = {"temperature": settings.temperature, "top_p": 1.0, "top_k": 0, "min_p": None}
    config = transformers.GenerationConfig(
        max_new_tokens=cap,
        do_sample=settings.temperature > 0,
        eos_token_id=ends,
        pad_token_id=pad,
        repetition_penalty=1.0,
        use_cache=True,
        **(drawn if settings.temperature > 0 else {}),
    )
    with _own_draws(seed, device), torch.no_grad():
        found = model.generate(
            input_ids=torch.tensor(rows, device=device),
            attention_mask=torch.tensor(mask, device=device),
            generation_config=config,
        )
    return [_read(tokenizer, row[longest:], ends) for row in found.tolist()]


def find_cap(model: Any, briefs: Sequence[HeldOut], prompt: int, given: int | None) -> int:
    """Return the tokens that the replies of a batch may have: what is given, or by the briefs."""
    wanted = given or max(
        _LEAST_CAP,
        *(tokens_for_words(ROOM * one.brief.words, one.brief.language) for one in briefs),
    )
    window = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return wanted if window is None else max(1, min(wanted, int(window) - prompt))


def find_ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end a reply: the tokenizer's, and those that the model names.

    Raises:
        UsageError: There is none, so no reply could ever end.
    """
    told = getattr(model, "generation_config", None)
    ends = {tokenizer.eos_token_id} - {None}
    known = getattr(told, "eos_token_id", None)
    ends |= set(known) if isinstance(known, list) else {known} - {None}
    if not ends:
        raise UsageError(
            "Held-out briefs can't be answered",
            "neither tokenizer nor model names a token that ends a text",
            "Give a model whose tokenizer has an eos_token.",
        )
    return frozenset(int(one) for one in ends)


def _encode(tokenizer: Any, held_out: HeldOut) -> list[int]:
    turns = [{"role": one.role, "content": one.content} for one in held_out.messages]
    return list(tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False))


def _read(tokenizer: Any, row: list[int], ends: Sequence[int]) -> Generated:
    place = next((n for n, token in enumerate(row) if token in ends), None)
    text, _ = split_thinking(decode_tokens(tokenizer, row[:place]))
    return Generated(text if place is not None else text.rstrip("\ufffd"), place is not None)


@contextmanager
def _own_draws(seed: int, device: Any) -> Iterator[None]:
    """Draw from a seed of its own, and leave the training's draws as they were."""
    import torch

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


class CheckpointEvaluation(TrainerCallback):
    """Writes and measures replies to held-out briefs at each checkpoint of a trainer.

    Means go to the trainer's log, under ``held_out/``, and so to all that `report_to` names; the
    replies with their measures to ``evaluations.jsonl`` in its output folder. With several
    processes each writes its share.

    Args:
        trainer: Of transformers or TRL; it has to know this callback by `add_callback`.
        briefs: What is asked.
        settings: How.
        generate: Writes the replies of a batch, where a model needs more than its tokens.
    """

    def __init__(
        self,
        trainer: Any,
        briefs: Sequence[HeldOut],
        settings: EvaluationSettings | None = None,
        generate: Generate = generate_replies,
    ) -> None:
        """Order the briefs by length, so that those of a batch end at about the same time."""
        if not briefs:
            raise UsageError("There is no held-out brief to evaluate with")
        self._trainer = trainer
        self._settings = settings or EvaluationSettings()
        self._briefs = sorted(briefs, key=lambda one: (one.brief.words, one.key))
        self._generate = generate

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Forget evaluations of steps that a resumed run will take again."""
        path = Path(args.output_dir, FILE)
        if not state.is_world_process_zero or not path.is_file():
            return
        kept = [line for line in _read_lines(path) if line["step"] <= state.global_step]
        replace_file(path, "".join(_dump(line) for line in kept))

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Evaluate after a save."""
        if self._settings.when == "save":
            self.evaluate(Path(args.output_dir), state)

    def on_evaluate(
        self,
        args: Any,
        state: Any,
        control: Any,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Evaluate with the trainer; a best model can then be chosen by ``eval_held_out/…``."""
        if self._settings.when == "evaluate":
            found = self.evaluate(Path(args.output_dir), state)
            if metrics is not None:
                metrics.update({f"eval_{name}": value for name, value in found.items()})

    def evaluate(self, folder: Path, state: Any) -> dict[str, float]:
        """Write, measure, log; return the logged means.

        Args:
            folder: Where the file of evaluations is.
            state: The trainer's.
        """
        begun = time.monotonic()
        jobs = [
            (sample, start)
            for sample in range(self._settings.samples)
            for start in range(0, len(self._briefs), self._settings.batch)
        ]
        with lend_model(self._trainer) as model:
            own = [row for job in self._share(jobs) for row in self._answer(model, *job)]
        replies = self._gather(own)
        means = _average(replies)
        logged = {f"{PREFIX}{name}": value for name, value in means.items()}
        logged[f"{PREFIX}seconds"] = round(time.monotonic() - begun, 2)
        # The trainers of TRL put what they have gathered of a step into whatever is logged next;
        # the class below them logs these numbers alone.
        Trainer.log(self._trainer, dict(logged))
        if state.is_world_process_zero:
            replies.sort(key=lambda row: (row["brief"], row["sample"]))
            line = {"step": state.global_step, "epoch": state.epoch, "means": means}
            with Path(folder, FILE).open("a", encoding="utf-8") as stream:
                stream.write(_dump({**line, "replies": replies}))
        return logged

    def _share(self, jobs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return the batches of this process, as many in each: parameters may be sharded."""
        accelerator = self._trainer.accelerator
        count, rank = accelerator.num_processes, accelerator.process_index
        rounds = -(-len(jobs) // count)
        return [jobs[(rank + count * number) % len(jobs)] for number in range(rounds)]

    def _gather(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the replies of all processes, each once."""
        if self._trainer.accelerator.num_processes > 1:
            rows = import_module("accelerate.utils").gather_object(rows)
        return list({(row["brief"], row["sample"]): row for row in rows}.values())

    def _answer(self, model: Any, sample: int, start: int) -> list[dict[str, Any]]:
        """Return the replies of one batch, measured."""
        briefs = self._briefs[start : start + self._settings.batch]
        seed = derive_seed(self._settings.seed, "evaluation", sample, *(one.key for one in briefs))
        found = self._generate(model, self._trainer.processing_class, briefs, self._settings, seed)
        return [
            {
                "brief": held_out.id,
                "sample": sample,
                "text": one.text,
                **measure_reply(held_out.brief, one.text, ended=one.ended),
            }
            for held_out, one in zip(briefs, found, strict=True)
        ]


@contextmanager
def lend_model(trainer: Any) -> Iterator[Any]:
    """Yield a trainer's model ready to generate, and give each module its mode back afterwards.

    Parameters that are sharded over processes are gathered meanwhile, so all have to come here.
    """
    models: Any = import_module("trl.models")
    distributed: Any = import_module("trl.distributed")
    accelerator, wrapped = trainer.accelerator, trainer.model_wrapped
    gathered = models.unwrap_model_for_generation(
        wrapped,
        accelerator,
        gather_deepspeed3_params=getattr(trainer.args, "ds3_gather_for_generation", True),
        gradient_checkpointing_kwargs=trainer.args.gradient_checkpointing_kwargs,
    )
    backend = distributed.DistributedBackend(accelerator)
    with gathered as model, backend.summon_full_params(wrapped, recurse=False):
        modes = [(module, module.training) for module in model.modules()]
        model.eval()
        try:
            yield model
        finally:
            for module, training in modes:
                module.training = training


def _average(replies: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return each measure over the briefs, a brief's samples as one; left out where none has it."""
    by_brief: dict[str, list[Mapping[str, Any]]] = {}
    for row in replies:
        by_brief.setdefault(str(row["brief"]), []).append(row)
    means = {}
    for name in MEASURES:
        values = [average_samples(name, rows) for rows in by_brief.values()]
        known = [value for value in values if value is not None]
        if known:
            means[name] = summarise(name, known)
    return means


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    for text in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            line = json.loads(text)
        except ValueError:
            continue  # a line that a kill cut
        if isinstance(line, dict) and isinstance(line.get("step"), int):
            yield line


def _dump(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=True) + "\n"
