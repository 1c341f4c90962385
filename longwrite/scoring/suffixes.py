"""All that a text says twice, at every length at once: a suffix array with its common prefixes.

Sorting all suffixes of the words puts passages that begin alike side by side; how many words two
neighbours share tells every repetition, so rep-n, distinct-n, the longest repeated span and the
coverage by repeated passages all come from one structure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Numbers = NDArray[np.uint64]


@dataclass(frozen=True)
class Suffixes:
    """The sorted suffixes of a row of symbols.

    Attributes:
        order: Where each suffix begins, the smallest first.
        shared: For each suffix in that order, the symbols it shares with the one before it; 0 for
            the first.
    """

    order: Ints
    shared: Ints

    @cached_property
    def longest(self) -> Ints:
        """For each place, the length of the longest passage beginning there that comes twice."""
        after = np.append(self.shared[1:], 0)[: len(self.shared)]
        found = np.empty_like(self.order)
        found[self.order] = np.maximum(self.shared, after)
        return found

    @cached_property
    def partner(self) -> Ints:
        """For each place, where the longest passage beginning there stands as well."""
        after = np.append(self.shared[1:], 0)[: len(self.shared)]
        rank = np.arange(len(self.order))
        nearest = np.clip(np.where(self.shared >= after, rank - 1, rank + 1), 0, len(rank) - 1)
        found = np.empty_like(self.order)
        found[self.order] = self.order[nearest]
        return found

    def distinct(self, n: int) -> tuple[int, int]:
        """Return how many different n-grams there are, and how many in all."""
        total = max(0, len(self.order) - n + 1)
        whole = self.order < total
        return int(np.count_nonzero(whole & (self.shared < n))), total

    def covered(self, least: int) -> NDArray[np.bool_]:
        """Return, for each place, whether it lies in a passage of `least` symbols that comes twice.

        For `least` = 10 this is the coverage by duplicated 10-grams.
        """
        change = np.zeros(len(self.order) + 1, np.int64)
        starts = np.flatnonzero(self.longest >= least)
        change[starts] += 1
        np.subtract.at(change, starts + self.longest[starts], 1)
        return change[:-1].cumsum() > 0


LONGEST = 1 << 14
"""Symbols by which suffixes are compared; among longer repetitions their order is left open."""


def sort_suffixes(symbols: Ints) -> Suffixes:
    """Sort the suffixes of a row of numbers from 0 upwards, in O(n log n) time.

    Prefix doubling (Manber and Myers 1993): ranks by the first 2, 4, 8, … symbols, until no two are
    alike. As many symbols as fit one number are compared at once to begin with. The ranks of all
    rounds then give the shared prefixes, without a loop over suffixes.
    """
    size = len(symbols)
    if size == 0:
        return Suffixes(np.empty(0, np.int64), np.empty(0, np.int64))
    key = symbols.astype(np.uint64) + np.uint64(1)  # 0 where nothing follows
    alike = [key]
    bits, width = int(key.max()).bit_length(), 1
    while 2 * width * bits + size.bit_length() <= 64 and width < LONGEST:
        key = (key << np.uint64(width * bits)) | _follow(key, width)
        alike.append(key)
        width *= 2
    order, rank = _rank(key)
    while rank[order[-1]] < size - 1 and width < LONGEST:
        # Two ranks side by side rank twice as many symbols.
        order, rank = _rank(rank * np.uint64(size + 1) + _follow(rank + np.uint64(1), width))
        alike.append(rank)
        width *= 2
    return Suffixes(order, _share(order, alike))


def _follow(values: Numbers, width: int) -> Numbers:
    """Return, for each place, the value so many places on, 0 behind the end."""
    found = np.zeros_like(values)
    found[: max(0, len(values) - width)] = values[width:]
    return found


def _rank(key: Numbers) -> tuple[Ints, Numbers]:
    """Return the places in the order of their keys, and the rank of each place."""
    size = len(key)
    bits = np.uint64(size.bit_length())
    if int(key.max()).bit_length() + size.bit_length() <= 64:
        # Key and place in one number: sorting numbers is several times faster than sorting places.
        packed = (key << bits) | np.arange(size, dtype=np.uint64)
        packed.sort()
        order = (packed & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
        ordered = packed >> bits
    else:
        order = np.argsort(key, kind="stable")
        ordered = key[order]
    rank = np.empty(size, np.uint64)
    rank[order] = np.concatenate(([0], np.cumsum(ordered[1:] != ordered[:-1])))
    return order, rank


def _share(order: Ints, alike: list[Numbers]) -> Ints:
    """Return what each suffix shares with the one before it, longest stretches first.

    Args:
        order: The suffixes.
        alike: For 1, 2, 4, … symbols, numbers that are the same where so many symbols are.
    """
    size = len(order)
    shared = np.zeros(size, np.int64)
    pairs = np.arange(1, size)
    for level in range(len(alike) - 1, -1, -1):
        values, step = alike[level], 1 << level
        left = pairs
        while len(left):  # more than once where suffixes were not told apart
            before, own = order[left - 1] + shared[left], order[left] + shared[left]
            inside = np.maximum(before, own) < size
            left, before, own = left[inside], before[inside], own[inside]
            left = left[values[before] == values[own]]
            shared[left] += step
            if level < len(alike) - 1:
                break
    return shared
