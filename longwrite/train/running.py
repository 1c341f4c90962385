"""From an order to a trained checkpoint: what is looked at before the first step, and what is kept.

An output folder belongs to one order. The same command goes on from its last checkpoint; another
order in the same folder is refused, since its checkpoints are of another model or set.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from transformers import PrinterCallback, TrainerState

from longwrite.errors import Interrupted, UsageError
from longwrite.rewards.catalogue import read_composition
from longwrite.runs.folder import lock_folder, replace_file
from longwrite.train.alarms import LOSS_WATCHES, Alarms
from longwrite.train.checkpoints import explain_refusals, find_checkpoint
from longwrite.train.evaluation import CheckpointEvaluation, EvaluationSettings
from longwrite.train.held_out import read_held_out
from longwrite.train.model_card import (
    ModelCard,
    describe_data,
    list_changes,
    list_versions,
    write_model_card,
)
from longwrite.train.preflight import check_countdown, check_partial, check_stop_token
from longwrite.train.preflight_grpo import check_grpo
from longwrite.train.preparation import Prepared
from longwrite.train.record import RECORD, describe, find_changes, read_record
from longwrite.train.settings import Order
from longwrite.train.stopping import StopOnSignal
from longwrite.train.trainers import make_trainer

_LOCK = "_lock"
"""A name that isn't uploaded with the model."""

_LEAST_FREE = 64 * 2**20
_SAID = 600
"""Most characters told of what TRL says; its mends stand at the end."""


@dataclass(frozen=True)
class Trained:
    """What came of a run.

    Attributes:
        folder: Of the model.
        steps: Made in all.
        resumed: Step that it went on from, 0 for a new run.
        losses: First and last one logged.
        dropped: Rows left out, by reason.
    """

    folder: Path
    steps: int
    resumed: int
    losses: tuple[float, ...]
    dropped: Mapping[str, int]


def train(prepared: Prepared, say: Callable[[str], None] = lambda line: None) -> Trained:
    """Train, or go on from the last checkpoint.

    Args:
        prepared: See `prepare`.
        say: Told what happens.

    Raises:
        UsageError: The output folder can't be used, or another process trains there.
        Interrupted: A person stopped it; the checkpoint of that step is kept.
        AlarmError: An alarm stopped it; likewise.
    """
    with _held(prepared.order):
        return _train(prepared, say)


@contextmanager
def _held(order: Order) -> Iterator[None]:
    """Keep the output folder from another training; of several processes, the first one does."""
    if order.training.process_index:
        yield
        return
    folder = Path(order.training.output_dir)
    mend = "Wait for it, or name another --output."
    lock = lock_folder(folder, "another process trains there", mend, _LOCK)
    try:
        yield
    finally:
        lock.release()


def _train(prepared: Prepared, say: Callable[[str], None]) -> Trained:
    order = prepared.order
    folder = Path(order.training.output_dir)
    checkpoint = claim_folder(prepared, say)
    if checkpoint:
        say(f"Going on from {checkpoint}.")
    started = int(checkpoint.rpartition("-")[2]) if checkpoint else 0
    finished = checkpoint is not None and is_finished(order, checkpoint)
    if finished and _is_saved(folder):
        say("It is finished: nothing is left to do.")
        return Trained(folder, started, started, (), prepared.encoded.dropped)
    try:
        trainer = make_trainer(prepared)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        said = " ".join(str(error).split())[:_SAID]
        raise UsageError(f"The {order.method} trainer can't be set up", said) from error
    look(prepared, trainer, say)
    if order.options.bench_briefs:
        held_out = read_held_out(Path(order.options.bench_briefs), order.options.bench_samples)
        settings = EvaluationSettings(max_new_tokens=order.options.bench_tokens)
        trainer.add_callback(CheckpointEvaluation(trainer, held_out, settings))
    if order.training.disable_tqdm:
        trainer.remove_callback(PrinterCallback)  # what takes its place prints on standard output
    if order.method == "grpo":
        alarms = trainer.alarms
    else:
        alarms = Alarms(order.options.alarms, watches=LOSS_WATCHES)
        trainer.add_callback(alarms)
    stop = StopOnSignal()
    trainer.add_callback(stop)
    if finished:
        _restore(trainer, checkpoint)
    else:
        try:
            with explain_refusals(folder), stop:
                trainer.train(resume_from_checkpoint=checkpoint)
        except (ImportError, ValueError, NotImplementedError) as error:
            if trainer.state.global_step > started:
                raise  # What was learned by then shows that the arguments go: it is a fault.
            # Optimizers and kernels are made only now, and TRL refuses a loss that it doesn't know,
            # or two arguments that don't go together, at the first batch, with these errors.
            said = " ".join(str(error).split())[:_SAID]
            raise UsageError(f"The {order.method} training can't begin", said) from error
        except UnpicklingError as error:
            raise UsageError(
                f"{checkpoint} can't be gone on with",
                "a file of it is damaged, or holds more than numbers",
                "Delete that folder to go on from the checkpoint before it.",
            ) from error
        except KeyboardInterrupt:
            raise Interrupted(
                f"Stopped in step {trainer.state.global_step + 1}", "as asked twice",
                "Run the same command to go on from the last whole checkpoint.",
            ) from None  # fmt: skip
    if stop.asked and trainer.state.global_step < trainer.state.max_steps:
        raise Interrupted(
            f"Stopped after step {trainer.state.global_step}", "as asked",
            "Run the same command to go on from there.",
        )  # fmt: skip
    alarms.check()
    with explain_refusals(folder):
        trainer.save_model(str(folder), _internal_call=True)  # which uploads nothing yet
        if trainer.is_world_process_zero():
            write_model_card(folder, make_card(prepared, trainer))
    losses = [log["loss"] for log in trainer.state.log_history if "loss" in log]
    if order.training.push_to_hub:
        trainer.create_model_card = _keep_card
        trainer.push_to_hub(dataset_name=order.script.dataset_name)
    return Trained(
        folder, trainer.state.global_step, started, tuple(losses[:1] + losses[-1:]),
        prepared.encoded.dropped,
    )  # fmt: skip


