"""Weights are read as they are, and a file that isn't whole is never read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longwrite.engines.weights import Floats, read_weights
from longwrite.errors import EngineError
from tests.engines.nano_folder import pack_tensors

NUMBERS = np.arange(12, dtype=np.float32).reshape(3, 4) / 8 - 0.5
WHOLE = pack_tensors(
    {
        "half": NUMBERS.astype(np.float16),
        "single": NUMBERS[0] + np.float32(1e-6),
        "brain": (NUMBERS.view(np.uint32) >> 16).astype(np.uint16),
    },
    {"sha256": ""},
)
HEADER_END = 8 + int.from_bytes(WHOLE[:8], "little")


def read(content: bytes, folder: Path) -> dict[str, Floats]:
    path = folder / "model.safetensors"
    path.write_bytes(content)
    return read_weights(path)


def rewrite(**changes: Any) -> bytes:
    """Return the file with another entry for the tensor `half`, and no sum."""
    header = json.loads(WHOLE[8:HEADER_END])
    header["half"].update(changes)
    del header["__metadata__"]
    told = json.dumps(header).encode()
    return len(told).to_bytes(8, "little") + told + WHOLE[HEADER_END:]


def test_each_type_of_number_is_read_exactly(tmp_path: Path) -> None:
    weights = read(WHOLE, tmp_path)
    assert {tensor.dtype.name for tensor in weights.values()} == {"float32"}
    assert np.array_equal(weights["half"], NUMBERS)
    assert np.array_equal(weights["brain"], NUMBERS)
    assert np.array_equal(weights["single"], NUMBERS[0] + np.float32(1e-6))


def test_what_the_library_saves_is_read_alike(tmp_path: Path) -> None:
    library: Any = pytest.importorskip("safetensors.numpy")
    tensors: dict[str, Any] = {
        "b": NUMBERS,
        "a": NUMBERS.astype(np.float16)[1:],
        "c": NUMBERS[:, 0].copy(),
    }
    weights = read(library.save(tensors, {"format": "pt"}), tmp_path)
    assert weights.keys() == tensors.keys()
    assert all(np.array_equal(weights[name], tensors[name]) for name in tensors)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.integers(0, len(WHOLE) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_or_changes_nothing(tmp_path: Path, place: int, bit: int) -> None:
    spoilt = bytearray(WHOLE)
    spoilt[place] ^= 1 << bit
    whole = read(WHOLE, tmp_path)
    try:
        weights = read(bytes(spoilt), tmp_path)
    except EngineError as error:
        assert error.what and error.why and error.mend
        return
    # The header's name of the sum can be lost, or a remark in it.
    assert place < HEADER_END
    assert sorted(map(bytes, weights.values())) == sorted(map(bytes, whole.values()))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(WHOLE) - 1))
def test_a_cut_or_lengthened_file_is_refused(tmp_path: Path, tail: bytes, length: int) -> None:
    for content in (WHOLE[:length], tail, WHOLE + tail + b"\0"):
        with pytest.raises(EngineError, match="can't use the weights"):
            read(content, tmp_path)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"dtype": "I8"}, "isn't of type"),
        ({"dtype": ["F16"]}, "isn't of type"),
        ({"shape": [3, 5]}, "another size"),
        ({"shape": [12, 0]}, "no proper shape"),
        ({"shape": [-3, -4]}, "no proper shape"),
        ({"shape": [True, 12]}, "no proper shape"),
        ({"shape": [12] + [1] * 99}, "no proper shape"),
        ({"shape": 12}, "no proper shape"),
        ({"shape": [10**30]}, "another size"),
        ({"data_offsets": [0]}, "no proper place"),
        ({"data_offsets": [0.0, 24.0]}, "no proper place"),
        ({"data_offsets": [16, 40]}, "doesn't begin where"),
        ({"data_offsets": [10**30, 10**30 + 24]}, "doesn't begin where"),
    ],
)
def test_a_header_that_tells_nonsense_is_refused(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(EngineError, match=why):
        read(rewrite(**changes), tmp_path)


@pytest.mark.parametrize(
    "told", [b"[]", b"{", b"\xff", b"[" * 100_000, b'{"__metadata__": 1}', b'{"a": 1}']
)
def test_a_header_that_is_no_header_is_refused(tmp_path: Path, told: bytes) -> None:
    with pytest.raises(EngineError):
        read(len(told).to_bytes(8, "little") + told, tmp_path)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_no_finite_number_is_refused(tmp_path: Path, number: float) -> None:
    numbers = NUMBERS.copy()
    numbers[1, 2] = number
    with pytest.raises(EngineError, match="'broken' holds what isn't a finite number"):
        read(pack_tensors({"broken": numbers}), tmp_path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"No such file.*install or download"):
        read_weights(tmp_path / "model.safetensors")
