"""Checkpoints on a disk that may refuse, of runs that may be killed: which one is whole.

Trainers write a checkpoint file by file into its own folder, so a kill or a full disk leaves a part
of one. Whoever took the newest for whole could never go on.
"""

from __future__ import annotations

import errno
import json
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError

from longwrite.errors import UsageError

_NAME = re.compile(r"checkpoint-([0-9]{1,12})")
_STATE = "trainer_state.json"
"""What trainers write last."""
_REFUSALS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM}
)


def find_checkpoint(folder: Path, say: Callable[[str], None] = lambda line: None) -> Path | None:
    """Return the last whole checkpoint of a run.

    Args:
        folder: The run's output folder.
        say: Told of those that are passed over.
    """
    found = {
        int(name[1]): path
        for path in folder.glob("checkpoint-*")
        if (name := _NAME.fullmatch(path.name))
    }
    for _, path in sorted(found.items(), reverse=True):
        if _is_whole(path):
            return path
        say(f"{path} is not whole, and passed over.")
    return None


def _is_whole(path: Path) -> bool:
    try:
        json.loads((path / _STATE).read_bytes())  # NaN may stand in it
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def explain_refusals(folder: Path) -> Iterator[None]:
    """Tell in a sentence that a disk refused a checkpoint or the model.

    Raises:
        UsageError: It did.
    """
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        why = _find_refusal(error)
        if not why:
            raise
        mend = "Make room; the same command then goes on from the last whole checkpoint."
        raise UsageError(f"{folder} can't be written", why, mend) from error


def _find_refusal(error: Exception) -> str:
    """Return why a disk refused, nothing where that isn't what went wrong."""
    if isinstance(error, OSError):
        return error.strerror or str(error) if error.errno in _REFUSALS else ""
    said = " ".join(str(error).split())[:160]
    if isinstance(error, SafetensorError):
        return said
    # torch.save raises plain RuntimeErrors: they are told by where they come from.
    frames = (frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__))
    return f"a file of it was cut ({said})" if torch.save.__code__ in frames else ""
