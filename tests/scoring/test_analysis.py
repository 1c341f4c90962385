"""A text is read once, its offsets are its own, and what is no prose is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.scoring.analysis import Analysis
from longwrite.scoring.sections import MOST

TEXT = """---
title: Boats
---

# On boats

## The hull

The hull is built first. It takes a winter.
Nobody counts the days.

| part | days |
|------|------|
| hull | 90   |

```python
print("hull hull hull")
```

## The mast

- one mast
- no sail
"""


def test_words_are_those_of_the_prose_and_stand_where_they_say() -> None:
    analysis = Analysis(TEXT)
    words = analysis.words
    found = [TEXT[a:b].lower() for a, b in zip(words.starts, words.ends, strict=True)]
    wanted = "the hull is built first it takes a winter nobody counts the days one mast no sail"
    assert found == wanted.split()
    first = words.span(0, 2)
    assert TEXT[first.start : first.end] == "The hull"


def test_sections_paragraphs_and_sentences_are_found() -> None:
    analysis = Analysis(TEXT)
    assert [piece.title for piece in analysis.sections] == ["The hull", "The mast"]
    sizes = [piece.last - piece.first for piece in analysis.sections]
    assert sizes == [13, 4]
    sentences = [TEXT[start:end].strip() for start, end in analysis.sentences]
    assert sentences[:2] == ["The hull is built first.", "It takes a winter."]
    assert analysis.sentence_bounds[0].tolist() == [0, 5]


def test_sentences_come_in_order_with_paragraphs_that_have_no_mark() -> None:
    text = "No mark\n\nOne. Two.\n\nNone here\n\nThree!"
    found = [text[start:end] for start, end in Analysis(text).sentences]
    assert found == ["No mark", "One. ", "Two.", "None here", "Three!"]


def test_beyond_so_many_headings_nothing_is_a_section() -> None:
    text = "## a\n" * (MOST + 1) + "Act 1\n\nA.\n\nAct 2\n\nB."
    assert [piece.title for piece in Analysis(text).sections] == [""]
    assert len(Analysis(text[5:]).sections) == MOST


def test_a_text_that_hides_in_a_fence_is_read_all_the_same() -> None:
    analysis = Analysis("```\n" + "The hull is built first. " * 40 + "\n```\n")
    assert len(analysis.words) == 200


@pytest.mark.parametrize("text", ["", "\n\n", "\x00", "# only\n## headings", "#*#"])
def test_a_text_without_words_is_no_trouble(text: str) -> None:
    analysis = Analysis(text)
    assert len(analysis.words) == 0
    assert len(analysis.paragraph_bounds) == len(analysis.paragraphs)
    assert len(analysis.sections) == 1 or text.startswith("#")


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_every_word_is_in_the_text(text: str) -> None:
    analysis = Analysis(text)
    words = analysis.words
    assert all(own in ("\n", char) for own, char in zip(analysis.prose, text, strict=False))
    for symbol, start, end in zip(words.symbols, words.starts, words.ends, strict=True):
        assert text[start:end].lower() == words.vocabulary[symbol]
