"""What a text says again: loops at its tail, passages it or its neighbours already hold.

A model that loops fills its whole token cap with one sentence, and a model that forgets writes the
same section twice; both are found without a model, in time linear in the text. Words are compared
in lower case and punctuation is passed over; CJK characters count one by one. The passages
compared leave out headings, block quotes and code, which a document may well repeat.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from longwrite.scoring.units import PARTS, UNIT
from longwrite.text import blocks, visible, words
from longwrite.types import Score, Span

LOOP_WORDS = 40
"""Words that all repetitions together need to be a loop."""
LOOP_REPEATS = 3
LOOP_PERIOD = 2_000
"""Longest repeated passage that is looked for, in words."""
STALL = 3_000
"""Characters without any word that are a loop too: dashes, dots or blank lines for ever."""

_SENTENCE_ENDS = frozenset(".!?…。！？\n")


class _Symbols(dict[str, int]):
    """A number for each word, 0 for all whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def __missing__(self, word: str) -> int:
        plain = word.lower()
        if word.isdecimal():
            symbol = 0
        elif plain != word:
            symbol = self[plain]
        else:
            self._count = symbol = self._count + 1
        self[word] = symbol
        return symbol


class _Values(dict[str, int]):
    """The value of a whole number, -1 for a word."""

    def __missing__(self, word: str) -> int:
        value = self[word] = int(word) if word.isdecimal() else -1
        return value


_NO_NUMBER = array("q", [-1])


class _Units:
    """The words of a growing text as numbers; all whole numbers are one symbol.

    Attributes:
        symbols: One number for each word.
        numbers: The value of a whole number, -1 for a word.
        starts: Offset of each word.
        read: Where the last word ends.
    """

    def __init__(self) -> None:
        self.symbols = array("q")
        self.numbers = array("q")
        self.starts = array("q")
        self.read = 0
        self._symbols, self._values = _Symbols(), _Values()

    def forget_last(self) -> None:
        """Forget the last word."""
        for column in (self.symbols, self.numbers, self.starts):
            column.pop()

    def extend(self, text: str, end: int, *, final: bool) -> None:
        """Read on to `end`; a word that may go on after it is read only when it is final."""
        parts = PARTS.split(text[self.read : end])  # gap, word, gap, word, …, gap
        ends = list(accumulate(map(len, parts), initial=self.read))
        words = parts[1::2]
        # An apostrophe may be the last character.
        while words and not final and ends[2 * len(words)] >= end - 1:
            words.pop()
        if not words:
            return
        symbols = array("q", map(self._symbols.__getitem__, words))
        self.symbols.extend(symbols)
        if 0 in symbols:
            self.numbers.extend(map(self._values.__getitem__, words))
        else:
            self.numbers.extend(_NO_NUMBER * len(words))
        self.starts.extend(ends[1 : 2 * len(words) : 2])
        self.read = ends[2 * len(words)]


def find_loop(text: str) -> int | None:
    """Return where the loop that a text ends in begins to repeat itself, None without a loop.

    A loop is a passage of at most `LOOP_PERIOD` words that follows itself up to the end, at least
    `LOOP_REPEATS` times and over at least `LOOP_WORDS` words; the last time may be cut short.
    Whole numbers may differ where they count up by one ("Item 7", "Item 8"). Also a loop is a tail
    of `STALL` characters without any word.

    Returns:
        The offset of the second repetition, so that `text[:offset]` keeps the passage once.
    """
    return _final_loop(text, _Units())


class LoopWatch:
    """Looks for a loop at fixed places of a growing text, each place once.

    What it finds depends on the text alone and not on the pieces it came in: stopping a stream on
    it and cutting there gives what `find_early_loop` gives for the finished text.

    Attributes:
        offset: Where to cut the text; None while there is no loop.
    """

    def __init__(self, step: int = 2_000) -> None:
        """Look at every `step` characters."""
        self.offset: int | None = None
        self._step = self._next = step
        self._units = _Units()

    def __call__(self, accumulated: str) -> bool:
        """Tell whether the text so far runs in a loop."""
        while self.offset is None and self._next <= len(accumulated):
            self._units.extend(accumulated, self._next, final=False)
            self.offset = _loop(accumulated, self._next, self._units)
            self._next += self._step
        return self.offset is not None

    def finish(self, text: str) -> int | None:
        """Look at the end of the finished text as well, and return where to cut it."""
        if not self(text):
            self.offset = _final_loop(text, self._units)
        return self.offset


