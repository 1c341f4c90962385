"""Weights are numbers: a pickle, which is a program, is never loaded from anybody's folder."""

from __future__ import annotations

import asyncio
import os
import pickle
import shutil
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from longwrite.embedding import Embedder
from longwrite.engines.choice import Choice, open_engine
from longwrite.errors import EngineError, LongwriteError, UsageError

pytestmark = pytest.mark.filterwarnings("ignore")


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Return the folder that a bomb makes."""
    return tmp_path / "exploded"


def plant(folder: Path, name: str, mark: Path) -> Path:
    """Write a file that makes the mark when it is unpickled, and see that it would."""
    path = folder / name
    path.write_bytes(pickle.dumps(Bomb(mark)))
    pickle.loads(path.read_bytes())
    assert mark.is_dir()
    mark.rmdir()
    return path


NAMES = (
    "pytorch_model.bin",
    "model.pt",
    "model.pth",
    "weights.pkl",
    "pytorch_model-00001-of-1.bin",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_pickles_is_no_model(tmp_path: Path, mark: Path, name: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "qwen3"}')
    (folder / "tokenizer.json").write_text("{}")
    (folder / "chat_template.jinja").write_text("x")
    plant(folder, name, mark)
    for model in (str(folder), f"vllm:{folder}"):
        with pytest.raises(EngineError, match="pickles"):
            asyncio.run(open_engine(Choice(model)))
    with pytest.raises(EngineError, match="pickles"):
        Embedder(folder)
    assert not mark.exists()


# --- what reads torch's own files -----------------------------------------------------------------


@pytest.fixture
def pickled(tiny_model: Path, tmp_path: Path, mark: Path) -> Path:
    """Return a whole model folder but for its weights, which are a pickle."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "model.safetensors").unlink()
    plant(folder, "pytorch_model.bin", mark)
    return folder


def whole_form(amount: Callable[[int, int], int]) -> None:
    """Leave out what imports torch where the tests run in their short form."""
    if not amount(0, 1):
        pytest.skip("torch takes seconds: only in `make faults`")


@pytest.mark.skipif(find_spec("peft") is None, reason="peft isn't installed")
def test_neither_base_nor_adapter_may_be_a_pickle(
    amount: Callable[[int, int], int], request: pytest.FixtureRequest, tmp_path: Path, mark: Path
) -> None:
    whole_form(amount)
    from longwrite.train.adapters import merge_adapter

    tiny, pickled = (request.getfixturevalue(name) for name in ("tiny_model", "pickled"))
    transformers, peft = import_module("transformers"), import_module("peft")
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(tiny)
    adapter = tmp_path / "adapter"
    peft.get_peft_model(
        model, peft.LoraConfig(r=2, task_type="CAUSAL_LM", target_modules=["q_proj"])
    ).save_pretrained(adapter)
    with pytest.raises(UsageError):
        merge_adapter(adapter, tmp_path / "out", base=str(pickled))
    (adapter / "adapter_model.safetensors").unlink()
    plant(adapter, "adapter_model.bin", mark)
    with pytest.raises(UsageError, match="pickles"):
        merge_adapter(adapter, tmp_path / "out", base=str(tiny))
    assert not mark.exists()


def order(model: Path, folder: Path, *more: str) -> Any:
    """Return an order for a training of two steps that saves each."""
    from longwrite.train.settings import read_order

    rows = '{"prompt": "Tell.", "completion": "The tide came in over the flats."}\n' * 4
    (folder / "set.jsonl").write_text(rows)
    return read_order("sft", None, [
        f"--model_name_or_path={model}", f"--dataset_name={folder}/set.jsonl",
        f"--output_dir={folder}/out", "--max_steps=2", "--save_steps=1", "--report_to=none",
        "--disable_tqdm=true", "--per_device_train_batch_size=1", *more,
    ])  # fmt: skip


@pytest.mark.skipif(find_spec("trl") is None, reason="trl isn't installed")
def test_training_neither_begins_with_a_pickle_nor_goes_on_with_one(
    amount: Callable[[int, int], int], request: pytest.FixtureRequest, tmp_path: Path, mark: Path
) -> None:
    whole_form(amount)
    from longwrite.train.preparation import prepare
    from longwrite.train.running import train

    tiny, pickled = (request.getfixturevalue(name) for name in ("tiny_model", "pickled"))
    with pytest.raises(EngineError, match="pickles"):
        train(prepare(order(pickled, tmp_path)))
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    train(prepare(order(tiny, tmp_path)))
    last = tmp_path / "out" / "checkpoint-2"
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"):
        kept = (last / name).read_bytes()
        plant(last, name, mark)
        try:
            train(prepare(order(tiny, tmp_path, "--max_steps=3")))
        except LongwriteError as error:
            assert "checkpoint-2" in str(error)
        assert not mark.exists(), name
        shutil.rmtree(tmp_path / "out" / "checkpoint-3", ignore_errors=True)
        (last / name).write_bytes(kept)
