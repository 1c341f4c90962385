"""How a length is divided: how many entries each level has, and budgets that add up exactly.

Sizes were chosen with the token model in mind (`python -m benchmarks speed`): sections of some 650
words are what models keep to, a chapter of three shares one cached head, and levels of at most ten
entries keep planning as deep as the logarithm of the length. A document with fewer chapters than
calls in flight is written faster in chapters of two. Where the window is small, sections and
chapters shrink with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

ONE_SECTION_BELOW = 800
"""Words under which a text is one section."""

THREAD_BELOW = 4_500
"""Words under which one conversation is as fast as many."""

_FAN_OUT = 10
_IN_FLIGHT = 16
"""Calls in flight that a plan counts on; a plan can't depend on how many there really are."""

_LEAST, _MOST = 1e-6, 1e9
"""Bounds of a weight, so that no sum of them overflows."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Words of a section and sections of a chapter."""

    section: int
    per_chapter: int


def choose_sizes(window: int, language: str, words: int) -> Sizes:
    """Return the sizes for an engine's window (tokens), a language, and the words of the whole."""
    most = 800 if language[:2] in {"zh", "ja", "ko"} else 650
    section = max(120, min(most, window // 8))
    if window < 4096:
        return Sizes(section, 1)
    few = THREAD_BELOW <= words < 3 * section * _IN_FLIGHT
    return Sizes(section, 2 if few or window < 8192 else 3)


def count_children(words: int, sizes: Sizes) -> int:
    """Return into how many entries a node of so many words is divided; 0 for a leaf.

    A node of up to one and a half sections is a leaf; up to a chapter and a half it is divided into
    sections, and above that into the entries that make all levels of its tree about equally wide.
    """
    if words <= 1.5 * sizes.section or words < ONE_SECTION_BELOW <= 1.5 * sizes.section:
        return 0
    chapter = sizes.section * sizes.per_chapter
    if sizes.per_chapter > 1 and words <= 1.5 * chapter:
        return max(2, round(words / sizes.section))
    chapters = max(2, round(words / chapter))
    depth = math.ceil(math.log(chapters, _FAN_OUT) - 1e-9)
    return max(2, round(math.pow(chapters, 1 / max(1, depth))))


def allocate(words: int, weights: Sequence[float]) -> list[int]:
    """Return whole budgets near the weights' shares, none under 1, that sum to `words` exactly.

    A weight outside half to double the mean is taken as that bound, and a set of weights without a
    positive one as equal; what rounding leaves over goes to the largest remainders.
    """
    usable = [min(weight, _MOST) if weight > _LEAST else 0.0 for weight in weights]
    positive = [weight for weight in usable if weight]
    mean = sum(positive) / len(positive) if positive else 1.0
    bounded = [min(2 * mean, max(mean / 2, weight or mean)) for weight in usable]
    total = sum(bounded)
    spare = words - len(bounded)
    if spare < 0:
        raise ValueError(f"{words} words can't be divided among {len(bounded)} sections")
    shares = [spare * weight / total for weight in bounded]
    budgets = [1 + math.floor(share) for share in shares]
    order = sorted(range(len(shares)), key=lambda n: (budgets[n] - 1 - shares[n], n))
    for n in order[: words - sum(budgets)]:
        budgets[n] += 1
    return budgets
