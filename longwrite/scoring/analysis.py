"""A text, read once: all measures share its words, sentences, paragraphs and sections.

Each part is found when it is first asked for and kept. Offsets are those of the text itself, so
that whatever a measure finds can be shown in its place. Prose is what is measured for repetition,
diversity and coherence: tables, code, headings and front matter are left out, since they repeat by
nature; but a text that is mostly tables or code is taken whole, so that nothing hides in a fence.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from longwrite.scoring.sections import cut_sections
from longwrite.scoring.structure import Heading, headings
from longwrite.scoring.suffixes import Suffixes, sort_suffixes
from longwrite.scoring.units import PARTS
from longwrite.text import Block, BlockKind, blocks, front_matter_end, paragraph_spans, sentences
from longwrite.types import Span

_MARKS = re.compile("[.!?…。！？]+")
"""What every sentence but the last of a paragraph has."""
_LEFT_OUT: frozenset[BlockKind] = frozenset({"code", "table", "heading", "rule"})

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Words:
    """The words of the prose, in order, in lower case.

    Attributes:
        symbols: A number for each word, the same for the same word; counted from 0 as they come.
        starts: Offset of each in the text.
        ends: Offset behind each.
        vocabulary: The words that the numbers stand for.
    """

    symbols: Ints
    starts: Ints
    ends: Ints
    vocabulary: tuple[str, ...]

    def __len__(self) -> int:
        """Return how many words there are."""
        return len(self.symbols)

    def span(self, first: int, last: int) -> Span:
        """Return the characters of the words from `first` up to, not including, `last`."""
        return Span(int(self.starts[first]), int(self.ends[last - 1]))

    def index(self, offsets: Ints) -> Ints:
        """Return, for each offset, the number of words that begin before it."""
        return np.searchsorted(self.starts, offsets)


@dataclass(frozen=True, slots=True)
class Piece:
    """A section of the text: its title, its characters with the heading, and its words."""

    title: str
    span: Span
    first: int
    last: int


class Analysis:
    """A text and what was found in it so far; safe to share between measures of one process."""

    def __init__(self, text: str) -> None:
        """Keep the text; nothing is read yet."""
        self.text = text

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of the text, front matter left out."""
        start = front_matter_end(self.text)
        if not start:
            return tuple(blocks(self.text))
        found = blocks(self.text[start:])
        return tuple(Block(block.kind, block.text, block.start + start) for block in found)

    @cached_property
    def headings(self) -> tuple[Heading, ...]:
        """The headings, in order."""
        return tuple(headings(self.text))

    @cached_property
    def prose_blocks(self) -> tuple[Block, ...]:
        """The blocks that are measured."""
        sizes: dict[BlockKind, int] = defaultdict(int)
        for kind, text, _ in self.blocks:
            sizes[kind] += len(text)
        prose = sum(size for kind, size in sizes.items() if kind not in _LEFT_OUT)
        hidden = sizes["code"] + sizes["table"] > prose
        left_out = _LEFT_OUT - {"code", "table"} if hidden else _LEFT_OUT
        return tuple([block for block in self.blocks if block.kind not in left_out])

    @cached_property
    def prose(self) -> str:
        """The text up to its last prose, with line breaks for all before it that is not prose."""
        parts: list[str] = []
        end = 0
        for block in self.prose_blocks:
            parts += ["\n" * (block.start - end), block.text]
            end = block.start + len(block.text)
        return "".join(parts)

    @cached_property
    def words(self) -> Words:
        """The words of the prose."""
        numbers = _Numbers()
        parts = PARTS.split(self.prose)  # gap, word, gap, word, …, gap
        ends = np.fromiter(map(len, parts), np.int64, len(parts)).cumsum()
        found = parts[1::2]
        symbols = np.fromiter(map(numbers.__getitem__, found), np.int64, len(found))
        return Words(symbols, ends[:-1:2], ends[1::2], numbers.vocabulary())

    @cached_property
    def suffixes(self) -> Suffixes:
        """The sorted suffixes of the words, for all that is said twice."""
        return sort_suffixes(self.words.symbols)

    @cached_property
    def paragraphs(self) -> Ints:
        """Start and end of each paragraph of the prose, shape (n, 2).

        A list is one paragraph, and lines wrapped by hand belong together.
        """
        found: list[tuple[int, int]] = []
        for kind, text, start in self.prose_blocks:
            if kind == "list" or "\n" not in text:
                found.append((start, start + len(text)))
            else:
                found += paragraph_spans(text, start)
        return _stack(found)

    @cached_property
    def paragraph_bounds(self) -> Ints:
        """For each paragraph its first word and the word behind its last, shape (n, 2)."""
        return self.words.index(self.paragraphs)

    @cached_property
    def sentences(self) -> Ints:
        """Start and end of each sentence of the prose, shape (n, 2)."""
        marks = np.array([match.start() for match in _MARKS.finditer(self.text)], np.int64)
        before = np.searchsorted(marks, self.paragraphs)
        cut = before[:, 0] < before[:, 1]
        found: list[tuple[int, int]] = []
        for start, end in self.paragraphs[cut].tolist():
            for piece in sentences(self.text[start:end]):
                found.append((start, start + len(piece)))
                start += len(piece)
        whole = self.paragraphs[~cut]
        return np.sort(np.concatenate((whole, _stack(found))), axis=0, kind="stable")

    @cached_property
    def sentence_bounds(self) -> Ints:
        """For each sentence its first word and the word behind its last, shape (n, 2)."""
        return self.words.index(self.sentences)

    @cached_property
    def sections(self) -> tuple[Piece, ...]:
        """The sections: the headings of the shallowest level that repeats, or ``#*#`` blocks.

        A text that has neither is one section.
        """
        found = cut_sections(self.text) or [("", Span(0, len(self.text)))]
        bounds = self.words.index(_stack([(span.start, span.end) for _, span in found]))
        return tuple(
            Piece(title, span, first, last)
            for (title, span), (first, last) in zip(found, bounds.tolist(), strict=True)
        )


class _Numbers(dict[str, int]):
    """Numbers for words, however they are written, in the order in which they come."""

    def __init__(self) -> None:
        super().__init__()
        self._plain: dict[str, int] = {}

    def __missing__(self, word: str) -> int:
        number = self[word] = self._plain.setdefault(word.lower(), len(self._plain))
        return number

    def vocabulary(self) -> tuple[str, ...]:
        return tuple(self._plain)


def _stack(pairs: list[tuple[int, int]]) -> Ints:
    return np.fromiter(chain.from_iterable(pairs), np.int64, 2 * len(pairs)).reshape(-1, 2)
