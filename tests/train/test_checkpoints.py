"""A checkpoint that was left in part is passed over; a run goes on from the last whole one."""

from __future__ import annotations

import errno
import json
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from longwrite.errors import UsageError
from longwrite.train.checkpoints import explain_refusals, find_checkpoint
from tests.train.small_runs import ENVIRONMENT, arguments, run

pytestmark = pytest.mark.filterwarnings("ignore")


def make(folder: Path, step: int, state: str | None = '{"global_step": 1}') -> Path:
    """Make what a trainer leaves."""
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    if state is not None:
        (path / "trainer_state.json").write_text(state)
    return path


def test_a_loss_that_was_no_number_spoils_no_checkpoint(tmp_path: Path) -> None:
    whole = make(tmp_path, 3, '{"log_history": [{"loss": NaN}]}')
    assert find_checkpoint(tmp_path) == whole


@pytest.mark.parametrize("state", [None, "", '{"global_st', "\0\0\0\0"])
def test_a_checkpoint_in_part_is_passed_over(tmp_path: Path, state: str | None) -> None:
    whole = make(tmp_path, 9)
    make(tmp_path, 10, state)
    (tmp_path / "checkpoint-best").mkdir()
    said: list[str] = []
    assert find_checkpoint(tmp_path, said.append) == whole
    assert said == [f"{tmp_path}/checkpoint-10 is not whole, and passed over."]


def test_where_none_is_whole_there_is_none(tmp_path: Path) -> None:
    make(tmp_path, 1, None)
    assert find_checkpoint(tmp_path) is None


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_refuses_a_checkpoint_costs_no_step(tiny_model: Path, folder: Path) -> None:
    few = ("--max_steps=3", "--save_total_limit=2")
    whole = run(tiny_model, folder, "sft", "whole", *few)
    last = find_checkpoint(whole.folder)
    assert last is not None
    sizes = {path.name: path.stat().st_size for path in last.iterdir()}
    for name in ("model.safetensors", "optimizer.pt"):
        with files_up_to(sizes[name] - 1), pytest.raises(UsageError, match="can't be written"):
            run(tiny_model, folder, "sft", "out", *few)
        assert run(tiny_model, folder, "sft", "out", *few).steps == 3
        weights = (folder / "out" / "model.safetensors").read_bytes()
        assert weights == (whole.folder / "model.safetensors").read_bytes(), name
        shutil.rmtree(folder / "out")


def test_only_what_a_disk_refused_is_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError), explain_refusals(tmp_path):
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    with pytest.raises(RuntimeError, match="shapes"), explain_refusals(tmp_path):
        raise RuntimeError("shapes don't go together")
    with pytest.raises(UsageError, match="No space left"), explain_refusals(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_who_asks_twice_is_not_kept_waiting(tiny_model: Path, folder: Path) -> None:
    order = arguments(tiny_model, folder, "sft", "out", "--max_steps=5000", "--save_steps=20")
    begun = subprocess.Popen(
        [sys.executable, "-m", "longwrite.cli.main", "train", "sft", *order, "--logging_steps=1"],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with begun:
        assert begun.stderr is not None
        while find_checkpoint(folder / "out") is None:
            assert begun.poll() is None, begun.stderr.read()
        begun.send_signal(signal.SIGINT)
        begun.send_signal(signal.SIGINT)
        said = begun.stderr.read()
    assert begun.returncode == 130 and "Traceback" not in said
    assert "longwrite: Stopped" in said
    found = find_checkpoint(folder / "out")
    assert found is not None
    state = json.loads((found / "trainer_state.json").read_text())
    assert run(tiny_model, folder, "sft", "out", "--max_steps=20").resumed == state["global_step"]
