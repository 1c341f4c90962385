"""Where a finished text runs in a loop, after a glance at whether it could.

Looking for loops reads every word, which is much of what a reward or a filter costs; nearly every
text can be cleared by the few words at each place where loops are looked for.
"""

from __future__ import annotations

import re

from longwrite.scoring.repetition import LOOP_REPEATS, LOOP_WORDS, find_early_loop
from longwrite.scoring.units import UNIT

_PLAIN = re.compile(r"(?<=\s)[a-z]{1,24}(?=\s)")
"""A word that `UNIT` takes whole."""
_TRIED = 3
_NEAR, _FAR = 3, 14
"""Words from the end: the last may be cut, and the others stand in each of three repetitions."""
_TAIL = 120
_FEW = 24
_LONG = 200_000  # characters from which looking back costs more than reading closely


def spot_loop(text: str) -> int | None:
    """Return what `find_early_loop` returns, sooner where there is no loop."""
    return find_early_loop(text) if may_loop(text) else None


def may_loop(text: str, step: int = 2_000) -> bool:
    """Tell whether `find_early_loop` could find a loop; False is certain, True is a suspicion.

    Where a text loops, the words at its end stand at least three times in the same order. So at
    each place where loops are looked for, the rarest of the last words has to stand before, amid
    the same words; in nearly all texts it doesn't, and to see that few words are read.
    """
    lower = text.lower()
    if len(text) > _LONG or len(lower) != len(text):
        return True
    ends = [*range(step, len(text) + 1, step), len(text)]
    return any(not _has_rare_word(lower, end) and _repeats_tail(lower, end) for end in ends)


def _has_rare_word(text: str, end: int) -> bool:
    """Tell whether one of the last words stands fewer than three times, so that nothing loops.

    As many characters as a loop has words hold no more words than it; one that ends there may be
    cut.
    """
    last = _PLAIN.findall(text, max(0, end - LOOP_WORDS), end - 1)
    last.sort(key=len, reverse=True)  # long words are rare, and are quickly looked for
    return any(text.count(word, 0, end) < LOOP_REPEATS for word in last[:_TRIED])


def _repeats_tail(text: str, end: int) -> bool:
    tail = UNIT.findall(text, max(0, end - _TAIL), end)[1:]  # the first may be half a word
    if len(tail) < _FAR:
        tail = UNIT.findall(text, max(0, end - 4 * _TAIL), end)[1:]
    if len(tail) < _FAR:
        return True
    own = tail[-_FAR:-_NEAR]
    named = [unit for unit in own if not unit.isdecimal()]
    if not named:
        return True
    named.sort(key=len, reverse=True)
    near = max(0, end - 100 * _TAIL)
    rarest = min(
        named[:4] if len(named[0]) > 1 else named, key=lambda one: text.count(one, near, end)
    )
    own = own[: len(own) - own[::-1].index(rarest)]
    named = [unit for unit in own if not unit.isdecimal()]
    passages: list[str] = []
    at = end
    while len(passages) < _FEW:
        at = text.rfind(rarest, 0, at)
        if at < 0:
            break
        stop = at + len(rarest)
        before = text[max(0, at - 4 * _TAIL) : stop]
        if all(unit in before for unit in named):
            passages.append(before)
        at = stop - 1
    if len(passages) < 3 or len(passages) == _FEW:
        return len(passages) == _FEW
    return sum(_alike(UNIT.findall(each)[-len(own) :], own) for each in passages) >= 3


def _alike(some: list[str], others: list[str]) -> bool:
    """Tell whether words are the same, whole numbers aside."""
    return len(some) == len(others) and all(
        one == other or (one.isdecimal() and other.isdecimal())
        for one, other in zip(some, others, strict=True)
    )
