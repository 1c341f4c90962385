"""The ready files for FSDP and DeepSpeed, started as they say, in two processes of a CPU."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from longwrite.errors import UsageError
from longwrite.train.settings import read_order
from longwrite.train.sharding import check_sharding, hold_whole, settle_checkpointing

pytestmark = pytest.mark.filterwarnings("ignore")
ROOT = Path(__file__).resolve().parents[2]
NANO = ROOT / "longwrite" / "nano"
ADAPTER = ("--use_peft=true", "--lora_target_modules=all-linear")
HERE = {
    "num_processes: 8": "num_processes: 2",
    "mixed_precision: bf16": 'mixed_precision: "no"',
    "use_cpu: false": "use_cpu: true",
}
"""What of the file isn't for a CPU."""


FSDP = "fsdp.yaml"
ZERO = pytest.param(
    "deepspeed.yaml",
    marks=pytest.mark.skipif(find_spec("deepspeed") is None, reason="deepspeed isn't installed"),
)


def launch(
    file: str, folder: Path, method: str, rows: list[dict[str, Any]], out: str, *more: str
) -> str:
    """Train in two processes, and return what they said."""
    told = (ROOT / "longwrite" / "train" / "accelerate" / file).read_text("utf-8")
    for before, now in HERE.items():
        assert before in told
        told = told.replace(before, now)
    (folder / file).write_text(told, "utf-8")
    data = folder / f"{method}.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    here = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1", "TRL_EXPERIMENTAL_SILENCE": "1", "ACCELERATE_USE_CPU": "true",
        "DS_ACCELERATOR": "cpu",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "accelerate.commands.launch",
         "--main_process_port=0", f"--config_file={file}", ROOT / "tests/train/sharded.py",
         method, f"--model_name_or_path={NANO}", f"--dataset_name={data}", f"--output_dir={out}",
         "--report_to=none", "--logging_steps=1", "--per_device_train_batch_size=2", *more],
        capture_output=True, text=True, timeout=290, check=False, cwd=folder,
        env={**os.environ, **here},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-6_000:]
    return done.stderr


def load(folder: Path) -> dict[str, Any]:
    (path,) = folder.glob("*.safetensors")
    return dict(import_module("safetensors.torch").load_file(path))


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ADAPTER], ids=["whole", "adapter"])
@pytest.mark.parametrize("file", [FSDP, ZERO])
def test_a_model_in_shards_is_saved_whole_and_goes_on_where_it_stopped(
    file: str, more: tuple[str, ...], tmp_path: Path
) -> None:
    rows = [{"prompt": f"Tell {n}.", "completion": "The tide is out. " * n} for n in range(1, 9)]
    asked = ("--max_steps=4", "--save_steps=2", "--count_down=true", *more)
    said = launch(file, tmp_path, "sft", rows, "whole", *asked)
    shared, every = said.partition("shared out: ")[2].split(" parameters")[0].split(" of ")
    assert shared == every
    weights = load(tmp_path / "whole")
    layers = import_module("transformers").AutoConfig.from_pretrained(NANO).num_hidden_layers
    assert len(weights) >= (14 if more else 8) * layers
    assert not more or any(one.abs().max() > 0 for name, one in weights.items() if "lora_B" in name)
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    shutil.rmtree(tmp_path / "parts" / "checkpoint-4")
    for path in (tmp_path / "parts").glob("*.safetensors"):
        path.unlink()
    assert "Going on from parts/checkpoint-2" in launch(
        file, tmp_path, "sft", rows, "parts", *asked
    )
    again = load(tmp_path / "parts")
    assert again.keys() == weights.keys()
    assert all(bool((again[name] == one).all()) for name, one in weights.items())


@pytest.mark.slow
@pytest.mark.parametrize("file", [FSDP, ZERO])
def test_plan_then_write_rollouts_come_from_a_model_in_shards(file: str, tmp_path: Path) -> None:
    rows = [{"prompt": f"Write 30 words about {one}.", "words": 30} for one in ("tide", "salt")]
    launch(
        file, tmp_path, "grpo", rows, "out", *ADAPTER, "--max_steps=2", "--rewards=range=1",
        "--num_generations=4", "--max_completion_length=64", "--rollouts=thread",
        "--plan_tokens=96", "--resample_rounds=1",
    )  # fmt: skip
    assert load(tmp_path / "out")
    assert len((tmp_path / "out" / "steps.jsonl").read_text("utf-8").splitlines()) == 2


@pytest.mark.parametrize("adapter", [False, True])
def test_activations_are_checkpointed_once(adapter: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    named = ("--model_name_or_path=base", "--dataset_name=set", "--output_dir=out")
    order = read_order("sft", None, [*named, f"--use_peft={adapter}"])
    settle_checkpointing(order)
    assert order.training.activation_checkpointing  # by the layers, without FSDP
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.setenv("FSDP_ACTIVATION_CHECKPOINTING", "true")
    settle_checkpointing(order)
    by_fsdp = os.environ["FSDP_ACTIVATION_CHECKPOINTING"] == "true"
    assert (by_fsdp, order.training.activation_checkpointing) == (not adapter, adapter)


def test_a_weight_that_deepspeed_divides_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = torch.ones(4, 2)

    @contextmanager
    def gather(weights: list[Any]) -> Iterator[None]:
        (weight,) = weights
        weight.data = whole
        yield
        weight.data = torch.empty(0)

    zero = SimpleNamespace(GatheredParameters=gather)
    monkeypatch.setitem(sys.modules, "deepspeed", SimpleNamespace(zero=zero))
    weight: Any = torch.nn.Parameter(torch.empty(0))
    with hold_whole(weight) as plain:
        assert plain.numel() == 0
    weight.ds_id = 7
    with hold_whole(weight) as held:
        assert torch.equal(held, whole)
    assert weight.numel() == 0


def test_an_adapter_that_would_be_lost_is_refused() -> None:
    plugin = SimpleNamespace(activation_checkpointing=True)
    trainer = SimpleNamespace(
        accelerator=SimpleNamespace(state=SimpleNamespace(fsdp_plugin=plugin))
    )
    check_sharding(trainer, adapter=False)
    with pytest.raises(UsageError, match="an adapter without weights"):
        check_sharding(trainer, adapter=True)
