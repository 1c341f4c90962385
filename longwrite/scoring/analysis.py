"""A text, read once: all measures share its words, sentences, paragraphs and sections.

Each part is found when it is first asked for and kept. Offsets are those of the text itself, so
that whatever a measure finds can be shown in its place. Prose is what is measured for repetition,
diversity and coherence: tables, code, headings and front matter are left out, since they repeat by
nature; but a text that is mostly tables or code is taken whole, so that nothing hides in a fence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from longwrite.scoring.sections import cut_sections
from longwrite.scoring.structure import Heading, headings
from longwrite.scoring.suffixes import Suffixes, sort_suffixes
from longwrite.scoring.units import PARTS
from longwrite.text import Block, blocks, front_matter_end, paragraph_spans, sentences
from longwrite.types import Span

_MARK = re.compile("[.!?…。！？]")
"""What every sentence but the last of a paragraph has."""
_LEFT_OUT = frozenset({"code", "table", "heading", "rule"})

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
        kept = [block for block in self.blocks if block.kind not in _LEFT_OUT]
        apart = [block for block in self.blocks if block.kind in ("code", "table")]
        if sum(len(block.text) for block in apart) > sum(len(block.text) for block in kept):
            kept = [block for block in self.blocks if block.kind not in ("heading", "rule")]
        return tuple(kept)

    @cached_property
    def prose(self) -> str:
        """The text with line breaks for all that is not prose: as long as the text."""
        parts: list[str] = []
        end = 0
        for block in self.prose_blocks:
            parts += ["\n" * (block.start - end), block.text]
            end = block.start + len(block.text)
        return "".join([*parts, "\n" * (len(self.text) - end)])

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
    def paragraphs(self) -> tuple[Span, ...]:
        """The paragraphs of the prose; a list is one, lines wrapped by hand belong together."""
        found: list[Span] = []
        for block in self.prose_blocks:
            if block.kind == "list" or "\n" not in block.text:
                found.append(Span(block.start, block.start + len(block.text)))
            else:
                spans = paragraph_spans(block.text)
                found += [Span(block.start + start, block.start + end) for start, end in spans]
        return tuple(found)

    @cached_property
    def paragraph_bounds(self) -> Ints:
        """For each paragraph its first word and the word behind its last, shape (n, 2)."""
        return _bound(self.words, self.paragraphs)

    @cached_property
    def sentences(self) -> tuple[Span, ...]:
        """The sentences of the prose."""
        found: list[Span] = []
        for paragraph in self.paragraphs:
            start = paragraph.start
            if not _MARK.search(self.text, start, paragraph.end):
                found.append(paragraph)
                continue
            for piece in sentences(self.text[paragraph.start : paragraph.end]):
                found.append(Span(start, start + len(piece)))
                start += len(piece)
        return tuple(found)

    @cached_property
    def sentence_bounds(self) -> Ints:
        """For each sentence its first word and the word behind its last, shape (n, 2)."""
        return _bound(self.words, self.sentences)

    @cached_property
    def sections(self) -> tuple[Piece, ...]:
        """The sections: the headings of the shallowest level that repeats, or ``#*#`` blocks.

        A text that has neither is one section.
        """
        found = cut_sections(self.text) or [("", Span(0, len(self.text)))]
        bounds = _bound(self.words, [span for _, span in found])
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


def _bound(words: Words, spans: tuple[Span, ...] | list[Span]) -> Ints:
    count = len(spans)
    starts = np.fromiter((span.start for span in spans), np.int64, count)
    ends = np.fromiter((span.end for span in spans), np.int64, count)
    return words.index(np.stack((starts, ends), axis=1))
