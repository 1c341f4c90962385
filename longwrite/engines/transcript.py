"""Turns tokens into text while they come, for whoever watches an answer being written.

A character may be spread over several tokens, and some tokenizers drop the space before the first
token they are given: so the piece before is decoded along, and an unfinished character waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_LONGEST_WAIT = 16


def decode_tokens(tokenizer: Any, tokens: Sequence[int]) -> str:
    """Return the text of tokens, without the special ones."""
    text = tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return str(text)


class Transcript:
    """The text of a growing list of tokens.

    Attributes:
        text: All characters that are complete.
    """

    def __init__(self, tokenizer: Any, head: str = "") -> None:
        """Begin with `head`, which the tokens continue."""
        self.text = head
        self._tokenizer = tokenizer
        self._before = 0
        self._read = 0

    def follow(self, tokens: Sequence[int]) -> str:
        """Read the tokens that are new since the last call, and return the text so far."""
        before = decode_tokens(self._tokenizer, tokens[self._before : self._read])
        now = decode_tokens(self._tokenizer, tokens[self._before :])
        # Bytes that never become a character mustn't pile up.
        if not now.endswith("\ufffd") or len(tokens) - self._read > _LONGEST_WAIT:
            self.text += now[len(before) :]
            self._before, self._read = self._read, len(tokens)
        return self.text
