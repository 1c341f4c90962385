"""Documents for TRL's asynchronous trainer, planned, written and paid while its weights move on.

On a GPU the policy is served by vLLM and trained at the same time. The trainer takes scored rows
from a queue, and whoever fills it is a worker; this one writes plan-then-write documents:

    worker = DocumentWorker(RolloutServer("http://127.0.0.1:8000"), "base", rows, writer, DEFAULT)
    AsyncGRPOTrainer(model, [], args, train_dataset=rows, rollout_worker=worker).train()

It lives in threads of the trainer's first process: they wait for the server nearly all the time.
What goes wrong in one of them is told by `check_health`, which the trainer calls.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from typing import Any, Protocol

from longwrite.errors import LongwriteError
from longwrite.prompts import derive_seed
from longwrite.rewards.composition import Composition
from longwrite.rewards.trl import reward_weights
from longwrite.train.advantages import average_groups, tally_sections
from longwrite.train.async_groups import (
    combine,
    list_rows,
    make_batch,
    settle_rewards,
    tell_metrics,
)
from longwrite.train.rewarding import RewardPool, list_functions
from longwrite.train.server import UnknownModel
from longwrite.train.thread_writer import Call, DocumentWriter, Writing, pay_sections, read_brief
from longwrite.train.transcript import Sampled
from longwrite.types import Brief

_WAIT = 0.5
"""Seconds after which a thread that can't put its rows looks whether it has to stop."""


class WorkerError(LongwriteError):
    """The worker can't go on."""


class Completed(Protocol):
    """A completion of a server: its tokens, the stop token included, and how they were drawn."""

    @property
    def ids(self) -> Sequence[int]:
        """Its tokens."""

    @property
    def logprobs(self) -> Sequence[float]:
        """Of each."""


class Server(Protocol):
    """Draws completions of token ids, as `longwrite.train.server.RolloutServer` does."""

    def complete(
        self, model: str, prompt: Sequence[int], count: int, seed: int, sampling: Mapping[str, Any]
    ) -> Sequence[Completed]:
        """Return so many completions of a prompt."""


@dataclass(frozen=True)
class Rollout:
    """How documents are drawn and paid.

    Attributes:
        generations: Documents of a prompt.
        groups: Prompts that are written on at the same time.
        section_weight: Of a section's own reward in its tokens' advantage.
        eos_gate: Whether a document that isn't whole and ended gets the least of every component.
        deadline: Seconds that the rewards of a group may take.
        queued: Rows that wait for the trainer at most; more are not written.
        adapter: Name of the LoRA adapter that the trainer publishes as NAME-v1, NAME-v2 and so on;
            empty where it sends all weights.
        sampling: Further fields of a request, such as ``temperature``, which the trainer has to
            have too; without any the model is drawn from as it is.
        seed: Of the order of the prompts and of what is drawn.
    """

    generations: int = 8
    groups: int = 8
    section_weight: float = 0.5
    eos_gate: bool = True
    deadline: float = 60.0
    queued: int = 1_024
    adapter: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0


