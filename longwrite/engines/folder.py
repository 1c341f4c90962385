"""What is in a model folder: whether it can be used at all, and a digest that names it.

Answers are stored under the model that gave them, so a model needs a name that changes with its
weights and not with its place. And a folder comes from anywhere: weights that are pickles can run
code when they are loaded, and are refused.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from longwrite.errors import EngineError

_NAMED = (
    "adapter_config.json",
    "added_tokens.json",
    "chat_template.jinja",
    "config.json",
    "countdown.json",
    "generation_config.json",
    "merges.txt",
    "model.safetensors.index.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)
_PATTERNS = ("*.safetensors", "*.model", "*.tiktoken", "tekken.json")
_TOKENIZERS = ("tokenizer.json", "vocab.json", "vocab.txt", "*.model", "*.tiktoken", "tekken.json")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt")

_sums: dict[tuple[Path, int, int], str] = {}


def check_folder(folder: Path) -> None:
    """Refuse a folder that isn't a whole chat model with safetensors weights.

    Raises:
        EngineError: Something is missing, broken or unsafe.
    """
    what = f"can't use the model folder {folder}"
    if not folder.is_dir():
        why = "it is a file" if folder.exists() else "there is no such folder"
        raise EngineError(what, why, "Give the path of a folder that holds config.json")
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            why, mend = "it holds only an adapter", "Merge the adapter into its model first"
        else:
            why = "it has no config.json"
            mend = "Give the folder that a model was saved or downloaded to"
        raise EngineError(what, why, mend)
    _read_object(folder / "config.json", what)
    check_weights(folder, what)
    if not _found(folder, _TOKENIZERS):
        mend = "Save the tokenizer to the same folder: AutoTokenizer.save_pretrained"
        raise EngineError(what, "it has no tokenizer", mend)
    if not _has_chat_template(folder, what):
        mend = "Use the instruct or chat version of the model, or add a chat_template.jinja"
        raise EngineError(what, "its tokenizer has no chat template", mend)


def digest_folder(folder: Path) -> str:
    """Return the SHA-256, in hex, of a folder's config, tokenizer and safetensors files.

    A file's own sum is remembered by its size and time of change, so that in one process only the
    first call reads the weights.

    Raises:
        EngineError: A file can't be read.
    """
    whole = hashlib.sha256()
    try:
        for path in _found(folder, (*_NAMED, *_PATTERNS)):
            whole.update(f"{path.name}\0{_sum(path)}\n".encode())
    except OSError as error:
        what = f"can't read the model folder {folder}"
        raise EngineError(what, str(error), "Check the folder's permissions") from None
    return whole.hexdigest()


def _sum(path: Path) -> str:
    status = path.stat()
    key = (path.resolve(), status.st_size, status.st_mtime_ns)
    if key not in _sums:
        with path.open("rb") as file:
            _sums[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _sums[key]


def _found(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    """Return the files that match one of the patterns, each once, by name."""
    return sorted({path for name in patterns for path in folder.glob(name) if path.is_file()})


def check_weights(folder: Path, what: str) -> None:
    """Refuse a folder without safetensors weights, or with a part of them only.

    Args:
        folder: A model's.
        what: What can't be done then, for the message.

    Raises:
        EngineError: They are missing, or pickles.
    """
    present = {path.name for path in _found(folder, ("*.safetensors",))}
    if not present:
        if _found(folder, _PICKLES):
            why = "its weights are pickles, which can run any code when they are loaded"
            raise EngineError(what, why, "Get the model's safetensors, or convert it to them")
        raise EngineError(what, "it has no safetensors weights", "Download the model again")
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        places = _read_object(index, what).get("weight_map")
        named = {str(place) for place in places.values()} if isinstance(places, dict) else set()
        if lacking := sorted(named - present):
            why = f"{len(lacking)} of its weight files are missing, {lacking[0][:200]!r} first"
            raise EngineError(what, why, "Download the model again")


def _has_chat_template(folder: Path, what: str) -> bool:
    template = folder / "chat_template.jinja"
    if template.is_file() and template.stat().st_size:
        return True
    settings = folder / "tokenizer_config.json"
    return settings.is_file() and bool(_read_object(settings, what).get("chat_template"))


def _read_object(path: Path, what: str) -> dict[str, object]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise EngineError(what, f"{path.name} isn't a JSON object", "Download the model again")
    return data
