"""What of a trained model goes to the Hub, and that its card is ours."""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from longwrite.errors import EngineError, UsageError
from longwrite.train.push import list_model_files, push_model
from tests.train.small_runs import run

pytest.importorskip("trl", reason="trl is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")


class Hub:
    """A Hub that keeps what it is given."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.made: list[tuple[str, str, bool]] = []
        self.names: list[str] = []
        self.card = ""

    def create_repo(self, name: str, *, repo_type: str, private: bool, exist_ok: bool) -> None:
        if self.broken:
            raise OSError("no route to host")
        self.made.append((name, repo_type, private))

    def create_commit(self, name: str, operations: list[Any], **_: Any) -> Any:
        self.names = [one.path_in_repo for one in operations]
        return SimpleNamespace(repo_url=f"hub://{name}")


def test_the_model_goes_and_the_training_s_own_files_stay(tiny_model: Path, folder: Path) -> None:
    run(tiny_model, folder, "sft", "out", "--max_steps=1")
    out, hub = folder / "out", Hub()
    (out / "notes.txt").write_text("mine")
    assert (out / "training_args.bin").is_file() and list(out.glob("checkpoint-*"))
    assert push_model(out, "me/long", api=hub) == "hub://me/long"
    assert hub.made == [("me/long", "model", True)]
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= set(hub.names)
    left = {"training_args.bin", "longwrite-train.json", "notes.txt", "_lock"}
    assert not left & set(hub.names) and not any("checkpoint" in name for name in hub.names)


def test_what_is_no_model_with_a_card_is_not_uploaded(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no config\.json"):
        list_model_files(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="no weights as safetensors"):
        list_model_files(tmp_path)
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    (model / "README.md").unlink(missing_ok=True)
    with pytest.raises(UsageError, match="it has no card"):
        list_model_files(model)


def test_a_hub_that_can_not_be_reached_is_a_sentence(tiny_model: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    (model / "README.md").write_text("# Mine")
    with pytest.raises(EngineError, match="no route to host"):
        push_model(model, "me/long", api=Hub(broken=True))


def test_a_training_that_pushes_keeps_its_own_card(
    tiny_model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards: list[str] = []

    class Api:
        def create_repo(self, *args: Any, **_: Any) -> Any:
            return SimpleNamespace(repo_id="me/long")

        def upload_folder(self, *, folder_path: str, **_: Any) -> None:
            cards.append(Path(folder_path, "README.md").read_text())

    monkeypatch.setattr(import_module("transformers.trainer"), "hf_api", Api)
    run(
        tiny_model, folder, "sft", "out", "--max_steps=1", "--push_to_hub=true",
        "--hub_strategy=end", "--hub_model_id=me/long",
    )  # fmt: skip
    assert cards == [(folder / "out" / "README.md").read_text()]
    assert "SFT" in cards[0] and "longwrite" in cards[0]
