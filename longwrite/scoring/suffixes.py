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


def sort_suffixes(symbols: Ints) -> Suffixes:
    """Sort the suffixes of a row of numbers from 0 upwards, in O(n log n) time.

    Prefix doubling (Manber and Myers 1993): ranks by the first 2, 4, 8, … symbols, until no two are
    alike. The ranks of all rounds then give the shared prefixes, without a loop over suffixes.
    """
    size = len(symbols)
    if size == 0:
        return Suffixes(np.empty(0, np.int64), np.empty(0, np.int64))
    rank = np.unique(symbols, return_inverse=True)[1].astype(np.int64)
    rounds = [rank]
    width = 1
    while True:
        order, rank = _refine(rank, width)
        if rank[order[-1]] == size - 1:
            break
        rounds.append(rank)
        width *= 2
    return Suffixes(order, _share(order, rounds))


def _refine(rank: Ints, width: int) -> tuple[Ints, Ints]:
    """Rank by twice as many symbols; returns the order too."""
    size = len(rank)
    behind = np.zeros(size, np.int64)  # 0 where nothing follows
    if width < size:
        behind[:-width] = rank[width:] + 1
    key = (rank * (size + 1) + behind).astype(np.uint64)
    bits = np.uint64(max(1, size.bit_length()))
    if size < 1 << 21:
        # Key and place in one number: sorting numbers is several times faster than sorting places.
        packed = (key << bits) | np.arange(size, dtype=np.uint64)
        packed.sort()
        order = (packed & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
        key = packed >> bits
    else:
        order = np.argsort(key, kind="stable")
        key = key[order]
    fresh = np.empty(size, np.int64)
    fresh[order] = np.concatenate(([0], np.cumsum(key[1:] != key[:-1])))
    return order, fresh


def _share(order: Ints, rounds: list[Ints]) -> Ints:
    """Return what each suffix shares with the one before it, longest stretches first."""
    size = len(order)
    shared = np.zeros(size, np.int64)
    before, own = order[:-1].copy(), order[1:].copy()
    for level in range(len(rounds) - 1, -1, -1):
        rank = np.append(rounds[level], -1)
        alike = (rank[np.minimum(before, size)] == rank[np.minimum(own, size)]) & (before < size)
        alike &= own < size
        step = alike * (1 << level)
        shared[1:] += step
        before += step
        own += step
    return shared
