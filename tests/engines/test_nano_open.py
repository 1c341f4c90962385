"""Folders that the numpy engine opens, and those that it refuses."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest

from longwrite.engines.nano import NanoEngine
from longwrite.errors import EngineError
from longwrite.types import Message, Reply, Request, Sampling


@pytest.fixture
def folder(nano_model: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(nano_model, tmp_path / "copy"))


def answer(engine: NanoEngine, cap: int) -> Reply:
    request = Request((Message("user", "Write about rain."),), Sampling(cap))
    return asyncio.run(engine.generate(request))


def change_json(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **values}), "utf-8")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "no safetensors weights"),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "other.safetensors"),
            "No such file",
        ),
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer"),
        (lambda folder: (folder / "chat_template.jinja").unlink(), "no chat template"),
        (lambda folder: (folder / "chat_template.jinja").write_text("x"), "isn't the one"),
        (lambda folder: change_json(folder / "config.json", model_type="llama"), "not 'qwen3'"),
        (lambda folder: change_json(folder / "config.json", hidden_size=32), "config demands"),
        (lambda folder: change_json(folder / "config.json", vocab_size=300), "more tokens"),
        (lambda folder: (folder / "generation_config.json").write_text("[]"), "JSON object"),
        (lambda folder: change_json(folder / "tokenizer.json", added_tokens=[]), "tokenizer"),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(
                (folder / "model.safetensors").read_bytes()[:-1]
            ),
            "bytes of numbers",
        ),
    ],
)
def test_a_spoilt_folder_is_a_sentence(
    folder: Path, spoil: Callable[[Path], object], why: str
) -> None:
    spoil(folder)
    with pytest.raises(EngineError, match=why) as caught:
        asyncio.run(NanoEngine.open(folder))
    assert caught.value.mend


def test_a_package_without_its_model_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(_: str) -> Path:
        raise ModuleNotFoundError

    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    with pytest.raises(EngineError, match=r"no config\.json"):
        asyncio.run(NanoEngine.open())
    monkeypatch.setattr(resources, "files", lacking)
    with pytest.raises(EngineError, match="Install longwrite again"):
        asyncio.run(NanoEngine.open())


def test_the_model_in_the_package_has_a_name(
    nano_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "files", lambda _: nano_model)
    assert answer(asyncio.run(NanoEngine.open()), 10).model == "longwrite-nano"


@pytest.mark.parametrize(("window", "found"), [(64, 64), (5000, 1024), (None, 1024)])
def test_the_window_can_be_made_smaller(nano_model: Path, window: int | None, found: int) -> None:
    engine = asyncio.run(NanoEngine.open(nano_model, window=window))
    assert engine.abilities.window == found
    assert answer(engine, 10).text
    error = answer(engine, found).error
    assert error and error.kind == "window"


def test_the_ends_are_told_in_several_places(folder: Path) -> None:
    change_json(folder / "config.json", eos_token_id=7)
    change_json(folder / "generation_config.json", eos_token_id=[8, None, "x", [1]])
    assert asyncio.run(NanoEngine.open(folder))._ends == {0, 2, 7, 8}
