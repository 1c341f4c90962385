"""What measures compare as words, the same for all of them.

Other than the words that are counted for a reader, these have a longest size, so that scripts
without spaces and "aaaa…" have words as well.
"""

from __future__ import annotations

import re

from longwrite.text import CJK

_LETTER = rf"[^\W\d_{CJK}]"
UNIT = re.compile(
    r"[a-zA-Z]{1,24}+(?![^\W\d_]|['’])"  # the second says the same of all scripts, slower
    rf"|{_LETTER}{{1,24}}(?:['’]{_LETTER}{{1,24}})?|\d{{1,18}}|[{CJK}\U0001f300-\U0001faff]"
)
"""A CJK character, an emoji, a number or a run of letters."""

PARTS = re.compile(f"({UNIT.pattern})")
"""Splits a text into gap, unit, gap, unit, …, gap."""
