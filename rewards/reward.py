"""What a reward is: a picklable callable of a brief and a document.

    (brief, document) -> Score, its value in [0, 1] or None where the reward doesn't apply

Values are rounded to the reward's resolution, for a trainer that divides by the spread of a group
turns the smallest noise into a full-sized advantage; what was measured stays in the parts. All
rewards of a composition share one analysis of the text.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Protocol, runtime_checkable

from longwrite.assembly import assemble
from longwrite.scoring.analysis import Analysis
from longwrite.scoring.measures import Wish
from longwrite.types import Brief, Document, Score

RESOLUTION = 0.01
"""Step to which values are rounded, where a reward declares no other."""


@runtime_checkable
class Reward(Protocol):
    """Pays a document for how well it keeps to one thing.

    Attributes:
        name: Under which it is logged.
        resolution: Step to which its values are rounded.
    """

    @property
    def name(self) -> str:
        """Under which it is logged."""

    @property
    def resolution(self) -> float:
        """Step to which its values are rounded."""

    def __call__(self, brief: Brief, document: Document) -> Score:
        """Return what the document is paid."""


def settle(score: Score, name: str, resolution: float = RESOLUTION) -> Score:
    """Return a score under a reward's name, its value rounded and the measured one in parts."""
    if score.value is None:
        return Score(name, None, score.parts, score.note, score.evidence)
    steps = round(1 / resolution)
    value = round(min(1.0, max(0.0, score.value)) * steps) / steps
    return Score(name, value, {**score.parts, "raw": score.value}, score.note, score.evidence)


def is_ended(document: Document) -> bool:
    """Tell whether the document's author ended it, and not a token cap."""
    return not any(defect.kind == "truncated" for defect in document.defects)


_KEPT = 8
_analyses: OrderedDict[int, tuple[Document, Analysis]] = OrderedDict()
_lock = Lock()
"""A trainer pays its rewards in threads."""


def analyse(document: Document) -> Analysis:
    """Return the analysis of a document's text, the same for all who ask while it is in use.

    The document itself is kept with it, so that no other can have its place in memory.
    """
    key = id(document)
    with _lock:
        if key not in _analyses:
            _analyses[key] = (document, Analysis(assemble(document.plan, document.texts)))
            if len(_analyses) > _KEPT:
                _analyses.popitem(last=False)
        _analyses.move_to_end(key)
        return _analyses[key][1]


def wish_of(brief: Brief, document: Document) -> Wish:
    """Return what the measures have to know of a brief; the plan is the document's own."""
    return Wish(brief.prompt, brief.language)
