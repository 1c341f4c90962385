"""The blocks of keys and values of an engine: shared prefixes, LRU, a limit.

After vLLM's automatic prefix caching (docs.vllm.ai, design/prefix_caching): a full block is known
by its tokens and the block before it; a request takes the longest known prefix and computes the
rest; its last token is always computed; blocks of ended requests stay until room is needed, the
oldest first, and of one request the last first. A block counts as known from the step on that
computes it. What is simpler here: a request holds room for its whole answer from the beginning,
so none is ever thrown out half-way.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from dataclasses import dataclass

BLOCK = 16
"""Tokens of a block, vLLM's default on a GPU."""

Chain = tuple[int, ...]
"""Names of the full blocks of a token sequence, first one first."""


class Chains:
    """Names blocks, equal exactly when all tokens up to their end are equal.

    Args:
        block: Tokens of a block.
    """

    def __init__(self, block: int = BLOCK) -> None:
        """Know no block."""
        self.block = block
        self._names: dict[tuple[int, bytes], int] = {}

    def name(self, tokens: array[int]) -> Chain:
        """Return the names of the full blocks of a sequence."""
        names, size = self._names, self.block
        raw, width = tokens.tobytes(), tokens.itemsize * size
        found = []
        parent = -1
        for start in range(0, len(tokens) // size * width, width):
            key = (parent, raw[start : start + width])
            parent = names.setdefault(key, len(names))
            found.append(parent)
        return tuple(found)


@dataclass(slots=True)
class Lease:
    """What a running request holds.

    Attributes:
        cached: Prompt tokens that need not be computed.
        shared: Its blocks that others may use.
        private: Its blocks that are not full or not known yet.
    """

    cached: int
    shared: Chain
    private: int


class Cache:
    """Which blocks are there and who uses them.

    Args:
        capacity: Blocks in all.
        block: Tokens of a block.
    """

    def __init__(self, capacity: int, block: int = BLOCK) -> None:
        """Start empty."""
        self.capacity = capacity
        self.chains = Chains(block)
        self._users: dict[int, int] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()
        self._private = 0

    @property
    def used(self) -> int:
        """Blocks that running requests hold."""
        return len(self._users) + self._private

    def take(self, prompt: array[int], total: int) -> Lease | None:
        """Return the lease of a request, None while there is no room for it.

        Args:
            prompt: Its tokens.
            total: Prompt and answer together.
        """
        chain = self.chains.name(prompt)
        block = self.chains.block
        known = 0
        while known < len(chain) and (chain[known] in self._users or chain[known] in self._idle):
            known += 1
        known = min(known, (len(prompt) - 1) // block)
        private = -(-total // block) - len(chain)
        # Idle blocks of its own prefix are no longer idle once it has them.
        waking = sum(name not in self._users for name in chain)
        if self.used + waking + private > self.capacity:
            return None
        for name in chain:
            self._idle.pop(name, None)
            self._users[name] = self._users.get(name, 0) + 1
        self._private += private
        self._evict()
        return Lease(known * block, chain, private)

    def give(self, lease: Lease, tokens: array[int]) -> None:
        """Take back what an ended request held; what it wrote is known from now on.

        Args:
            lease: What it held.
            tokens: Its prompt and its answer.
        """
        self._private -= lease.private
        for name in reversed(self.chains.name(tokens)):
            if name not in self._users:
                self._idle[name] = None
                self._idle.move_to_end(name)
        for name in reversed(lease.shared):
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name]
                self._idle[name] = None
                self._idle.move_to_end(name)
        self._evict()

    def _evict(self) -> None:
        while self.used + len(self._idle) > self.capacity:
            self._idle.popitem(last=False)