def find_early_loop(text: str, step: int = 2_000) -> int | None:
    """Return where to cut the first loop that shows at a multiple of `step` characters or the end.

    It finds what `find_loop` finds for the text up to there: a loop that a text left again too.
    """
    return LoopWatch(step).finish(text)


def _final_loop(text: str, units: _Units) -> int | None:
    units.extend(text, len(text), final=True)
    offset = _loop(text, len(text), units)
    if offset is None and text[-1:].isalnum() and units.starts:
        units.forget_last()  # it may be half a word
        offset = _loop(text, len(text), units)
    return offset


def _loop(text: str, end: int, units: _Units) -> int | None:
    if end - units.read > STALL and not UNIT.search(text, units.read, end):
        return units.read + 3  # room for a full stop and its closing quotes
    period = _period(units)
    if not period:
        return None
    symbols, values = units.symbols, units.numbers
    first = len(symbols) - 1
    while first >= period and _follows(symbols, values, first, period):
        first -= 1
    # What stood before may happen to end like the loop, so its repetition begins with a sentence.
    start = first + 1
    for index in range(start, min(start + period, len(symbols))):
        if _begins_sentence(text, units.starts[index]):
            return units.starts[index]
    return units.starts[start]


def _follows(symbols: Sequence[int], values: Sequence[int], index: int, period: int) -> bool:
    """Tell whether the word at `index` is the one a period before, or the number after it."""
    return (
        symbols[index] == symbols[index - period]
        and 0 <= values[index] - values[index - period] <= 1
    )


def _begins_sentence(text: str, start: int) -> bool:
    before = text[max(0, start - 40) : start]
    gap = before[max((i + 1 for i, char in enumerate(before) if char.isalnum()), default=0) :]
    return not _SENTENCE_ENDS.isdisjoint(gap)


