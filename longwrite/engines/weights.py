"""Reads the weights of a model from a safetensors file, and believes nothing that it says.

The format is a header's length in eight bytes, a JSON header with type, shape and place of each
tensor, and the numbers. A file that was cut short or changed on its way must end in a sentence
that says so, never in prose from half a model.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from longwrite.errors import EngineError

Floats: TypeAlias = npt.NDArray[np.float32]

_ITEM_BYTES = {"F16": 2, "BF16": 2, "F32": 4}
_LENGTH_BYTES = 8
_LONGEST_HEADER = 100_000_000
_MOST_DIMENSIONS = 8


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_weights(path: Path) -> dict[str, Floats]:
    """Return the tensors of a safetensors file as float32, by name.

    Where the header's ``__metadata__`` holds ``sha256``, the numbers must have that sum.

    Raises:
        EngineError: The file can't be read, is damaged, or holds what isn't a finite number.
    """
    try:
        content = path.read_bytes()
        entries, metadata, begin = _read_header(content)
        data = memoryview(content)[begin:]
        _check_places(entries, len(data))
        told = metadata.get("sha256")
        if told is not None and told != hashlib.sha256(data).hexdigest():
            raise ValueError("its numbers don't have the SHA-256 that its header tells")
        return {entry.name: _read_tensor(entry, data) for entry in entries}
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        why = " ".join(f"{error or type(error).__name__}"[:300].split())
        mend = "Restore the file: install or download the model again"
        raise EngineError(f"can't use the weights {path}", why, mend) from None


def _read_header(content: bytes) -> tuple[list[_Entry], dict[str, Any], int]:
    """Return the tensors in the order of their places, the metadata, and where the data begins."""
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    begin = _LENGTH_BYTES + length
    if len(content) < _LENGTH_BYTES or length > _LONGEST_HEADER or begin > len(content):
        raise ValueError("it is no safetensors file, or it was cut in its header")
    try:
        header = json.loads(content[_LENGTH_BYTES:begin].decode("utf-8"))
    except ValueError:
        raise ValueError("its header is damaged") from None
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise ValueError("its metadata is no JSON object")
    entries = [_read_entry(name, entry) for name, entry in header.items()]
    return sorted(entries, key=lambda entry: entry.start), metadata, begin


def _read_entry(name: str, told: Any) -> _Entry:
    fields: dict[str, Any] = told if isinstance(told, dict) else {}
    dtype = fields.get("dtype")
    shape: Any = fields.get("shape")
    places: Any = fields.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in _ITEM_BYTES:
        raise ValueError(f"tensor {name[:100]!r} isn't of type F16, BF16 or F32")
    if not _are_counts(shape) or 0 in shape or len(shape) > _MOST_DIMENSIONS:
        raise ValueError(f"tensor {name[:100]!r} has no proper shape")
    if not _are_counts(places) or len(places) != 2:
        raise ValueError(f"tensor {name[:100]!r} has no proper place")
    start, end = places
    if end - start != math.prod(shape) * _ITEM_BYTES[dtype]:
        raise ValueError(f"tensor {name[:100]!r} has another size than its shape")
    return _Entry(name, dtype, tuple(shape), start, end)


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _check_places(entries: list[_Entry], size: int) -> None:
    """Refuse tensors that overlap, leave a hole, or don't end where the file ends."""
    reached = 0
    for entry in entries:
        if entry.start != reached:
            raise ValueError(f"tensor {entry.name[:100]!r} doesn't begin where the last one ends")
        reached = entry.end
    if reached != size:
        raise ValueError(f"it holds {size} bytes of numbers, and its header tells of {reached}")


def _read_tensor(entry: _Entry, data: memoryview) -> Floats:
    raw = data[entry.start : entry.end]
    numbers: Floats
    if entry.dtype == "BF16":
        # The upper half of a float32.
        numbers = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        numbers = np.frombuffer(raw, "<f2" if entry.dtype == "F16" else "<f4").astype(np.float32)
    if not np.isfinite(numbers).all():
        raise ValueError(f"tensor {entry.name[:100]!r} holds what isn't a finite number")
    return numbers.reshape(entry.shape)
