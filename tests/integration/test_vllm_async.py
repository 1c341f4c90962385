"""TRL's asynchronous trainer, a real vLLM, and the worker that plans and writes whole documents.

The trainer's attention is a kernel of a GPU and its meter asks for one: two of its functions have
stand-ins here, the rest is TRL's. With the weights that the server tells it drew from, what the
trainer computes has to be what the server told.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from longwrite.rewards.catalogue import read_composition
from tests.integration.real_vllm import MARKS, serve_for_training

pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("requests")

import torch

from longwrite.train.async_worker import DocumentWorker, Rollout
from longwrite.train.server import RolloutServer
from longwrite.train.thread_writer import DocumentWriter
from longwrite.train.transcript import Chat

NANO = Path(str(files("longwrite.nano")))
RANK, STALE, STEPS, WINDOW = 8, 2, 6, 2_048
ROWS = [
    {"prompt": f"Write an essay of {words} words about {subject}.", "words": words}
    for words in (120, 180)
    for subject in ("boats", "a garden", "old clocks")
]

pytestmark = [*MARKS, pytest.mark.timeout(1800), pytest.mark.filterwarnings("ignore")]


class Attention:
    """What flash attention does with rows of several lengths, by torch alone."""

    @staticmethod
    def flash_attn_varlen_func(
        query: Any, key: Any, value: Any, starts: Any, key_starts: Any, *_: Any, **named: Any
    ) -> Any:
        assert named["causal"] and named["window_size"] == (-1, -1)
        attend = torch.nn.functional.scaled_dot_product_attention
        found = []
        for number in range(len(starts) - 1):
            here = slice(starts[number], starts[number + 1])
            there = slice(key_starts[number], key_starts[number + 1])
            parts = (query[here], key[there], value[there])
            count, before = len(parts[0]), len(parts[1]) - len(parts[0])
            seen = torch.ones(count, len(parts[1]), dtype=torch.bool).tril(before)
            asked, known, told = (one.transpose(0, 1)[None] for one in parts)
            scale = named["softmax_scale"]
            out = attend(asked, known, told, attn_mask=seen, scale=scale, enable_gqa=True)
            found.append(out[0].transpose(0, 1))
        return torch.cat(found)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serve_for_training(NANO, RANK, adapters=STALE + 2, window=WINDOW) as found:
        yield found


def test_documents_are_planned_written_paid_and_learned_while_weights_move(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    module: Any = import_module("trl.experimental.async_grpo")
    trainers: Any = import_module("trl.experimental.async_grpo.async_grpo_trainer")
    packing: Any = import_module("trl.experimental.async_grpo.packing")
    monkeypatch.setattr(packing, "_flash_attn", lambda: Attention)
    monkeypatch.setattr(trainers, "get_peak_flops_per_device", lambda *_: 1e12)
    tokenizer = import_module("transformers").AutoTokenizer.from_pretrained(NANO)
    writer = DocumentWriter(Chat(tokenizer, frozenset({0, 2})), WINDOW, 256, 1.4)
    worker = DocumentWorker(
        RolloutServer(address), "nano", ROWS, writer, read_composition("range=1"),
        Rollout(generations=4, groups=2, section_weight=0.5, eos_gate=False, adapter="trl-policy"),
    )  # fmt: skip
    versions: set[int] = set()
    put = worker.rollout_buffer.put

    def put_and_note(sample: Any, **more: Any) -> None:
        put(sample, **more)
        versions.add(sample.model_version)

    monkeypatch.setattr(worker.rollout_buffer, "put", put_and_note)
    args = module.AsyncGRPOConfig(
        str(tmp_path / "out"), max_steps=STEPS, per_device_train_batch_size=8, num_generations=4,
        learning_rate=1e-4, use_cpu=True, bf16=False, logging_steps=1, report_to="none",
        vllm_server_base_url=address, max_staleness=STALE, gradient_checkpointing=False,
        disable_tqdm=True, save_strategy="no",
    )  # fmt: skip
    peft: Any = import_module("peft")
    trainer = module.AsyncGRPOTrainer(
        str(NANO), [], args, train_dataset=import_module("datasets").Dataset.from_list(ROWS),
        processing_class=tokenizer, rollout_worker=worker,
        peft_config=peft.LoraConfig(r=RANK, lora_alpha=16, target_modules="all-linear"),
    )  # fmt: skip
    trainer.train()
    logs = [log for log in trainer.state.log_history if "loss" in log]
    assert len(logs) == STEPS
    for number, log in enumerate(logs, 1):
        sys.stdout.write(
            f"\nstep {number}: reward {log['reward']:.3f}, ratio {log['ratio']:.5f}, "
            f"staleness {log['sample/staleness_mean']:.1f}, kl {log['kl']:.1e}, "
            f"sync {log.get('perf/weight_sync_s', math.nan) * 1e3:.0f} ms"
        )
    assert logs[0]["ratio"] == pytest.approx(1, abs=1e-3)  # the same weights, on both sides
    assert all(abs(log["ratio"] - 1) < 0.05 for log in logs)
    assert all(log["threads/complete"] == 1 for log in logs if "threads/complete" in log)
    assert len(versions) > 1  # what was learned is drawn from, too
    moved = [one for name, one in trainer.model.named_parameters() if "lora_B" in name]
    assert any(float(one.abs().max()) > 0 for one in moved)
    assert any(abs(log["loss"]) > 0 for log in logs)
