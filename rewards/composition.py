"""Several rewards as one: weights say how much each counts, gates say when nothing counts.

A gate is a reward with a least value. A document that fails one gets the minimum of every
component, for a gate paid as a component of its own would leave a failing document of best quality
with no advantage at all. A gate that doesn't apply passes, and is counted.

What rules can tell comes first. Judges are asked afterwards, side by side, and only where the gates
are open: `measure`, `ask` and `conclude` are the three steps of `judge`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from longwrite.errors import UsageError
from longwrite.rewards.judge import run_apart
from longwrite.rewards.judgement import JudgedReward
from longwrite.rewards.reward import Reward
from longwrite.types import Brief, Document, Score


@dataclass(frozen=True)
class Component:
    """A reward and how much it counts."""

    reward: Reward
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a weight that can't count.

        Raises:
            UsageError: It is negative or no number.
        """
        if not 0 <= self.weight < float("inf"):
            raise UsageError(
                f"Can't weigh {self.reward.name!r} by {self.weight}",
                "a weight is a number from 0 upwards",
            )


@dataclass(frozen=True)
class Gate:
    """A reward that has to reach a value for anything to be paid."""

    reward: Reward
    least: float

    def passes(self, score: Score) -> bool:
        """Tell whether a score gets through; one that doesn't apply does."""
        return score.value is None or score.value >= self.least


@dataclass(frozen=True)
class Verdict:
    """What a composition says of a document.

    Attributes:
        value: Weighted mean of the components that apply, 0 behind a closed gate; None where no
            component applies.
        components: Their scores, by name.
        gates: The gates' scores, by name.
        closed: The gates that the document failed.
        open: The gates that didn't apply.
    """

    value: float | None
    components: Mapping[str, Score]
    gates: Mapping[str, Score]
    closed: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """What rules say of a document, before a judge is asked.

    Attributes:
        components: Scores of the components that need no judge, by name.
        gates: The gates' scores, by name.
        closed: The gates that the document failed.
    """

    components: Mapping[str, Score]
    gates: Mapping[str, Score]
    closed: tuple[str, ...]


@dataclass(frozen=True)
class Composition:
    """Weighted rewards behind gates; a reward itself.

    Attributes:
        components: What is paid.
        gates: What has to hold first.
        resolution: Step of the components; the mean is not rounded again.
    """

    components: tuple[Component, ...]
    gates: tuple[Gate, ...] = ()
    name: str = "composition"
    resolution: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what can't be logged apart.

        Raises:
            UsageError: Two components share a name, or there is none.
        """
        names = [one.reward.name for one in self.components]
        twice = next((name for name in names if names.count(name) > 1), None)
        if not names or twice:
            why = f"two of its components are called {twice!r}" if twice else "it has no component"
            raise UsageError(f"Can't compose {self.name!r}", why, "Give each a name of its own.")

    def judge(self, brief: Brief, document: Document) -> Verdict:
        """Return every component's and every gate's score, and what they come to."""
        measured = self.measure(brief, document)
        judged = run_apart(self.ask(brief, document)) if self.asks(measured) else {}
        return self.conclude(measured, judged)

    def measure(self, brief: Brief, document: Document) -> Measured:
        """Return the gates' scores, and those of all components that need no judge."""
        gates = {gate.reward.name: gate.reward(brief, document) for gate in self.gates}
        closed = tuple(g.reward.name for g in self.gates if not g.passes(gates[g.reward.name]))
        scores = {
            one.reward.name: one.reward(brief, document)
            for one in self.components
            if not isinstance(one.reward, JudgedReward)
        }
        return Measured(scores, gates, closed)

    def asks(self, measured: Measured) -> bool:
        """Tell whether a judge is needed for what isn't measured."""
        return not measured.closed and len(measured.components) < len(self.components)

    async def ask(self, brief: Brief, document: Document) -> dict[str, Score]:
        """Return the scores of the components that ask a judge, all at the same time."""
        rewards = [one.reward for one in self.components if isinstance(one.reward, JudgedReward)]
        scores = await asyncio.gather(*(one.score(brief, document) for one in rewards))
        return {one.name: score for one, score in zip(rewards, scores, strict=True)}

    def conclude(self, measured: Measured, judged: Mapping[str, Score]) -> Verdict:
        """Return what all scores come to; a component that wasn't asked has none."""
        open_ = tuple(name for name, score in measured.gates.items() if score.value is None)
        found = {**measured.components, **judged}
        names = [one.reward.name for one in self.components]
        scores = {name: found.get(name) or Score(name, None, note=_UNASKED) for name in names}
        if measured.closed:
            return Verdict(0.0, scores, measured.gates, measured.closed, open_)
        weighed = [
            (one.weight, value)
            for one in self.components
            if (value := scores[one.reward.name].value) is not None
        ]
        total = sum(weight for weight, _ in weighed)
        value = sum(weight * value for weight, value in weighed) / total if total else None
        return Verdict(value, scores, measured.gates, (), open_)

    def __call__(self, brief: Brief, document: Document) -> Score:
        """Return the composition as one score."""
        verdict = self.judge(brief, document)
        parts = {
            name: score.value
            for name, score in verdict.components.items()
            if score.value is not None
        }
        note = f"Closed by {', '.join(verdict.closed)}." if verdict.closed else ""
        return Score(self.name, verdict.value, parts, note)


_UNASKED = "No judge was asked, for a gate is closed."
