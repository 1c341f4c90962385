"""A tree of candidates, and what each is worth once what follows from it is known.

A node is named by its path: ``(2,)`` is the third candidate for the next section, ``(2, 0)`` the
first that goes on from it. A candidate's value is the mean score of itself and of all that was
written after it, so a good section that leads to bad ones loses to a plain one that doesn't. The
tree holds scores only and is never changed; what is known after another expansion is a larger one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from typing import NamedTuple

Path = tuple[int, ...]

Scores = Mapping[Path, float]
"""The nodes that have a score, each its own."""


class Value(NamedTuple):
    """What a node is worth: the mean over itself and its descendants, and how many those are."""

    mean: float
    visits: int


def back_up(scores: Scores, path: Path) -> Value:
    """Return the value of a node that has a score, or of the root, which has none of its own.

    >>> back_up({(0,): 1.0, (0, 0): 0.5, (0, 1): 0.0, (1,): 0.9}, (0,))
    Value(mean=0.5, visits=3)
    """
    below = [score for place, score in scores.items() if place[: len(path)] == path]
    return Value(sum(below) / len(below), len(below))


def select_node(scores: Scores, expanded: Set[Path], depth: int, explore: float) -> Path | None:
    """Return the node to expand next, by UCB1 from the root down; None when none is left.

    At each level it is the child with the highest mean + explore * sqrt(ln N / n), where n are the
    child's visits and N its parent's (Auer et al. 2002); the first of equal ones.

    Args:
        scores: The tree.
        expanded: Nodes that were expanded, with or without success.
        depth: Levels of the tree; nodes of the last one aren't expanded.
        explore: Weight of what is little known.
    """
    path: Path = ()
    while path in expanded or not path:
        level = len(path) + 1
        children = sorted(
            child
            for child in scores
            if len(child) == level
            and child[:-1] == path
            and _is_open(scores, expanded, depth, child)
        )
        if not children:
            return None
        total = back_up(scores, path).visits
        path = max(children, key=lambda child: _bound(back_up(scores, child), total, explore))
    return path


def rank_candidates(scores: Scores) -> list[Path]:
    """Return the candidates of the first level, the most valuable first, the first of equal ones.

    >>> rank_candidates({(0,): 0.4, (1,): 0.9, (1, 0): 0.1, (2,): 0.5})
    [(1,), (2,), (0,)]
    """
    first = sorted(path for path in scores if len(path) == 1)
    return sorted(first, key=lambda path: -back_up(scores, path).mean)


def _is_open(scores: Scores, expanded: Set[Path], depth: int, path: Path) -> bool:
    """Tell whether a node, or one below it, can be expanded."""
    return any(
        place not in expanded and len(place) < depth
        for place in scores
        if place[: len(path)] == path
    )


def _bound(value: Value, total: int, explore: float) -> float:
    return value.mean + explore * math.sqrt(math.log(total) / value.visits)
