"""Every measure by name, in one visible table.

A measure takes an analysed text and what is known of its wish, and returns a `Score`: 1 is best,
None where it doesn't apply. The report, the label of a data row and the rewards read this table.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from longwrite.errors import UsageError
from longwrite.scoring import coherence, diversity, entities, repeats, shape
from longwrite.scoring.analysis import Analysis
from longwrite.scoring.loops import spot_loop
from longwrite.types import Plan, Score, Span


@dataclass(frozen=True, slots=True)
class Wish:
    """What is known of what a text was to be; everything may be missing.

    Attributes:
        prompt: The words it was asked for in.
        language: Code of the language it should be in.
        plan: What it was planned as.
    """

    prompt: str = ""
    language: str = ""
    plan: Plan | None = None


Measure = Callable[[Analysis, Wish], Score]


def measure_loop(analysis: Analysis) -> Score:
    """Score 0 for a text that runs in a loop, 1 for one that doesn't."""
    text = analysis.text
    offset = spot_loop(text)
    if not text.strip():
        return Score("loop", None, note="Empty.")
    if offset is None:
        return Score("loop", 1.0, note="No loop.")
    return Score(
        "loop",
        0.0,
        {"offset": offset},
        f"It runs in a loop from character {offset:,} on.",
        (Span(offset, len(text)),),
    )


MEASURES: Mapping[str, Measure] = {
    "loop": lambda analysis, wish: measure_loop(analysis),
    "ending": lambda analysis, wish: shape.measure_ending(analysis),
    "rep_4": lambda analysis, wish: repeats.measure_ngrams(analysis),
    "repeats": lambda analysis, wish: repeats.measure_passages(analysis),
    "sentences": lambda analysis, wish: repeats.measure_sentences(analysis),
    "paragraphs": lambda analysis, wish: repeats.measure_paragraphs(analysis),
    "types": lambda analysis, wish: diversity.measure_types(analysis),
    "compression": lambda analysis, wish: diversity.measure_compression(analysis),
    "slop": lambda analysis, wish: diversity.measure_slop(analysis),
    "cohesion": lambda analysis, wish: coherence.measure_cohesion(analysis),
    "unity": lambda analysis, wish: coherence.measure_unity(analysis),
    "topics": lambda analysis, wish: coherence.measure_topics(analysis),
    "entities": lambda analysis, wish: entities.measure_entities(analysis),
    "headings": lambda analysis, wish: shape.measure_headings(analysis),
    "plan": lambda analysis, wish: shape.measure_plan(analysis, wish.plan),
    "language": lambda analysis, wish: shape.measure_language(analysis, wish.language),
    "copying": lambda analysis, wish: shape.measure_copying(analysis, wish.prompt),
    "leaks": lambda analysis, wish: shape.measure_leaks(analysis),
}
"""Name to measure."""


def measure(analysis: Analysis, wish: Wish, names: Iterable[str] = MEASURES) -> dict[str, Score]:
    """Return the scores of a text by name, every measure's or those named.

    Raises:
        UsageError: There is no measure of a name.
    """
    found = {}
    for name in names:
        if name not in MEASURES:
            near = difflib.get_close_matches(name, MEASURES, n=1)
            mend = f"Did you mean {near[0]}?" if near else f"Use some of {', '.join(MEASURES)}."
            raise UsageError(f"Can't measure {name!r}", "there is no such measure", mend)
        found[name] = MEASURES[name](analysis, wish)
    return found
