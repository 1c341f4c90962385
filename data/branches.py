"""Growing a tree of candidates: breadth first for the next section, then where it looks best.

The calls of one expansion are made side by side and read in their order, so the tree is the same
whichever comes in first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from longwrite.data.marking import Marking, tell_marking
from longwrite.data.rows import Drop
from longwrite.data.search import Path, select_node
from longwrite.data.threads import Talk, answer
from longwrite.engines.engine import gather_calls
from longwrite.text import count_words
from longwrite.types import Json, Section


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text for a section.

    Attributes:
        text: Whole.
        score: Its own, from 0 to 1.
        code: What the rules pay of it.
        marking: What a judge says of it, where one is asked.
    """

    text: str
    score: float
    code: float
    marking: Marking | None = None

    def tell(self) -> dict[str, Json]:
        """Return it as provenance has it, without its text."""
        told: dict[str, Json] = {
            "score": self.score, "code": self.code, "words": count_words(self.text)
        }  # fmt: skip
        return told | ({"judge": tell_marking(self.marking)} if self.marking else {})


@dataclass(frozen=True, slots=True)
class Branches:
    """A grown tree.

    Attributes:
        nodes: The candidates that can be used.
        failed: Why the others can't be, in the order of their paths' expansion.
    """

    nodes: Mapping[Path, Candidate]
    failed: tuple[Drop, ...]

    @property
    def scores(self) -> dict[Path, float]:
        """The nodes' own scores."""
        return {path: node.score for path, node in self.nodes.items()}


class Writer(Protocol):
    """What writes and scores one candidate."""

    async def write(self, talk: Talk, leaf: Section, path: Path) -> Candidate | Drop:
        """Return a candidate, or why it can't be used."""
        ...


async def grow(
    writer: Writer,
    talk: Talk,
    ahead: Sequence[Section],
    limits: tuple[int, int, int, float],
) -> Branches:
    """Grow the tree of the next section.

    Args:
        writer: Who writes.
        talk: The thread up to it.
        ahead: It and the sections after it, as many as the tree is deep.
        limits: Candidates for the first, nodes to expand, candidates of each, exploration.
    """
    width, expansions, branch, explore = limits
    nodes: dict[Path, Candidate] = {}
    failed: list[Drop] = []
    expanded: set[Path] = set()

    async def expand(path: Path, count: int) -> None:
        expanded.add(path)
        here = talk
        for level in range(len(path)):
            here = answer(here, ahead[level], nodes[path[: level + 1]].text)
        paths = [(*path, number) for number in range(count)]
        written = await gather_calls(writer.write(here, ahead[len(path)], one) for one in paths)
        texts: set[str] = set()
        for place, one in zip(paths, written, strict=True):
            if isinstance(one, Drop):
                failed.append(one)
            elif one.text in texts:
                failed.append(Drop(str(place), "recipe", "the same as another candidate"))
            else:
                texts.add(one.text)
                nodes[place] = one

    await expand((), width)
    for _ in range(expansions):
        scores = {path: node.score for path, node in nodes.items()}
        chosen = select_node(scores, expanded, len(ahead), explore)
        if chosen is None:
            break
        await expand(chosen, branch)
    return Branches(nodes, tuple(failed))
