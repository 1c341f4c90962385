"""With sequence weighting each row counts the same, however it is batched or packed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from longwrite.engines.countdown import read_countdown
from longwrite.errors import UsageError
from longwrite.train.preparation import prepare
from longwrite.train.running import train
from longwrite.train.settings import read_order
from longwrite.train.sft import count_sequences, number_sequences, weigh_tokens
from longwrite.train.trainers import make_trainer

pytestmark = pytest.mark.filterwarnings("ignore")
SENTENCE = "The tide came in over the flats. "


def make_batch(**columns: Any) -> dict[str, Any]:
    return {name: torch.tensor(value) for name, value in columns.items()}


def test_packed_rows_are_told_by_their_positions() -> None:
    batch = make_batch(
        labels=[[-100, 5, 6, -100, 7], [-100, 8, 9, 9, -100]],
        position_ids=[[0, 1, 2, 0, 1], [0, 1, 2, 3, 0]],
    )
    assert number_sequences(batch).tolist() == [[0, 0, 0, 1, 1], [2, 2, 2, 2, 3]]
    assert count_sequences(batch) == 3  # of the last one nothing is learned
    third = 1 / 3
    expected = torch.tensor([[0.5, 0.5, 0.0, 1.0], [third, third, third, 0.0]])
    assert torch.allclose(weigh_tokens(batch), expected)


def loss_of(model: Path, folder: Path, *arguments: str) -> float:
    """Return the loss of one step over all rows of a set."""
    file = folder / "set.jsonl"
    rows = [{"prompt": "Tell.", "completion": SENTENCE * times} for times in (1, 2, 5, 12)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    order = read_order("sft", None, [
        f"--model_name_or_path={model}", f"--dataset_name={file}", f"--output_dir={folder}/out",
        "--max_steps=1", "--logging_steps=1", "--save_strategy=no", "--report_to=none",
        "--disable_tqdm=true", "--attn_implementation=eager", "--shuffle_dataset=false", *arguments,
    ])  # fmt: skip
    trainer = make_trainer(prepare(order))
    trainer.train()
    return float(trainer.state.log_history[0]["loss"])


WAYS = {
    "one batch": ("--per_device_train_batch_size=4",),
    "accumulated": ("--per_device_train_batch_size=1", "--gradient_accumulation_steps=4"),
    "packed": ("--per_device_train_batch_size=1", "--packing=true", "--max_length=400"),
}


def test_the_loss_is_the_mean_of_the_rows_whatever_the_batches(
    tiny_model: Path, tmp_path: Path
) -> None:
    found = {
        name: loss_of(tiny_model, tmp_path, "--weighting=sequence", *way)
        for name, way in WAYS.items()
    }
    assert max(found.values()) - min(found.values()) < 1e-3, found
    by_token = loss_of(tiny_model, tmp_path, *WAYS["one batch"])
    assert abs(by_token - found["one batch"]) > 1e-3


def test_a_loss_that_weighs_tokens_itself_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="loss is 'dft'"):
        loss_of(tiny_model, tmp_path, "--weighting=sequence", "--loss_type=dft")


def test_a_count_down_is_trained_saved_and_gone_on_with(tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "set.jsonl"
    rows = [{"prompt": "Tell.", "completion": SENTENCE * times} for times in (1, 2, 5, 12)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    def run(model: Path, out: Path, *arguments: str) -> list[str]:
        order = read_order("sft", None, [
            f"--model_name_or_path={model}", f"--dataset_name={file}", f"--output_dir={out}",
            "--max_steps=2", "--save_steps=1", "--report_to=none", "--disable_tqdm=true",
            "--attn_implementation=eager", *arguments,
        ])  # fmt: skip
        said: list[str] = []
        train(prepare(order), said.append)
        return said

    first, second = tmp_path / "first", tmp_path / "second"
    run(tiny_model, first, "--count_down=true", "--stop_weight=5", "--weighting=sequence")
    told = read_countdown(first)
    assert told is not None and told.tokens_per_word > 1
    assert read_countdown(first / "checkpoint-1") == told
    assert run(first, second, "--count_down=true") == []
    assert read_countdown(second) == told
    assert "listens to a count-down" in run(first, tmp_path / "third")[0]
