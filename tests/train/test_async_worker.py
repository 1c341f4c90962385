"""A worker that fills the asynchronous trainer's queue with documents."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.rewards.composition import Component, Composition
from longwrite.rewards.length import LengthReward
from longwrite.rewards.measured import RepetitionReward

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from longwrite.train.async_groups import combine  # noqa: E402
from longwrite.train.async_worker import DocumentWorker, Rollout, WorkerError  # noqa: E402
from longwrite.train.server import UnknownModel  # noqa: E402
from longwrite.train.thread_writer import DocumentWriter  # noqa: E402
from longwrite.train.transcript import Chat, Sampled  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")
END = 1
PLAN = "Title: Boats\n1. Hulls | How they are built | 20\n2. Sails | What moves them | 30"
REWARD = Composition((Component(LengthReward("range")), Component(RepetitionReward(), 0.5)))
ROWS = [{"prompt": f"Write {words} words about boats.", "words": words} for words in (50, 60)]


class Policy:
    """A server whose documents differ by their seeds."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.models: list[str] = []
        self.fault: Exception | None = None
        self.gone: set[str] = set()
        self.worker: Any = None
        self.held = threading.Event()
        self.held.set()

    def complete(
        self, model: str, prompt: Sequence[int], count: int, seed: int, sampling: Mapping[str, Any]
    ) -> list[Sampled]:
        self.held.wait(10)
        if model in self.gone:
            self.worker.update_model_version(9)  # as the trainer tells, a little late
        if self.fault or model in self.gone:
            raise self.fault or UnknownModel("no such model", "it was taken away")
        self.models.append(model)
        said = PLAN
        if "Now write" in self.tokenizer.decode(prompt):
            said = " ".join(f"word{n}" for n in range(5 + seed % 20)) + "."
        ids = [*self.tokenizer(said)["input_ids"], END][: sampling["max_tokens"]]
        return [Sampled(ids, [-0.5] * len(ids))] * count


@pytest.fixture
def policy(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Policy:
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    transformers: Any = import_module("transformers")
    return Policy(transformers.AutoTokenizer.from_pretrained(tiny_model))


@pytest.fixture
def started(policy: Policy) -> Iterator[Any]:
    """Return what starts a worker of a small queue; it is stopped in the end."""
    workers: list[DocumentWorker] = []

    def start(**options: Any) -> DocumentWorker:
        writer = DocumentWriter(Chat(policy.tokenizer, frozenset({END})), 4_096, 256, 1.5)
        given = {"generations": 3, "groups": 2, "queued": 4} | options
        worker = DocumentWorker(policy, "base", ROWS, writer, REWARD, Rollout(**given))
        workers.append(worker)
        worker.start()
        return worker

    yield start
    for worker in workers:
        worker.stop()


def take_group(worker: DocumentWorker) -> list[Any]:
    """Return all rows of the first prompt."""
    rows: list[Any] = []
    while True:
        one = worker.rollout_buffer.get(timeout=20)
        if one.group_id == 0:
            rows.append(one)
        elif rows and one.group_id > 1:
            return rows


def test_a_document_is_a_row_for_its_plan_and_one_for_each_section(started: Any) -> None:
    rows = take_group(started(section_weight=0.5))
    documents: dict[bytes, list[Any]] = {}
    for one in rows:
        documents.setdefault(one.input_ids.tobytes(), []).append(one)
    assert len(documents) == 3  # as many as a prompt has
    plain = []
    for parts in documents.values():
        assert len(parts) == 3
        masks = np.stack([one.completion_mask for one in parts])
        assert masks.sum(0).max() == 1  # no token is trained twice
        own = masks.sum(0).astype(bool)
        told = parts[0].old_log_probs
        assert (told[own] == -0.5).all() and (told[~own] == 0).all()
        plain.append(parts[0].advantage)
        assert len({one.advantage for one in parts}) > 1
    assert sum(plain) == pytest.approx(0, abs=1e-5)
    assert set(rows[0].metrics) == {"reward", "reward_std", "rewards/length", "rewards/repetition"}


def test_without_a_weight_of_sections_a_document_is_one_row(started: Any) -> None:
    rows = take_group(started(section_weight=0))
    assert len(rows) == 3
    assert sum(one.advantage for one in rows) == pytest.approx(0, abs=1e-5)


def test_what_is_drawn_names_the_weights_that_it_was_drawn_with(
    started: Any, policy: Policy
) -> None:
    policy.held.clear()
    worker = started(adapter="tuned", groups=1)
    worker.update_model_version(7)
    policy.held.set()
    worker.rollout_buffer.get(timeout=20)
    assert "tuned-v7" in policy.models
    worker.update_model_version(8)
    versions = {worker.rollout_buffer.get(timeout=20).model_version for _ in range(40)}
    assert 8 in versions and "tuned-v8" in policy.models


def test_weights_that_were_taken_away_meanwhile_are_the_next_ones(
    started: Any, policy: Policy
) -> None:
    policy.held.clear()
    policy.worker = worker = started(adapter="tuned", groups=1)
    policy.gone = {"tuned-v0"}
    policy.held.set()
    worker.rollout_buffer.get(timeout=20)
    assert set(policy.models) == {"tuned-v9"}


def test_weights_that_the_server_never_had_are_told(started: Any, policy: Policy) -> None:
    policy.held.clear()
    policy.worker = worker = started(adapter="tuned", groups=1)
    policy.gone = {"tuned-v0", "tuned-v9"}
    policy.held.set()
    for thread in worker._threads:
        thread.join(20)
    with pytest.raises(WorkerError, match="no such model"):
        worker.check_health(60)


def test_a_server_that_fails_is_told_to_the_trainer(started: Any, policy: Policy) -> None:
    policy.fault = OSError("the line is dead")
    worker = started()
    for thread in worker._threads:
        thread.join(20)
    with pytest.raises(WorkerError, match="the line is dead"):
        worker.check_health(60)


def test_a_worker_that_waits_for_the_server_too_long_is_silent(
    started: Any, policy: Policy
) -> None:
    policy.held.clear()
    worker = started()
    worker.check_health(60)
    with pytest.raises(WorkerError, match="nothing was written"):
        worker.check_health(-1)
    policy.held.set()


def test_a_full_queue_waits_and_doesn_t_keep_it_from_stopping(started: Any) -> None:
    worker = started(queued=1)
    worker.rollout_buffer.get(timeout=20)
    worker.stop()
    worker.check_health(60)
    assert worker.rollout_buffer.qsize() <= 1
    assert isinstance(worker.rollout_buffer, queue.Queue)


@given(st.lists(st.lists(st.floats(0, 1), min_size=2, max_size=2), min_size=2, max_size=8))
def test_advantages_are_those_of_each_component_added_up(values: list[list[float]]) -> None:
    rewards = torch.tensor(values)
    both = combine(rewards, [2.0, 1.0])
    apart = [combine(rewards[:, [n]], [weight]) for n, weight in enumerate((2.0, 1.0))]
    assert torch.allclose(both, apart[0] + apart[1], atol=1e-4)
    assert float(both.sum()) == pytest.approx(0, abs=1e-2)


def test_a_component_that_does_not_apply_is_left_out() -> None:
    nan = float("nan")
    found = combine(torch.tensor([[1.0, nan], [0.0, 0.5], [nan, nan]]), [1.0, 1.0])
    assert found[0] == pytest.approx(1, abs=1e-3) and found[2] == 0
