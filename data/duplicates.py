"""Rows that say again what an earlier row of the set says: the prompt, the text, or a section.

Rows come one by one in the order of the set, and the first of those alike stays. What is remembered
of a row takes well under 1,000 bytes: a digest of its prompt, MinHash sketches (Broder 1997) of the
word 5-grams of its text and of its sections, and where they are found again (locality-sensitive
hashing in bands, Indyk and Motwani 1998). What the bands find is held against the sketches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longwrite.data.filters import Reason
from longwrite.data.packed import Columns, Index, Names
from longwrite.data.rows import Row, Verdict
from longwrite.data.shingles import Hashes, Ints, hash_ngrams, hash_words, sketch
from longwrite.errors import UsageError
from longwrite.scoring.sections import cut_sections

NGRAM = 5
LEAST_TEXT = 50
"""Words from which a text is compared; shorter ones are told apart by their prompts."""
LEAST_SECTION = 100
"""Words from which a section is compared; shorter ones are boilerplate as often as copies."""

_TEXT_BINS, _SECTION_BINS = 128, 24

SAME_PROMPT = "prompt stands in an earlier row"
SAME_ROW = "row stands earlier as it is"
NEAR_TEXT = "text is nearly that of an earlier row"
NEAR_SECTION = "a section stands in an earlier row"


class Duplicates:
    """A filter over a whole set; the rows it lets through are what later ones are held against.

    Each shape of row is a set of its own. Pairs and stepwise rows may share a prompt: of them only
    whole rows are exact duplicates, and texts are compared with those under other prompts.
    """

    def __init__(self, completions: float = 0.45, sections: float = 0.8) -> None:
        """Set what counts as alike.

        Args:
            completions: Jaccard similarity of word 5-grams from which two texts are alike. Where a
                word in twenty is replaced by another it is 0.63, where one in ten, 0.42.
            sections: The same for two sections.

        Raises:
            UsageError: A threshold isn't above 0 and at most 1.
        """
        for name, value in (("completions", completions), ("sections", sections)):
            if not 0 < value <= 1:
                raise UsageError(
                    f"'{name}' can't be {value}",
                    "it is a Jaccard similarity, above 0 and at most 1",
                    "Set it between 0.4 and 0.9.",
                )
        self._thresholds = completions, sections
        self._sets: dict[str, _Seen] = {}

    def __call__(self, row: Row) -> Verdict:
        """Tell whether a row is new; the detail of the reason is the earlier row's id."""
        seen = self._sets.get(row.shape)
        if seen is None:
            seen = self._sets[row.shape] = _Seen(*self._thresholds)
        return seen.judge(row)


class _Seen:
    """What is remembered of the rows of one shape."""

    def __init__(self, completions: float, sections: float) -> None:
        self._ids = Names()
        self._digests = _Digests()
        self._prompts = Columns(1, np.uint64)
        # The bands miss a text of similarity 0.5 once in 100 times, a section of similarity 0.8
        # once in 14, and one of 0.9 once in 500.
        self._texts = _Near(completions, bins=_TEXT_BINS, bands=16, rows=2)
        self._sections = _Near(sections, bins=_SECTION_BINS, bands=5, rows=4)

    def judge(self, row: Row) -> Verdict:
        prompt = _digest(*(part for each in row.prompt for part in (each.role, each.content)))
        shared = row.shape in ("pair", "steps")
        whole = _digest(prompt, *_texts(row)) if shared else prompt
        earlier = self._digests.find(whole)
        if earlier >= 0:
            return False, Reason(SAME_ROW if shared else SAME_PROMPT, self._ids[earlier])
        texts, sections = _sketches(row.text)
        key = np.frombuffer(prompt[:8], np.uint64)
        found = [
            (self._texts, NEAR_TEXT, self._texts.describe(texts)),
            (self._sections, NEAR_SECTION, self._sections.describe(sections)),
        ]
        fresh = []
        for near, reason, items in found:
            which, owners = near.find(items)
            if shared and len(owners):
                owners = owners[self._prompts.take(owners)[:, 0] != key]
            if len(owners):
                return False, Reason(reason, self._ids[int(owners.min())])
            # What the same prompt already has is not entered again, or many such rows take long.
            fresh.append((near, items.without(which)))
        number = len(self._ids)
        self._ids.add(row.id)
        self._digests.add(whole, number)
        self._prompts.add(key[None])
        for near, items in fresh:
            near.add(items, number)
        return True


def _texts(row: Row) -> Iterator[str]:
    yield from (row.completion, row.chosen, row.rejected)
    for text, good in row.steps:
        yield from (text, str(good))


