"""Which model folders are taken, and what changes their name."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path

import pytest

from longwrite.engines.folder import check_folder, digest_folder
from longwrite.errors import EngineError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files of a model; what stands in them isn't looked at."""
    path = tmp_path / "model"
    path.mkdir()
    (path / "config.json").write_text('{"model_type": "qwen3"}')
    (path / "tokenizer.json").write_text("{}")
    (path / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    (path / "model.safetensors").write_bytes(b"weights")
    (path / "README.md").write_text("A model.")
    return path


def test_a_whole_folder_is_taken(folder: Path) -> None:
    check_folder(folder)
    assert len(digest_folder(folder)) == 64


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: shutil.rmtree(path), "there is no such folder"),
        (lambda path: (path / "config.json").unlink(), "no config.json"),
        (lambda path: (path / "config.json").write_text("[" * 9999), "config.json isn't a JSON"),
        (lambda path: (path / "config.json").rename(path / "adapter_config.json"), "adapter"),
        (lambda path: (path / "model.safetensors").unlink(), "no safetensors"),
        (
            lambda path: (path / "model.safetensors").rename(path / "pytorch_model.bin"),
            "pickles, which can run any code",
        ),
        (lambda path: (path / "tokenizer.json").unlink(), "no tokenizer"),
        (lambda path: (path / "tokenizer_config.json").write_text("{}"), "no chat template"),
        (
            lambda path: (path / "model.safetensors.index.json").write_text(
                json.dumps({"weight_map": {"a": "model.safetensors", "b": "b.safetensors"}})
            ),
            "1 of its weight files are missing, 'b.safetensors'",
        ),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_with_the_reason(
    folder: Path, spoil: Callable[[Path], object], why: str
) -> None:
    spoil(folder)
    with pytest.raises(EngineError, match=why) as caught:
        check_folder(folder)
    assert str(folder) in caught.value.what
    assert caught.value.mend


def test_a_template_in_a_file_of_its_own_will_do(folder: Path) -> None:
    (folder / "tokenizer_config.json").unlink()
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    check_folder(folder)


def test_pickles_beside_safetensors_are_only_ignored(folder: Path) -> None:
    digest = digest_folder(folder)
    (folder / "pytorch_model.bin").write_bytes(b"weights")
    check_folder(folder)
    assert digest_folder(folder) == digest


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_the_digest_follows_what_the_model_is(folder: Path, name: str) -> None:
    digest = digest_folder(folder)
    (folder / name).write_text('{"changed": true}')
    assert digest_folder(folder) != digest


def test_the_digest_does_not_follow_where_the_model_lies(folder: Path) -> None:
    digest = digest_folder(folder)
    (folder / "README.md").write_text("Another text.")
    assert digest_folder(folder.rename(folder.with_name("elsewhere"))) == digest


def test_weights_are_read_once_until_they_change(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = digest_folder(folder)
    read: list[str] = []
    hash_file = hashlib.file_digest

    def note(file: BufferedReader, name: str) -> object:
        read.append(file.name)
        return hash_file(file, name)

    monkeypatch.setattr(hashlib, "file_digest", note)
    assert digest_folder(folder) == digest
    assert not read
    weights = folder / "model.safetensors"
    weights.write_bytes(b"WEIGHTS")
    os.utime(weights, ns=(1, 1))
    assert digest_folder(folder) != digest
    assert len(read) == 1
