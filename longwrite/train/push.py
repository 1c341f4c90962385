"""Uploading a trained model to the Hub: weights, tokenizer, settings and card.

What a training leaves beside them stays here: checkpoints, its own record, and pickled arguments,
which hold paths and nothing that a model needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from longwrite.data.push import upload
from longwrite.errors import UsageError

_KEPT = frozenset({"longwrite-train.json", "trainer_state.json"})
_SUFFIXES = frozenset({".safetensors", ".json", ".jinja", ".model"})
_NAMES = frozenset({"README.md", "MODEL_CARD.md", "LICENSE", "merges.txt", "vocab.txt"})


def list_model_files(folder: Path) -> list[Path]:
    """Return the files of a model that are uploaded, by name.

    Raises:
        UsageError: The folder holds no model or adapter, no weights, or no card.
    """
    what = f"{folder} can't be uploaded"
    if not any((folder / name).is_file() for name in ("config.json", "adapter_config.json")):
        raise UsageError(what, "there is no config.json", "Give the folder of a model.")
    found = sorted(
        path
        for path in folder.iterdir()
        if path.is_file()
        and (path.suffix in _SUFFIXES or path.name in _NAMES)
        and path.name not in _KEPT
        and not path.name.startswith((".", "_"))
    )
    if not any(path.suffix == ".safetensors" for path in found):
        raise UsageError(what, "it has no weights as safetensors", "Save it as safetensors.")
    if folder / "README.md" not in found:
        mend = "Write a README.md, or train it with longwrite."
        raise UsageError(what, "it has no card", mend)
    return found


def push_model(folder: Path, repository: str, *, private: bool = True, api: Any = None) -> str:
    """Upload a model in one commit and return its address.

    Args:
        folder: Of the model or adapter.
        repository: ``owner/name``; made when absent.
        private: Whether a new repository is private.
        api: A `huggingface_hub.HfApi`; None for one with the usual token.

    Raises:
        UsageError: There is no model with a card, or huggingface_hub isn't installed.
        EngineError: The Hub refuses or can't be reached.
    """
    files = list_model_files(folder)
    return upload("model", folder, files, repository, private=private, api=api)