class DocumentWorker:
    """Fills a queue with the rows of documents; TRL's ``RolloutWorkerProtocol``.

    Args:
        server: Of the policy.
        model: Its name there.
        rows: The set: prompts with their columns.
        writer: How a document is planned and written.
        reward: What documents, and by its rules their sections, are paid.
        rollout: How they are drawn.

    Attributes:
        rollout_buffer: The rows, as the trainer takes them.
        metrics_queue: How documents came out, for the trainer's log.
    """

    def __init__(
        self,
        server: Server,
        model: str,
        rows: Sequence[Mapping[str, Any]],
        writer: DocumentWriter,
        reward: Composition,
        rollout: Rollout | None = None,
    ) -> None:
        """Set the worker up; nothing is asked yet."""
        self._server, self._model, self._rows = server, model, rows
        self._writer, self._reward = writer, reward
        self._rollout = rollout or Rollout()
        functions = list_functions(reward)
        self._pool = RewardPool(functions, deadline=self._rollout.deadline)
        self._weights = reward_weights(reward)
        self._floors = [getattr(one, "minimum", None) for one in functions]
        self.rollout_buffer: queue.Queue[Any] = queue.Queue(self._rollout.queued)
        self.metrics_queue: queue.Queue[dict[str, Any]] = queue.Queue(4_096)
        self._version = 0
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._order = self._list_prompts()
        self._threads: list[threading.Thread] = []
        self._fault: BaseException | None = None
        self._alive = time.monotonic()

    # --- what the trainer calls -------------------------------------------------------------------

    def start(self) -> None:
        """Begin to write."""
        self._alive = time.monotonic()
        for number in range(self._rollout.groups):
            thread = threading.Thread(
                target=self._work, name=f"longwrite-documents-{number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop writing; what is under way is dropped."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout=15)
        self._threads.clear()

    def update_model_version(self, model_version: int) -> None:
        """Note the version of the weights that the server has now."""
        self._version = model_version

    def check_health(self, stale_after_s: float) -> None:
        """Tell what went wrong.

        Raises:
            WorkerError: A thread failed, or no document was written for so many seconds.
        """
        if self._fault is not None:
            said = " ".join(str(self._fault).split())[:300] or type(self._fault).__name__
            raise WorkerError("The rollout worker failed", said) from self._fault
        silent = time.monotonic() - self._alive
        if silent > stale_after_s:
            why = f"nothing was written for {silent:.0f} seconds"
            raise WorkerError("The rollout worker is silent", why, "See the server's log.")

    # --- writing ----------------------------------------------------------------------------------

    def _list_prompts(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield the rows of the set again and again, each time in another order."""
        number = 0
        for epoch in count():
            places = list(range(len(self._rows)))
            random.Random(f"{self._rollout.seed}:{epoch}").shuffle(places)
            for place in places:
                yield number, self._rows[place]
                number += 1

    def _work(self) -> None:
        try:
            with ThreadPoolExecutor(self._rollout.generations) as hands:
                while not self._stopped.is_set():
                    with self._lock:
                        number, row = next(self._order)
                    self._write_group(number, row, hands)
        except BaseException as error:  # told to the trainer, which stops the run
            self._fault = self._fault or error
            self._stopped.set()

    def _write_group(self, number: int, row: Mapping[str, Any], hands: ThreadPoolExecutor) -> None:
        version, brief = self._version, read_brief(row)
        jobs = [
            hands.submit(self._write, brief, number, place)
            for place in range(self._rollout.generations)
        ]
        writings = [job.result() for job in jobs]
        if None in writings:
            return
        for sample in self._score(number, row, [one for one in writings if one], version):
            self._put(sample)

    def _write(self, brief: Brief, number: int, place: int) -> Writing | None:
        """Return a document; None where the worker was stopped before its end."""
        writer = self._writer.write(brief)
        call = next(writer)
        for turn in count():
            if self._stopped.is_set():
                return None
            seed = derive_seed(self._rollout.seed, "document", str(number), place, turn)
            sampling = {
                **self._rollout.sampling,
                "max_tokens": call.most,
                "stop_token_ids": sorted(self._writer.chat.stops),
            }
            drawn = self._draw(call, seed, sampling)
            self._alive = time.monotonic()
            try:
                call = writer.send(Sampled(list(drawn.ids), list(drawn.logprobs)))
            except StopIteration as end:
                writing: Writing = end.value
                return writing
        return None

    def _draw(self, call: Call, seed: int, sampling: Mapping[str, Any]) -> Completed:
        while True:
            model = self._find_model()
            try:
                (drawn,) = self._server.complete(model, call.ids, 1, seed, sampling)
            except UnknownModel:
                if model == self._find_model():
                    raise
                continue  # The trainer took these weights away while the request was on its way.
            return drawn

    def _find_model(self) -> str:
        adapter = self._rollout.adapter
        return f"{adapter}-v{self._version}" if adapter else self._model

    # --- paying -----------------------------------------------------------------------------------

    def _score(
        self, number: int, row: Mapping[str, Any], writings: Sequence[Writing], version: int
    ) -> list[Any]:
        """Return a group as the trainer's samples.

        Raises:
            RewardError: A reward fails too often.
        """
        paid = self._pool.pay(make_batch(row, writings))
        with self._lock:
            self._pool.settle([paid.tallies])
        gate = self._rollout.eos_gate
        sound = [
            bool(one.sections) and (not gate or (one.complete and one.sections[-1][1]))
            for one in writings
        ]
        rewards = settle_rewards(paid, sound, self._floors)
        advantages = combine(rewards, self._weights).tolist()
        sections = [pay_sections(one, self._reward, gate) for one in writings]
        mean = float(average_groups(tally_sections(sections), len(writings))[0])
        self._note(writings)
        samples = []
        for place, (writing, own) in enumerate(zip(writings, sections, strict=True)):
            metrics = tell_metrics(self._pool.names, rewards, self._weights, place)
            rows = list_rows(
                writing.transcript, own, advantages[place], mean, self._rollout.section_weight
            )
            samples += [_make_sample(row, writing, one, metrics, version, number) for one in rows]
        return samples

    def _note(self, writings: Sequence[Writing]) -> None:
        """Tell how documents came out; nothing waits for a trainer that doesn't listen."""
        share = len(writings)
        told = {
            "threads/unread": (float(sum(one.plan is None for one in writings)), float(share)),
            "threads/complete": (float(sum(one.complete for one in writings)), float(share)),
        }
        with suppress(queue.Full):
            self.metrics_queue.put_nowait(told)

    def _put(self, sample: Any) -> None:
        while not self._stopped.is_set():
            sample.enqueued_at = time.time()
            try:
                self.rollout_buffer.put(sample, timeout=_WAIT)
            except queue.Full:
                self._alive = time.monotonic()  # It is the trainer that is waited for.
                continue
            return


def _make_sample(
    row: Mapping[str, Any],
    writing: Writing,
    tokens: Mapping[str, Any],
    metrics: Mapping[str, float],
    version: int,
    group: int,
) -> Any:
    kinds: Any = import_module("trl.experimental.async_grpo.async_rollout_worker")
    prompt = row["prompt"]
    said = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    return kinds.RolloutSample(
        prompt=said,
        completion=[{"role": "assistant", "content": writing.text}],
        model_version=version,
        group_id=group,
        metrics=dict(metrics),
        **tokens,
    )