def _digest(*parts: str | bytes) -> bytes:
    """Return 16 bytes that stand for some strings; how much white space there is doesn't matter."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, str):
            part = " ".join(part.split()).encode("utf-8", "surrogatepass")
        found.update(len(part).to_bytes(8, "little") + part)
    return found.digest()


def _sketches(text: str) -> tuple[Hashes, Hashes]:
    """Return the sketch of a text and those of its sections, as far as they are long enough."""
    words = hash_words(text)
    grams = hash_ngrams(words.hashes, NGRAM)
    none = np.zeros((0, _TEXT_BINS), np.uint64), np.zeros((0, _SECTION_BINS), np.uint64)
    if len(words) < LEAST_TEXT:
        return none
    whole = sketch(grams, np.zeros(len(grams), np.int64), 1, _TEXT_BINS)
    edges = [edge for _, span in cut_sections(text) for edge in (span.start, span.end)]
    bounds = words.starts.searchsorted(edges).reshape(-1, 2).tolist()
    members = [
        grams[first : last - NGRAM + 1] for first, last in bounds if last - first >= LEAST_SECTION
    ]
    if not members:
        return whole, none[1]
    owners = np.repeat(np.arange(len(members)), [len(each) for each in members])
    return whole, sketch(np.concatenate(members), owners, len(members), _SECTION_BINS)


class _Digests:
    """Digests of 16 bytes, found again by their first 4 and compared by all."""

    def __init__(self) -> None:
        self._column = Columns(16, np.uint8)
        self._index = Index()

    def find(self, digest: bytes) -> int:
        """Return the number of a digest, -1 where there is none."""
        _, numbers = self._index.find(np.frombuffer(digest[:4], np.uint32))
        same = (self._column.take(numbers) == np.frombuffer(digest, np.uint8)).all(axis=1)
        return int(numbers[same].min()) if same.any() else -1

    def add(self, digest: bytes, number: int) -> None:
        self._column.add(np.frombuffer(digest, np.uint8)[None])
        self._index.add(np.frombuffer(digest[:4], np.uint32), np.array([number]))


@dataclass(frozen=True, slots=True)
class _Items:
    """Sketches to be found or entered: one byte of each bin, and a key for each band."""

    bytes: NDArray[np.uint8]
    keys: NDArray[np.uint32]

    def without(self, which: Ints) -> _Items:
        """Return the same without some of them."""
        if not len(which):
            return self
        kept = np.ones(len(self.bytes), np.bool_)
        kept[which] = False
        return _Items(self.bytes[kept], self.keys[kept])


class _Near:
    """Sketches, one byte kept of each bin (Li and König 2010, arXiv:0910.3349)."""

    def __init__(self, threshold: float, *, bins: int, bands: int, rows: int) -> None:
        self._needed = bins * (threshold + (1 - threshold) / 256)  # chance makes bytes equal too
        self._bands, self._rows = bands, rows
        self._bytes = Columns(bins, np.uint8)
        self._owners = Columns(1, np.uint32)
        self._index = Index()

    def describe(self, sketches: Hashes) -> _Items:
        """Return what is kept of sketches."""
        rows = sketches[:, : self._bands * self._rows].reshape(-1, self._bands, self._rows)
        keys = rows[:, :, 0]
        for place in range(1, self._rows):
            keys = keys * np.uint64(0xD6E8FEB86659FD93) + rows[:, :, place]
        return _Items(sketches.astype(np.uint8), (keys >> np.uint64(32)).astype(np.uint32))

    def find(self, items: _Items) -> tuple[Ints, Ints]:
        """Return which of the items are like an earlier one, and the rows of those, paired."""
        places, numbers = self._index.find(items.keys.reshape(-1))
        if not len(numbers):
            return numbers, numbers
        pairs = np.unique(np.stack((places // self._bands, numbers), axis=1), axis=0)
        alike = (items.bytes[pairs[:, 0]] == self._bytes.take(pairs[:, 1])).sum(axis=1)
        pairs = pairs[alike >= self._needed]
        return pairs[:, 0], self._owners.take(pairs[:, 1])[:, 0].astype(np.int64)

    def add(self, items: _Items, owner: int) -> None:
        """Enter the items of a row."""
        count = len(items.bytes)
        numbers = np.arange(len(self._owners), len(self._owners) + count)
        self._index.add(items.keys.reshape(-1), np.repeat(numbers, self._bands))
        self._owners.add(np.full((count, 1), owner))
        self._bytes.add(items.bytes)