def _period(units: _Units) -> int:
    """Return the shortest period that the units end in, 0 without one.

    A word sequence has period p over a stretch when the stretch equals itself p words before.
    Rolling hashes compare all periods at once; those that agree are compared word by word.
    """
    import numpy as np

    reach = LOOP_REPEATS * LOOP_PERIOD
    symbols = np.array(units.symbols[-reach:], dtype=np.uint64)
    values = np.array(units.numbers[-reach:], dtype=np.int64)
    size = len(symbols)
    if size < LOOP_WORDS:
        return 0
    base = np.uint64(0x9E3779B97F4A7C15)
    powers = np.cumprod(np.full(size + 1, base))
    sums = np.concatenate(
        (np.zeros(1, np.uint64), np.cumsum((symbols + np.uint64(1)) * powers[:size]))
    )
    periods = np.arange(1, size // LOOP_REPEATS + 1)
    lengths = np.maximum((LOOP_REPEATS - 1) * periods, LOOP_WORDS - periods)
    periods, lengths = periods[periods + lengths <= size], lengths[periods + lengths <= size]
    tails = sums[size] - sums[size - lengths]
    befores = (sums[size - periods] - sums[size - periods - lengths]) * powers[periods - 1]
    periods = periods[tails == befores]
    # Where all is numbers all periods agree, so the last values decide which to look at.
    recent = np.lib.stride_tricks.sliding_window_view(values, LOOP_WORDS // 2)
    steps = recent[-1] - recent[len(recent) - 1 - periods]
    periods = periods[((steps == 0) | (steps == 1)).all(axis=1)]
    for period in periods[:50].tolist():
        length = max((LOOP_REPEATS - 1) * period, LOOP_WORDS - period)
        tail, before = slice(size - length, size), slice(size - period - length, size - period)
        steps = values[tail] - values[before]
        if np.array_equal(symbols[tail], symbols[before]) and ((steps == 0) | (steps == 1)).all():
            return int(period)
    return 0


class NgramIndex:
    """The passages of the texts written so far, to find what a new text takes from them.

    Adding costs time and memory linear in the text added; asking, linear in the text asked about.
    """

    def __init__(self, n: int = 10) -> None:
        """Compare passages of `n` words."""
        self.n = n
        self._first: dict[int, str] = {}

    def add(self, name: str, text: str) -> None:
        """Take in a text under a name."""
        for gram in _read(text, self.n).grams:
            self._first.setdefault(gram, name)

    def where(self, text: str) -> list[tuple[str, Span]]:
        """Return the passages that an earlier text has, each with the name of the first such."""
        read = _read(text, self.n)
        return [
            (name, _span(read.prose, first, last))
            for name, first, last in _passages(self._names(read), self.n)
        ]

    def coverage(self, text: str) -> Score:
        """Score 1 minus the share of a text's n-grams that an earlier text has.

        The value is None for a text of fewer than `n` words.
        """
        read = _read(text, self.n)
        prose, names = read.prose, self._names(read)
        if not names:
            return Score("overlap", None, note=f"Fewer than {self.n} words.")
        share = sum(name is not None for name in names) / len(names)
        return Score(
            "overlap",
            1.0 - share,
            {"covered": share, "n": self.n, "words": len(prose)},
            f"{share:.1%} of the {self.n}-grams stand in an earlier text.",
            tuple(_span(prose, first, last) for _, first, last in _passages(names, self.n)),
        )

    def _names(self, read: _Read) -> list[str | None]:
        return [self._first.get(gram) for gram in read.grams]


def overlap(text: str, earlier: str | Iterable[str], n: int = 10) -> Score:
    """Score 1 minus the share of a text's n-grams that earlier texts have, with the passages.

    The value is None for a text of fewer than `n` words.
    """
    index = NgramIndex(n)
    for each in [earlier] if isinstance(earlier, str) else earlier:
        index.add("", each)
    return index.coverage(text)


def duplicated_coverage(text: str, n: int = 10) -> Score:
    """Score 1 minus the share of words inside n-grams that the text has twice or more.

    The value is None for a text of fewer than `n` words.
    """
    prose, grams = _read(text, n)
    if not grams:
        return Score("duplication", None, note=f"Fewer than {n} words.")
    counts = Counter(grams)
    passages = _passages(["" if counts[gram] > 1 else None for gram in grams], n)
    share = sum(last - first for _, first, last in passages) / len(prose)
    return Score(
        "duplication",
        1.0 - share,
        {"covered": share, "n": n, "words": len(prose)},
        f"{share:.1%} of the words stand in {n}-grams that come twice.",
        tuple(_span(prose, first, last) for _, first, last in passages),
    )


def duplicate_paragraphs(text: str, least: int = 30) -> list[Span]:
    """Return the paragraphs of at least `least` words that the text has before, word by word."""
    seen: set[tuple[str, ...]] = set()
    found = []
    for block in blocks(text):
        if block.kind not in ("paragraph", "list"):
            continue
        key = tuple(words(visible(block.text)))
        if len(key) >= least and key in seen:
            found.append(Span(block.start, block.start + len(block.text)))
        seen.add(key)
    return found


_Word = tuple[str, int, int]  # in lower case, start, end


class _Read(NamedTuple):
    """The words of a text's passages, and the hash of each n-gram."""

    prose: list[_Word]
    grams: list[int]


_REMEMBERED = 40_000
"""Characters of a text up to which it is remembered: a section is compared many times."""


def _read(text: str, n: int) -> _Read:
    return _remember(text, n) if len(text) <= _REMEMBERED else _read_anew(text, n)


def _read_anew(text: str, n: int) -> _Read:
    prose = _prose(text)
    tokens = [word for word, _, _ in prose]
    grams = zip(*(tokens[shift:] for shift in range(n)), strict=False)
    return _Read(prose, [hash(gram) for gram in grams])


_remember = lru_cache(maxsize=8)(_read_anew)


def _prose(text: str) -> list[_Word]:
    spans = [
        (block.start, block.start + len(block.text))
        for block in blocks(text)
        if block.kind in ("paragraph", "list", "table")
    ]
    found = [match for start, end in spans for match in UNIT.finditer(text, start, end)]
    return [(match.group().lower(), *match.span()) for match in found]


def _passages(names: list[str | None], n: int) -> list[tuple[str, int, int]]:
    """Join n-grams of one name that touch; each is (name, first word, word after the last)."""
    found: list[tuple[str, int, int]] = []
    for index, name in enumerate(names):
        if name is None:
            continue
        if found and found[-1][0] == name and index <= found[-1][2]:
            found[-1] = (name, found[-1][1], index + n)
        else:
            found.append((name, index, index + n))
    return found


def _span(prose: list[_Word], first: int, last: int) -> Span:
    return Span(prose[first][1], prose[last - 1][2])
