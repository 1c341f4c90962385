"""Which of several texts is the better one, by rules that are the same for all of them.

A text's value is what a composition pays it. Judges enter only through the build's own call log
(`longwrite.data.marking`), so that a build that was killed comes to the same verdicts.
"""

from __future__ import annotations

import difflib
import re

from longwrite.errors import UsageError
from longwrite.rewards.catalogue import read_composition
from longwrite.rewards.composition import Component, Composition, Gate
from longwrite.rewards.judgement import JudgedReward
from longwrite.rewards.length import LengthReward
from longwrite.rewards.measured import LANGUAGE, SoundnessReward
from longwrite.text import CJK
from longwrite.types import Brief, Constraint, Document, Json

SOUND = Composition(
    (Component(SoundnessReward()), Component(LengthReward())),
    (Gate(LANGUAGE, 0.5),),
    name="sound",
)
"""Soundness and length, in the language asked for: what pairs are chosen by unless told
otherwise."""


def find_composition(name: str) -> Composition:
    """Return the composition of a name that a recipe was given.

    Args:
        name: ``sound``, or what `longwrite.rewards.catalogue.read_composition` reads.

    Raises:
        UsageError: There is none, or it asks a judge of its own.
    """
    composition = SOUND if name.strip() == SOUND.name else read_composition(name)
    rewards = [one.reward for one in composition.components]
    rewards += [one.reward for one in composition.gates]
    judged = next((one.name for one in rewards if isinstance(one, JudgedReward)), None)
    if judged is not None:
        raise UsageError(
            f"Can't choose texts by '{judged}'",
            "it asks a judge whose verdicts the build's log doesn't hold",
            "Set 'judge: true' instead: it asks the model of the role check.",
        )
    return composition


def score_text(composition: Composition, brief: Brief, text: str) -> float | None:
    """Return what a composition pays for a text; None where nothing in it applies."""
    document = Document.from_text(brief, text)
    return composition.conclude(composition.measure(brief, document), {}).value


def tell_quality(chosen: float, rejected: float) -> dict[str, Json]:
    """Return what a pair's provenance says of the two texts' worth, each from 0 to 1."""
    return {"chosen": round(chosen, 6), "rejected": round(rejected, 6)}


def tell_constraint(constraint: Constraint) -> dict[str, Json]:
    """Return a constraint as provenance has it."""
    return {
        "kind": constraint.kind,
        "params": dict(constraint.params),
        "scope": constraint.scope,
    }


def tell_criterion(composition: Composition, *, judged: bool = False) -> dict[str, Json]:
    """Return what provenance says where length alone makes one text the better one.

    Such a pair is meant to teach length, so that its texts may differ in it (`check_pairs`).

    Args:
        composition: What texts are chosen by.
        judged: Whether a judge's marks count as well.
    """
    rewards = [one.reward for one in composition.components]
    alone = not judged and all(isinstance(one, LengthReward) for one in rewards)
    return {"criterion": "length"} if alone else {}


# --- how far two texts differ --------------------------------------------------------------------

_LEVELS = (
    re.compile(r"[^\n]*\n+|[^\n]+"),
    re.compile(r"[^.!?。！？]*[.!?。！？]+\s*|[^.!?。！？]+"),
    re.compile(rf"[{CJK}]|[^\W{CJK}]+|[^\w\s]"),
)
"""Lines, sentences, words: the pieces that two texts are compared by, one after another."""

_CLOSE = 3_000
"""Pieces of a passage up to which their order is compared; above, all of it counts as changed."""


def share_changed(before: str, after: str) -> float:
    """Return the share of a text's words that an edit changed, from 0 to 1.

    Lines are compared first, then sentences inside the lines that differ and words inside those, so
    that it stays fast for whole books. Of words taken out and put in at one place the larger number
    counts; marks are words too.

    >>> share_changed("one two three four", "one two five four")
    0.25
    """
    total = max(1, _count_words(before), _count_words(after))
    return min(1.0, _count_changed(before, after, 0) / total)


def _count_changed(before: str, after: str, level: int) -> int:
    ours, theirs = _LEVELS[level].findall(before), _LEVELS[level].findall(after)
    first = _count_same(ours, theirs)
    ours, theirs = ours[first:], theirs[first:]
    last = _count_same(ours[::-1], theirs[::-1])
    ours, theirs = ours[: len(ours) - last], theirs[: len(theirs) - last]
    words = level == len(_LEVELS) - 1
    if words and max(len(ours), len(theirs)) > _CLOSE:
        return max(len(ours), len(theirs))
    found = difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    changed = [(ours[a:b], theirs[c:d]) for kind, a, b, c, d in found if kind != "equal"]
    if words:
        return sum(max(len(one), len(other)) for one, other in changed)
    return sum(_count_inside(one, other, level + 1) for one, other in changed)


def _count_inside(ours: list[str], theirs: list[str], level: int) -> int:
    """Return the words changed in pieces that differ, one by one where as many stand for them."""
    if len(ours) == len(theirs):
        return sum(_count_changed(a, b, level) for a, b in zip(ours, theirs, strict=True))
    return _count_changed("".join(ours), "".join(theirs), level)


def _count_same(one: list[str], other: list[str]) -> int:
    """Return how many pieces two lists begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _count_words(text: str) -> int:
    return len(_LEVELS[-1].findall(text))
