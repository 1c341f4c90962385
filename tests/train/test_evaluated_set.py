"""A set that is looked at while another is learned."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from longwrite.errors import UsageError

pytest.importorskip("torch")
pytest.importorskip("trl")

import torch

from longwrite.train.forecast import forecast
from longwrite.train.preparation import prepare
from longwrite.train.rows import IGNORED
from longwrite.train.settings import Method, read_order
from tests.train.conftest import SENTENCE
from tests.train.small_runs import arguments, run

pytestmark = pytest.mark.filterwarnings("ignore")
EACH = ("--eval_strategy=steps", "--eval_steps=1", "--max_steps=2", "--logging_steps=1")


def read_evaluations(out: Path) -> list[dict[str, Any]]:
    """Return what the last checkpoint holds of the evaluations."""
    path = max(out.glob("checkpoint-*/trainer_state.json"))
    history = json.loads(path.read_text("utf-8"))["log_history"]
    return [one for one in history if "eval_loss" in one]


@pytest.fixture
def held_out(folder: Path) -> Path:
    """Return rows that no training set holds, the longest of all among them."""
    path = folder / "held-out.jsonl"
    rows = [{"prompt": f"Say {n}.", "completion": SENTENCE * n} for n in (2, 9)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_its_loss_is_the_mean_over_its_learned_tokens(
    tiny_model: Path, folder: Path, held_out: Path
) -> None:
    more = [*EACH, f"--eval_data={held_out}", "--learning_rate=0"]
    run(tiny_model, folder, "sft", "out", *more)
    order = read_order("sft", None, arguments(tiny_model, folder, "sft", "out", *more))
    prepared = prepare(order)
    assert prepared.evaluated is not None and len(prepared.evaluated.rows) == 2
    model = import_module("transformers").AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    losses = []
    for row in prepared.evaluated.rows:
        ids, labels = torch.tensor([row["input_ids"]]), torch.tensor(row["labels"])[1:]
        with torch.no_grad():
            told = model(ids).logits[0, :-1].log_softmax(-1)
        learned = labels != IGNORED
        losses += told[learned].gather(1, labels[learned][:, None])[:, 0].neg().tolist()
    found = [one["eval_loss"] for one in read_evaluations(folder / "out")]
    assert found == pytest.approx([sum(losses) / len(losses)] * 2, rel=1e-4)


@pytest.mark.parametrize(
    "more",
    [["--packing=true"], ["--weighting=sequence"], ["--count_down=true", "--stop_weight=5"]],
    ids=["packed", "weighted", "counted"],
)
def test_it_goes_with_what_sft_adds(
    more: list[str], tiny_model: Path, folder: Path, held_out: Path
) -> None:
    run(tiny_model, folder, "sft", "out", *EACH, f"--eval_data={held_out}", *more)
    first, last = (one["eval_loss"] for one in read_evaluations(folder / "out"))
    assert last < first


def test_pairs_are_looked_at_too(tiny_model: Path, folder: Path) -> None:
    run(tiny_model, folder, "dpo", "out", *EACH, f"--eval_data={folder}/dpo.jsonl")
    first, last = (one["eval_rewards/margins"] for one in read_evaluations(folder / "out"))
    assert last > first


@pytest.mark.parametrize("more", [[], ["--rollouts=thread"], ["--segment_tokens=8"]])
def test_completions_are_drawn_paid_and_told(
    more: list[str], tiny_model: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"prompt": f"Write 10 words about {n} boats.", "words": 10} for n in range(4)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    for name in ("grpo", "held-out"):
        (folder / f"{name}.jsonl").write_text(lines, "utf-8")
    run(
        tiny_model, folder, "grpo", "out", *EACH, f"--eval_data={folder}/held-out.jsonl",
        "--num_generations=2", "--per_device_train_batch_size=2", "--per_device_eval_batch_size=2",
        "--max_completion_length=48", "--rewards=length=1", "--plan_tokens=96", *more,
    )  # fmt: skip
    found = read_evaluations(folder / "out")
    assert len(found) == 2 and all("eval_rewards/length/mean" in one for one in found)
    told = capsys.readouterr()
    assert (told.out + told.err).count("  evaluated\n") == 2


def test_another_split_of_the_set_is_used_without_a_set_of_its_own(
    tiny_model: Path, folder: Path
) -> None:
    both = folder / "both"
    both.mkdir()
    for split, count in (("train", 6), ("held", 2)):
        lines = (folder / "sft.jsonl").read_text("utf-8").splitlines(keepends=True)[:count]
        (both / f"{split}.jsonl").write_text("".join(lines), "utf-8")
    card = "configs:\n- config_name: default\n  data_files:\n" + "".join(
        f"  - split: {split}\n    path: {split}.jsonl\n" for split in ("train", "held")
    )
    (both / "README.md").write_text(f"---\n{card}---\n", "utf-8")
    named = [f"--dataset_name={both}", "--eval_strategy=epoch"]
    given = arguments(tiny_model, folder, "sft", "out", *named, "--dataset_test_split=held")
    found = prepare(read_order("sft", None, given))
    assert found.evaluated is not None
    assert (len(found.encoded.rows), len(found.evaluated.rows)) == (6, 2)
    missing = arguments(tiny_model, folder, "sft", "out", *named)
    with pytest.raises(UsageError, match="both, split 'test' can't be evaluated on"):
        prepare(read_order("sft", None, missing))


def test_what_makes_no_sense_is_said(tiny_model: Path, folder: Path, held_out: Path) -> None:
    def begin(method: Method, *more: str) -> None:
        prepare(read_order(method, None, arguments(tiny_model, folder, method, "out", *more)))

    with pytest.raises(UsageError, match=r"is one file, without 'test'. Name one: --eval_data"):
        begin("sft", "--eval_strategy=epoch")
    with pytest.raises(UsageError, match="'eval_data' is never looked at"):
        begin("sft", f"--eval_data={held_out}")
    with pytest.raises(UsageError, match=r"held-out\.jsonl can't be evaluated on: 2 of 2 rows"):
        begin("dpo", "--eval_strategy=epoch", f"--eval_data={held_out}")
    with pytest.raises(UsageError, match=r"gone\.jsonl can't be read: there is no such file"):
        begin("sft", "--eval_strategy=epoch", "--eval_data=gone.jsonl")


def test_a_forecast_looks_at_no_other_set(tiny_model: Path, folder: Path, held_out: Path) -> None:
    more = [*EACH, f"--eval_data={held_out}"]
    order = read_order("sft", None, arguments(tiny_model, folder, "sft", "out", *more))
    assert forecast(prepare(order)).steps == 2


def test_a_run_may_begin_to_be_looked_at(tiny_model: Path, folder: Path, held_out: Path) -> None:
    run(tiny_model, folder, "sft", "out", "--max_steps=1")
    more = ("--eval_strategy=steps", "--eval_steps=1", "--logging_steps=1", "--save_steps=2")
    done = run(tiny_model, folder, "sft", "out", "--max_steps=2", f"--eval_data={held_out}", *more)
    assert (done.resumed, done.steps) == (1, 2)
    assert len(read_evaluations(folder / "out")) == 1
