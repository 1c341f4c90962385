"""Rewards that are measures of the text, each with what it guards against."""

from __future__ import annotations

from dataclasses import dataclass

from longwrite.rewards.reward import RESOLUTION, analyse, settle, wish_of
from longwrite.scoring.measures import measure
from longwrite.scoring.repeats import measure_blocks
from longwrite.scoring.report import SOUNDNESS, measure_soundness
from longwrite.types import Brief, Document, Score


@dataclass(frozen=True)
class RepetitionReward:
    """Pays for saying nothing twice: 1 minus the share of words in 10-grams that come twice.

    Passages are compared inside paragraphs, so that saying a whole paragraph again never pays, in
    whatever text. A text that runs in a loop gets nothing.
    """

    resolution: float = RESOLUTION
    name: str = "repetition"

    def __call__(self, brief: Brief, document: Document) -> Score:
        """Return what the document is paid; None under 10 words."""
        analysis = analyse(document)
        score = measure_blocks(analysis)
        loop = measure(analysis, wish_of(brief, document), ["loop"])["loop"]
        if loop.value == 0:
            score = Score(self.name, 0.0, {**score.parts, **loop.parts}, loop.note, loop.evidence)
        return settle(score, self.name, self.resolution)


@dataclass(frozen=True)
class SoundnessReward:
    """Pays the soundness of a text: the measures that agree with judges within a prompt."""

    resolution: float = RESOLUTION
    name: str = "soundness"

    def __call__(self, brief: Brief, document: Document) -> Score:
        """Return what the document is paid; None for a text too short to be measured."""
        wish = wish_of(brief, document)
        found = measure(analyse(document), wish, [*SOUNDNESS, "loop"])
        value = measure_soundness(found)
        parts = {name: one.value for name, one in found.items() if one.value is not None}
        return settle(Score(self.name, value, parts), self.name, self.resolution)


@dataclass(frozen=True)
class MeasureReward:
    """Pays one or several measures of `longwrite.scoring.measures`: the least of those that apply.

    Attributes:
        name: Under which it is logged.
        measures: Names of the measures.
        resolution: Step to which values are rounded.
    """

    name: str
    measures: tuple[str, ...]
    resolution: float = RESOLUTION

    def __call__(self, brief: Brief, document: Document) -> Score:
        """Return the least score; None where no measure applies."""
        found = measure(analyse(document), wish_of(brief, document), self.measures)
        telling = [score for score in found.values() if score.value is not None]
        if not telling:
            return Score(self.name, None, note=next(iter(found.values())).note)
        least = min(telling, key=lambda score: score.value or 0.0)
        parts = {name: score.value for name, score in found.items() if score.value is not None}
        return settle(
            Score(self.name, least.value, parts, least.note, least.evidence),
            self.name, self.resolution,
        )  # fmt: skip


COHERENCE = MeasureReward("coherence", ("cohesion",))
"""Neighbouring passages belong together more than any two; a shuffled text gets little."""

FORMAT = MeasureReward("format", ("ending", "headings", "leaks"))
"""The text ends, isn't all headings, and holds no tags, refusals or talk about itself."""

COPYING = MeasureReward("copying", ("copying",))
"""It doesn't hand the prompt back."""

LANGUAGE = MeasureReward("language", ("language",))
"""It is in the language asked for."""