def _keep_card(**named: Any) -> None:
    """Stand for TRL's, which would write its own card over the one that is there."""


def make_card(prepared: Prepared, trainer: Any) -> ModelCard:
    """Return what the card of a trained model says."""
    order = prepared.order
    script, training = order.script, order.training
    changes = {**list_changes(training), **list_changes(order.options)}
    return ModelCard(
        name=Path(training.output_dir).name,
        base=order.model.model_name_or_path,
        method=f"{order.method.upper()}{' with LoRA' if order.model.use_peft else ''}",
        data=(describe_data(script.dataset_name, len(prepared.encoded.rows)),),
        options=changes,
        versions=list_versions(),
        facts={"steps": f"{trainer.state.global_step:,}", "seed": str(training.seed)},
        adapter=bool(order.model.use_peft),
    )


def look(prepared: Prepared, trainer: Any, say: Callable[[str], None]) -> None:
    """Look for known ways to fail before the first step; tell those that may be meant.

    Raises:
        UsageError: The run is on one.
    """
    order = prepared.order
    if order.method == "grpo":
        problems = check_grpo(
            model=trainer.model,
            tokenizer=prepared.tokenizer,
            args=order.training,
            rewards=read_composition(order.options.rewards),
            rows=prepared.encoded.rows,
            eos_gate=order.options.eos_gate,
            reward_deadline=order.options.reward_deadline,
            adapter=order.model.use_peft,
        )
        if order.options.rollouts == "thread":
            from longwrite.train.preflight_threads import check_threads

            problems += check_threads(trainer.writer, prepared.encoded.rows)
    else:
        problems = check_stop_token(trainer.model, prepared.tokenizer)
        problems += check_partial(prepared.encoded.partial, len(prepared.encoded.rows))
    if not getattr(order.options, "count_down", False):
        problems += check_countdown(Path(order.model.model_name_or_path))
    for one in problems:
        if one.fatal:
            raise UsageError(one.what, one.why, one.mend)
        say(f"warning: {one.what}: {one.why}. {one.mend}")


def claim_folder(prepared: Prepared, say: Callable[[str], None]) -> str | None:
    """Make an order's output folder, and return the checkpoint to go on from.

    Raises:
        UsageError: It can't be written, the disk is full, or it belongs to another order.
    """
    folder = Path(prepared.order.training.output_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"{folder} can't be written", why, "Name another --output.") from error
    if free < _LEAST_FREE:
        raise UsageError(f"The disk of {folder} is full", f"{free:,} bytes are free", "Make room.")
    told, record = describe(prepared), folder / RECORD
    checkpoint = find_checkpoint(folder, say)
    if checkpoint and record.is_file():
        changed = find_changes(read_record(record), told, prepared.order)
        if changed:
            raise UsageError(
                f"{folder} holds a run with other settings",
                f"{', '.join(changed)} changed since its checkpoint {checkpoint.name}",
                "Name another --output, or delete that folder to begin anew.",
            )
    replace_file(record, json.dumps(told, indent=1, sort_keys=True) + "\n")
    return str(checkpoint) if checkpoint else None


def is_finished(order: Order, checkpoint: str) -> bool:
    """Tell whether a run's last checkpoint is its end."""
    state = TrainerState.load_from_json(str(Path(checkpoint) / "trainer_state.json"))
    if order.training.max_steps > 0:
        return bool(state.global_step >= order.training.max_steps)
    return bool((state.epoch or 0) >= order.training.num_train_epochs - 1e-6)


def _is_saved(folder: Path) -> bool:
    """Tell whether a folder holds weights and what is written after them.

    The model is written after the last checkpoint, so a kill may come between the two.
    """
    weights = any(folder.glob("*.safetensors"))
    return weights and (folder / "tokenizer_config.json").is_file()


def _restore(trainer: Any, checkpoint: str | None) -> None:
    """Bring a trainer to a checkpoint without another step, which a resumed one always makes."""
    trainer.state = TrainerState.load_from_json(str(Path(f"{checkpoint}") / "trainer_state.json"))
    trainer._load_from_checkpoint(checkpoint)
