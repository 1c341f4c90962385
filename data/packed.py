"""Tables that grow with the rows of a set and hold no Python object for any of them.

A set may have millions of rows on a machine with little memory, so what is remembered of a row is
counted in bytes: columns of numbers in blocks, names end to end, and an index of sorted runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Ints = NDArray[np.int64]
Keys = NDArray[np.uint32]

_BLOCK = 4_096


class Columns:
    """Rows of `width` numbers that are added at the end and read by their number."""

    def __init__(self, width: int, kind: DTypeLike) -> None:
        """Begin without rows."""
        self._width, self._kind = width, np.dtype(kind)
        self._blocks: list[NDArray[Any]] = []
        self._size = 0

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self._size

    def add(self, rows: NDArray[Any]) -> None:
        """Add rows, shape (n, width)."""
        while len(rows):
            at = self._size % _BLOCK
            if at == 0:
                self._blocks.append(np.empty((_BLOCK, self._width), self._kind))
            taken = rows[: _BLOCK - at]
            self._blocks[-1][at : at + len(taken)] = taken
            self._size += len(taken)
            rows = rows[len(taken) :]

    def take(self, numbers: Ints) -> NDArray[Any]:
        """Return the rows of some numbers, in that order, shape (len(numbers), width)."""
        found = np.empty((len(numbers), self._width), self._kind)
        blocks = numbers // _BLOCK
        for block in np.unique(blocks).tolist():
            here = blocks == block
            found[here] = self._blocks[block][numbers[here] % _BLOCK]
        return found


class Names:
    """Strings by number, end to end in one buffer."""

    def __init__(self) -> None:
        """Begin without names."""
        self._bytes = bytearray()
        self._ends = Columns(1, np.int64)

    def __len__(self) -> int:
        """Return how many names there are."""
        return len(self._ends)

    def add(self, name: str) -> None:
        """Add a name."""
        self._bytes += name.encode("utf-8", "surrogatepass")
        self._ends.add(np.array([[len(self._bytes)]]))

    def __getitem__(self, number: int) -> str:
        """Return the name of a number."""
        start = int(self._ends.take(np.array([number - 1]))[0, 0]) if number else 0
        end = int(self._ends.take(np.array([number]))[0, 0])
        return self._bytes[start:end].decode("utf-8", "surrogatepass")


class Index:
    """Numbers by key, many of one key: what is new in a dictionary, the rest in sorted runs.

    Each run has at least `RATIO` times the entries of the next one, so there are few of them, an
    entry takes 8 bytes, and it is moved a logarithmic number of times. Keys and numbers have 32
    bits.
    """

    PENDING = 2_048
    """Entries of the dictionary, and of the smallest run."""
    RATIO = 8

    def __init__(self) -> None:
        """Begin without entries."""
        self._first: dict[int, int] = {}
        self._others: dict[int, list[int]] = {}
        self._count = 0
        self._runs: list[NDArray[np.uint64]] = []

    def add(self, keys: Keys, numbers: Ints) -> None:
        """Enter numbers under keys, paired."""
        first = self._first
        for key, number in zip(keys.tolist(), numbers.tolist(), strict=True):
            if first.setdefault(key, number) != number:
                self._others.setdefault(key, []).append(number)
        self._count += len(keys)
        if self._count >= self.PENDING:
            self._flush()

    def _flush(self) -> None:
        others = [(key, number) for key, found in self._others.items() for number in found]
        pairs = np.array([*self._first.items(), *others], np.uint64)
        run = np.sort((pairs[:, 0] << np.uint64(32)) | pairs[:, 1])
        self._first, self._others, self._count = {}, {}, 0
        while self._runs and len(self._runs[-1]) < self.RATIO * len(run):
            run = np.concatenate((self._runs.pop(), run))
            run.sort(kind="stable")  # two sorted halves are merged in one go
        self._runs.append(run)

    def find(self, keys: Keys) -> tuple[Ints, Ints]:
        """Return which of the keys have entries, and the entries: places and numbers, paired."""
        listed = keys.tolist()
        places: list[int] = []
        numbers: list[int] = []
        if not self._first.keys().isdisjoint(listed):
            for place, key in enumerate(listed):
                if key in self._first:
                    found = [self._first[key], *self._others.get(key, ())[:MOST]]
                    places += [place] * len(found)
                    numbers += found
        if self._runs:
            wanted = keys.astype(np.uint64) << np.uint64(32)
            for run in self._runs:
                for place, number in _search(run, wanted):
                    places.append(place)
                    numbers.append(number)
        return np.array(places, np.int64), np.array(numbers, np.int64)


MOST = 64
"""Entries of a key that are told of each run: the earliest. More share it only in sets that are
made of one template, where each row would be held against all others."""

_NUMBER = np.uint64(0xFFFFFFFF)


def _search(run: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Yield the place of each wanted key that a sorted run has, with each of its numbers."""
    first = run.searchsorted(wanted)
    hits = (run.take(first, mode="clip") ^ wanted) <= _NUMBER
    if not hits.any():
        return
    for place in np.flatnonzero(hits & (first < len(run))).tolist():
        last = run.searchsorted(wanted[place] | _NUMBER, "right")
        last = min(last, first[place] + MOST)
        for number in (run[first[place] : last] & _NUMBER).tolist():
            yield place, number
