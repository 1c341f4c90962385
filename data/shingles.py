"""Words of a text as hashes, their n-grams, and MinHash sketches of sets of them.

Duplicates and contamination are looked for in every row, so nothing here makes a Python object for
a word: all is done on arrays of characters. The hashes are the same on every machine and in every
run, which Python's own are not. Words are compared in lower case; CJK characters are words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longwrite.text import CJK

Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]

_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_STEP = 0xD6E8FEB86659FD93
_LETTER, _WIDE = 1, 2


@dataclass(frozen=True, slots=True)
class HashedWords:
    """The words of a text, in order.

    Attributes:
        hashes: One for each word, the same for the same word.
        starts: Offset of each in the text.
        wide: Whether each is a CJK character.
    """

    hashes: Hashes
    starts: Ints
    wide: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return how many words there are."""
        return len(self.hashes)


@cache
def _kinds() -> NDArray[np.uint8]:
    """Return for each code point whether it is a letter or digit, a CJK character, or neither."""
    every = "".join(map(chr, range(0x110000)))
    table = np.zeros(len(every), np.uint8)
    for pattern, kind in ((r"[^\W_]+", _LETTER), (f"[{CJK}]+", _WIDE)):
        for match in re.finditer(pattern, every):
            table[match.start() : match.end()] = kind
    return table


@lru_cache(maxsize=2)
def _powers(size: int) -> tuple[Hashes, Hashes]:
    """Return the first powers of the base and of its inverse modulo 2**64."""
    found = []
    for step in (_BASE, _INVERSE):
        row = np.full(size, step, np.uint64)
        row[0] = 1
        found.append(row.cumprod(dtype=np.uint64))
    return found[0], found[1]


def mix(numbers: Hashes) -> Hashes:
    """Spread numbers over all bits (the finaliser of splitmix64, Steele et al. 2014)."""
    mixed = numbers ^ (numbers >> np.uint64(30))
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def hash_words(text: str) -> HashedWords:
    """Return the words of a text as hashes; any string will do, unpaired surrogates too."""
    points, kinds = _read(_lower(text))
    starts, ends = kinds > 0, kinds > 0
    letters = kinds == _LETTER
    inside = letters[1:] & letters[:-1]
    starts[1:] &= ~inside
    ends[:-1] &= ~inside
    first, last = np.flatnonzero(starts), np.flatnonzero(ends) + 1
    forth, back = _powers(1 << max(12, len(points).bit_length()))
    sums = np.zeros(len(points) + 1, np.uint64)
    np.cumsum((points + np.uint64(1)) * forth[: len(points)], out=sums[1:])
    return HashedWords(mix((sums[last] - sums[first]) * back[first]), first, kinds[first] == _WIDE)


def _read(text: str) -> tuple[NDArray[np.unsignedinteger[Any]], NDArray[np.uint8]]:
    """Return the code points of a text and the kind of each."""
    if text.isascii():
        plain = text.encode()
        kinds = plain.translate(_ascii_kinds())
        return np.frombuffer(plain, np.uint8), np.frombuffer(kinds, np.uint8)
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return points, _kinds().take(points)


@cache
def _ascii_kinds() -> bytes:
    return _kinds()[:256].tobytes()


def _lower(text: str) -> str:
    """Return a text in lower case, as long as it was."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def hash_ngrams(words: Hashes, n: int) -> Hashes:
    """Return a hash of each run of `n` words; none where there are fewer."""
    count = len(words) - n + 1
    if count < 1:
        return np.zeros(0, np.uint64)
    found = words[:count].copy()
    for place in range(1, n):
        found *= np.uint64(_STEP)
        found += words[place : place + count]
    return mix(found)


_VALUE_BITS = 40
_VALUE = np.uint64((1 << _VALUE_BITS) - 1)
MOST_BINS = 1 << (64 - _VALUE_BITS)
"""Sketches times bins that one call can make."""


def sketch(hashes: Hashes, owners: Ints, count: int, bins: int) -> Hashes:
    """Return MinHash sketches of sets: the share of equal bins estimates Jaccard similarity.

    One permutation is cut into bins, each keeping its least hash (Li, Owen and Zhang 2012,
    arXiv:1208.1259); a bin without any takes over the next one's, told apart by the distance
    (Shrivastava and Li 2014, arXiv:1406.4784).

    Args:
        hashes: Members of all sets.
        owners: The set of each member, from 0.
        count: How many sets there are; each has a member.
        bins: Bins of a sketch.

    Returns:
        Shape (count, bins), all bits of each number spread.
    """
    high = hashes >> np.uint64(_VALUE_BITS)
    place = (high * np.uint64(bins)) >> np.uint64(64 - _VALUE_BITS)
    groups = owners.astype(np.uint64) * np.uint64(bins) + place
    row = np.sort((groups << np.uint64(_VALUE_BITS)) | (hashes & _VALUE))
    groups = row >> np.uint64(_VALUE_BITS)
    least = np.ones(len(row), np.bool_)
    np.not_equal(groups[1:], groups[:-1], out=least[1:])
    filled = np.zeros(count * bins, np.bool_)
    values = np.zeros(count * bins, np.uint64)
    where = groups[least].astype(np.int64)
    filled[where] = True
    values[where] = row[least] & _VALUE
    table = values.reshape(count, bins)
    if not filled.all():
        table = _fill(table, filled.reshape(count, bins))
    return mix(table ^ (np.arange(bins, dtype=np.uint64) << np.uint64(_VALUE_BITS)))


def _fill(table: Hashes, filled: NDArray[np.bool_]) -> Hashes:
    """Give each empty bin the value of the next one that has any, going round."""
    bins = table.shape[1]
    twice = np.where(np.tile(filled, 2), np.arange(2 * bins), 2 * bins)
    following = np.minimum.accumulate(twice[:, ::-1], axis=1)[:, ::-1][:, :bins]
    distance = (following - np.arange(bins)).astype(np.uint64)
    taken = np.take_along_axis(table, following % bins, axis=1)
    # What is moved must not meet the value of a set whose own this is.
    return taken + (distance << np.uint64(_VALUE_BITS + 8))
