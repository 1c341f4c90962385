"""What a reply is measured by, the same while a model trains and when two are compared.

Every figure is found without a judge, from the text and from how it ended. The table says of each
which way is better and whether it has a best value, for without that no gain can be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal

from longwrite.rewards.constraints import KINDS
from longwrite.rewards.length import LengthReward
from longwrite.rewards.reward import analyse
from longwrite.rewards.satisfaction import SatisfactionReward
from longwrite.scoring.length import score_length
from longwrite.scoring.measures import Wish, measure
from longwrite.scoring.report import SOUNDNESS, measure_soundness
from longwrite.text import count_words
from longwrite.types import Brief, Document

Values = Mapping[str, float | None]
"""The measures of one reply by name; None where one does not apply."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A column of a comparison.

    Attributes:
        name: In logs and JSON.
        title: For a person.
        best: The best value there is; None where there is none.
        better: Whether more or less is better; empty where neither is.
        told: What it says, in a sentence.
        statistic: What stands for many briefs.
    """

    name: str
    title: str
    best: float | None
    better: Literal["more", "less", ""]
    told: str
    statistic: Literal["mean", "median"] = "mean"


_TABLE = (
    Measure("words", "Words", None, "", "Words that the reply has."),
    Measure(
        "sound_words", "Words of sound replies, median", None, "",
        "Words of the replies that their author ended and that run in no loop.", "median",
    ),
    Measure(
        "miss", "Miss of the length", None, "less",
        "How far the words are from those asked for, as a share of them.",
    ),
    Measure(
        "s_l", "S_l", 1.0, "more",
        "LongBench-Write's score of length, from 0 to 1; it does not see whether a reply ended.",
    ),
    Measure(
        "length", "Length reward", 1.0, "more",
        "1 in the range asked for, falling on both sides; 0 for a reply that was cut.",
    ),
    Measure(
        "constraints", "Constraints held", 1.0, "more",
        "What the brief requires besides its length: the share that holds, hard ones double.",
    ),
    Measure(
        "coherence", "Coherence", 1.0, "more",
        "Neighbouring passages belong together more than any two do; from 4 passages on.",
    ),
    Measure(
        "soundness", "Soundness", 1.0, "more",
        "Tells broken texts from whole ones by repetition, vocabulary and sameness; no praise.",
    ),
    Measure(
        "rep_4", "rep-4", 0.0, "less", "Share of the 4-grams that the reply had before.",
    ),
    Measure(
        "covered_10", "In repeated 10-grams", 0.0, "less",
        "Share of the words in passages of ten words or more that come twice.",
    ),
    Measure("loop_free", "Loop-free", 1.0, "more", "Share of the replies that run in no loop."),
    Measure(
        "ended", "Ended", 1.0, "more",
        "Share of the replies that the model ended itself, before its cap.",
    ),
)  # fmt: skip

MEASURES: Mapping[str, Measure] = {one.name: one for one in _TABLE}
"""Name to measure, in the order in which they are shown."""

_LENGTH = LengthReward(resolution=1e-6)
_HELD = SatisfactionReward(kinds=tuple(kind for kind in KINDS if kind != "length"), resolution=1e-6)
_FOUND = ("loop", *SOUNDNESS)


def find_asked(brief: Brief) -> int | None:
    """Return the words that a brief asks for; None where it states no length of the whole."""
    stated = any(one.kind == "length" and one.scope == "document" for one in brief.constraints)
    return brief.words if stated else None


def measure_reply(brief: Brief, text: str, *, ended: bool) -> dict[str, float | None]:
    """Return every measure of one reply.

    Args:
        brief: What was asked for.
        text: The reply; an empty one has no length and nothing else to measure.
        ended: Whether the model ended it, and not a token cap.
    """
    document = Document.from_text(brief, text, ended=ended)
    analysis = analyse(document)
    scores = measure(analysis, Wish(brief.prompt, brief.language), _FOUND)
    words, asked = count_words(text), find_asked(brief)
    loop = scores["loop"].value
    values: dict[str, float | None] = {
        "words": float(words),
        "sound_words": float(words) if ended and loop else None,
        "miss": None if asked is None else abs(words - asked) / asked,
        "s_l": None if asked is None else score_length(words, asked),
        "length": None if asked is None else _LENGTH(brief, document).value,
        "constraints": _HELD(brief, document).value,
        "coherence": scores["cohesion"].value,
        "soundness": measure_soundness(scores),
        "rep_4": scores["rep_4"].parts.get("rep_4"),
        "covered_10": scores["repeats"].parts.get("covered_10"),
        "loop_free": loop,
        "ended": float(ended),
    }
    return values


def summarise(name: str, values: Iterable[float]) -> float:
    """Return the mean or the median of a measure's values, as its table says.

    Raises:
        ValueError: There are none.
    """
    found = list(values)
    if not found:
        raise ValueError(f"no values of {name}")
    return median(found) if MEASURES[name].statistic == "median" else fmean(found)


def average_samples(name: str, samples: Sequence[Values]) -> float | None:
    """Return what the samples of one brief come to; None where a measure applies to none."""
    known = [value for one in samples if (value := one.get(name)) is not None]
    return summarise(name, known) if known else None
