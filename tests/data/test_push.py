"""What goes to the Hub, and what stays here."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from longwrite.data.card import write_card
from longwrite.data.push import list_upload, push
from longwrite.errors import EngineError, UsageError
from tests.data.test_export import make_rows, write

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")


class Hub:
    """A Hub that keeps what it is given."""

    def __init__(self, known: tuple[str, ...] = (), broken: bool = False) -> None:
        self.known, self.broken = known, broken
        self.made: list[tuple[str, bool]] = []
        self.operations: list[Any] = []

    def create_repo(self, name: str, *, repo_type: str, private: bool, exist_ok: bool) -> None:
        if self.broken:
            raise OSError("no route to host")
        assert repo_type == "dataset" and exist_ok
        self.made.append((name, private))

    def list_repo_files(self, name: str, *, repo_type: str) -> list[str]:
        return list(self.known)

    def create_commit(self, name: str, operations: list[Any], **_: Any) -> Any:
        self.operations = operations
        return SimpleNamespace(repo_url=f"hub://{name}")


def make_set(folder: Path) -> Path:
    """Return the folder of a finished set with a build beside it."""
    write(folder, make_rows())
    write_card(folder)
    (folder / ".work" / "calls.sqlite").write_text("what was paid for")
    return folder


def test_rows_and_card_go_and_the_log_stays(tmp_path: Path) -> None:
    hub = Hub(known=("data/sft/train-00000-of-00009.parquet", "mine.txt"))
    assert push(make_set(tmp_path), "me/set", api=hub) == "hub://me/set"
    assert hub.made == [("me/set", True)]
    names = [operation.path_in_repo for operation in hub.operations]
    assert "README.md" in names and "data/dpo/train-00000-of-00001.parquet" in names
    assert not any("calls" in name or ".work" in name for name in names)
    # A file of an older upload would be a part of the set; what is no row is not ours.
    assert names[-1] == "data/sft/train-00000-of-00009.parquet" and "mine.txt" not in names


def test_what_is_not_finished_is_not_uploaded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no finished set"):
        list_upload(tmp_path)
    write(tmp_path, make_rows())
    with pytest.raises(UsageError, match="has no card"):
        list_upload(tmp_path)


def test_a_hub_that_can_not_be_reached_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no route to host"):
        push(make_set(tmp_path), "me/set", api=Hub(broken=True))
