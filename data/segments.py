"""Cutting a text into pieces that can be read and written one at a time."""

from __future__ import annotations

from longwrite.text import blocks, count_words


def cut_segments(text: str, words: int) -> list[str]:
    r"""Return a text in segments of about so many words, cut where its blocks and sections end.

    A heading begins a segment unless the one before it is less than half full, and stays with what
    follows it; a block is never cut. Joined by blank lines the segments are the text, blank lines
    between its blocks aside.

    >>> cut_segments("# A\n\none two\n\nthree four\n\n# B\n\nfive", 4)
    ['# A\n\none two', 'three four', '# B\n\nfive']
    """
    found: list[list[str]] = []
    size = 0
    after_heading = False
    for part in blocks(text):
        count = count_words(part.text)
        heading = part.kind == "heading"
        full = size and not after_heading and size + count > words
        if not found or full or (heading and not after_heading and 2 * size >= words):
            found.append([])
            size = 0
        found[-1].append(part.text)
        size += count
        after_heading = heading
    return ["\n\n".join(pieces) for pieces in found]
