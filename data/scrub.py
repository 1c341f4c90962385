"""Takes out of a row what no reader of the text should see: tags, greetings, word counts."""

from __future__ import annotations

from dataclasses import replace

from longwrite.data.rows import Row
from longwrite.scoring.leaks import scrub
from longwrite.text import count_words


def scrub_row(row: Row) -> Row:
    """Return a row whose texts are scrubbed, the row itself where there is nothing to take out.

    Prompts, refusals and error messages stay as they are: a prompt is its author's, and the others
    can't be mended, only dropped. A target that was the length of the text is measured anew, and
    how many characters went is told in provenance as ``scrubbed``.
    """
    scrubbed = replace(
        row,
        completion=scrub(row.completion),
        chosen=scrub(row.chosen),
        rejected=scrub(row.rejected),
        steps=tuple((scrub(text), good) for text, good in row.steps),
    )
    gone = _size(row) - _size(scrubbed)
    if scrubbed == row:
        return row
    target = row.target
    if target is not None and target == count_words(row.text):
        target = count_words(scrubbed.text)
    return replace(scrubbed, target=target, provenance={**row.provenance, "scrubbed": gone})


def _size(row: Row) -> int:
    texts = (row.completion, row.chosen, row.rejected, *(text for text, _ in row.steps))
    return sum(map(len, texts))
