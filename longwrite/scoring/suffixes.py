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
        places = np.arange(len(self.order))
        ends = np.where(self.longest >= least, places + self.longest, 0)
        covered: NDArray[np.bool_] = np.maximum.accumulate(ends) > places
        return covered


LONGEST = 1 << 14
"""Symbols by which suffixes are compared; among longer repetitions their order is left open."""


def sort_suffixes(symbols: Ints) -> Suffixes:
    """Sort the suffixes of a row of numbers from 0 upwards, in O(n log n) time.

    Prefix doubling (Manber and Myers 1993): ranks by the first 2, 4, 8, … symbols, until no two are
    alike. As many symbols, then ranks, as fit one number are compared at once. The ranks of all
    rounds then give the shared prefixes, without a loop over suffixes.
    """
    size = len(symbols)
    if size == 0:
        return Suffixes(np.empty(0, np.int64), np.empty(0, np.int64))
    values = np.append(symbols.astype(np.uint64) + np.uint64(1), np.uint64(0))
    alike = [values]
    width = 1
    while True:
        bits, packed = int(values.max()).bit_length(), 1
        while 2 * packed * bits <= 64 and width < LONGEST:
            # Two numbers side by side tell twice as many symbols.
            values = (values << np.uint64(packed * bits)) | _follow(values, width)
            alike.append(values)
            width, packed = 2 * width, 2 * packed
        order, ranks = _rank(values[:-1])
        if ranks[order[-1]] == size or width >= LONGEST:
            return Suffixes(order, _share(order, alike))
        values = np.append(ranks, np.uint64(0))


def _follow(values: Numbers, width: int) -> Numbers:
    """Return, for each place, the value so many places on, 0 behind the end."""
    found = np.zeros_like(values)
    found[: max(0, len(values) - width)] = values[width:]
    return found


def _rank(values: Numbers) -> tuple[Ints, Numbers]:
    """Return the places in the order of their values, and the rank of each place, from 1 on."""
    order = sort_places(values)
    ordered = values.take(order)
    new = np.append(True, ordered[1:] != ordered[:-1])
    ranks = np.empty_like(values)
    ranks[order] = new.cumsum(dtype=np.uint64)
    return order, ranks


def sort_places(values: NDArray[np.integer]) -> Ints:
    """Return the places of numbers from 0 upwards, the smallest first, equal ones as they stand.

    A radix sort: numpy has one for 16 bits, and sorts longer numbers several times more slowly.
    """
    order = np.argsort(values.astype(np.uint16), kind="stable")
    for shift in range(16, int(values.max(initial=0)).bit_length(), 16):
        digits = (values >> np.array(shift, values.dtype)).astype(np.uint16)
        order = order[np.argsort(digits[order], kind="stable")]
    return order


def _share(order: Ints, alike: list[Numbers]) -> Ints:
    """Return what each suffix shares with the one before it, longest stretches first.

    Args:
        order: The suffixes.
        alike: For 1, 2, 4, … symbols, numbers that are the same where so many symbols are; behind
            the end a number that is nowhere else.
    """
    shared = np.zeros(len(order), np.int64)
    before, own = order[:-1].copy(), order[1:].copy()
    for level in range(len(alike) - 1, -1, -1):
        again = True
        while again:  # more than once where suffixes were not told apart
            same = (alike[level].take(before) == alike[level].take(own)) * (1 << level)
            before += same
            own += same
            again = level == len(alike) - 1 and bool(same.any())
    shared[1:] = own - order[1:]
    return shared
