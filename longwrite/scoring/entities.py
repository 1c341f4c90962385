"""Names and how they live in a text: where they appear, vanish and return, section by section.

A name is a run of capitalised words that stands inside sentences too; where a language has no
capitals, there is nothing to find and nothing is claimed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass

from longwrite.scoring.analysis import Analysis
from longwrite.types import Score

_WORD = r"[A-Z][a-zà-öø-ÿ'’-]+"
_NAME = re.compile(rf"(?<![\w'’]){_WORD}(?:[ \n](?:(?:of|de|van|von|la|du|al)[ \n])?{_WORD})*")
_OPENING = re.compile(r"[.!?…:;\"“”‘(\[*_#>|-]\s*\Z|\A\s*\Z|\n\s*\Z")
_LEAST = 3
"""Times from which on a name counts."""
_NO_NAMES = """
    i i'm i'd i'll i've monday tuesday wednesday thursday friday saturday sunday january february
    march april may june july august september october november december english mr mrs ms dr
    chapter section part act scene the a an"""
_PLAIN = frozenset(_NO_NAMES.split())


@dataclass(frozen=True, slots=True)
class Life:
    """A name and the sections that it stands in.

    Attributes:
        name: As it is written.
        times: How often it stands.
        sections: Numbers of the sections, rising.
    """

    name: str
    times: int
    sections: tuple[int, ...]

    @property
    def gaps(self) -> int:
        """How many times it vanishes for at least one section and returns."""
        return sum(b - a > 1 for a, b in zip(self.sections, self.sections[1:], strict=False))


def find_names(analysis: Analysis) -> list[Life]:
    """Return the names of a text, the most frequent first.

    A word that is also written without a capital, or stands at the beginning of sentences only, is
    no name.
    """
    text = analysis.prose
    if not _NAME.search(text):
        return []
    starts = [piece.span.start for piece in analysis.sections]
    places: dict[str, list[int]] = defaultdict(list)
    inside: set[str] = set()
    lower = set(analysis.words.vocabulary) - _capitalised(text)
    for match in _NAME.finditer(text):
        name = " ".join(match.group().split())
        opens = bool(_OPENING.search(text, max(0, match.start() - 4), match.start()))
        if name.lower() in _PLAIN:
            continue
        if opens and " " not in name and name.lower() in lower:
            continue
        if not opens:
            inside.add(name)
        places[name].append(match.start())
    found = []
    for name, offsets in places.items():
        if len(offsets) < _LEAST or name not in inside:
            continue
        sections = sorted({max(0, bisect_right(starts, offset) - 1) for offset in offsets})
        found.append(Life(name, len(offsets), tuple(sections)))
    return sorted(found, key=lambda life: (-life.times, life.name))


def _capitalised(text: str) -> set[str]:
    """Return the words, in lower case, that never stand in lower case."""
    plain = set(re.findall(r"(?<!\w)[a-zà-öø-ÿ][\w'’]*", text))
    return {word.lower() for word in re.findall(r"(?<!\w)[A-Z][\w'’]*", text)} - plain


def measure_entities(analysis: Analysis) -> Score:
    """Score how many of the names of the first half live on in the second.

    A text spliced together of two has no names in common. None without two sections, or where
    fewer than three names stand in the first half.
    """
    count = len(analysis.sections)
    lives = find_names(analysis)
    parts = {
        "names": float(len(lives)),
        "gaps": float(sum(life.gaps for life in lives)),
    }
    half = len(analysis.words) // 2
    if not lives or not half:
        return Score("entities", None, parts, "No names.")
    middle = int(analysis.words.starts[half])
    early, late = _halves(analysis, lives, middle)
    if len(early) < _LEAST:
        return Score("entities", None, parts, "Fewer than three names in the first half.")
    kept = sum(times for name, times in early.items() if name in late) / sum(early.values())
    return Score(
        "entities",
        kept,
        parts | {"kept": kept, "sections": float(count)},
        f"Of the mentions of names in the first half, {kept:.0%} are of names that come again.",
    )


def _halves(
    analysis: Analysis, lives: list[Life], middle: int
) -> tuple[dict[str, int], dict[str, int]]:
    wanted = {life.name for life in lives}
    early: dict[str, int] = defaultdict(int)
    late: dict[str, int] = defaultdict(int)
    for match in _NAME.finditer(analysis.prose):
        name = " ".join(match.group().split())
        if name in wanted:
            (early if match.start() < middle else late)[name] += 1
    return early, late
