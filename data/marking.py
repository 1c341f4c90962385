"""A judge inside the build: the six marks of `longwrite.rewards.quality`, asked of the role check.

Its verdicts are calls of the build like any other, so they are in the log and cost of the budget's.
A verdict that can't be read strictly is None and is counted; it never becomes a mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from longwrite.agent.job import CallFailed, cap_tokens
from longwrite.data.rows import Unit
from longwrite.data.workbench import Workbench
from longwrite.engines.engine import gather_calls
from longwrite.errors import UsageError
from longwrite.rewards.quality import SCHEMA, ask_quality, read_marks
from longwrite.rewards.showing import Showing, ask_about, show
from longwrite.types import Json, Sampling

_WORDS = 300
"""Words of a verdict."""


@dataclass(frozen=True, slots=True)
class Marking:
    """What a judge said of one text.

    Attributes:
        value: Mean of its marks, (m - 1) / 4; None unless every verdict could be read.
        said: Its words, verdict by verdict; why there are none, where the call failed.
        missing: Verdicts that couldn't be read.
    """

    value: float | None
    said: tuple[str, ...]
    missing: int


async def mark_text(
    workbench: Workbench, unit: Unit, step: str, request: str, text: str, attempt: int = 0
) -> Marking:
    """Have a text marked, window by window where it doesn't fit the judge's.

    Args:
        workbench: Whose model of the role check judges.
        unit: What the text is for.
        step: Name of the step.
        request: What was asked for.
        text: The text.
        attempt: Tells the texts of a step apart.

    Raises:
        UsageError: The model only writes and can't judge.
        LongwriteError: No call can succeed, or the budget is spent.
    """
    require_judge(workbench)
    question = ask_quality()
    sampling = Sampling(cap_tokens(_WORDS, "en"))
    showing = show(request, text, workbench.caller.abilities, sampling, question)
    replies = await gather_calls(
        _ask(workbench, unit, f"{step}.mark.{n}", showing, n, question, attempt)
        for n in range(len(showing.windows))
    )
    marks = [read_marks(said) if came else None for came, said in replies]
    read = [one for one in marks if one is not None]
    value = None
    if len(read) == len(marks):
        weights = [max(1, window.fresh) for window in showing.windows]
        value = (fmean([fmean(one.values()) for one in read], weights=weights) - 1) / 4
    return Marking(value, tuple(said for _, said in replies), len(marks) - len(read))


def require_judge(workbench: Workbench) -> None:
    """Refuse a model that can't be asked for verdicts.

    Raises:
        UsageError: It only writes.
    """
    if not workbench.caller.abilities.checks:
        raise UsageError(
            "The recipe's 'judge' can't be asked",
            f"the model {workbench.model} only writes",
            "Leave out 'judge: true', or choose a model that can judge.",
        )


def tell_marking(marking: Marking) -> dict[str, Json]:
    """Return a marking as provenance has it: the judge's own words, and whether they parsed."""
    return {"value": marking.value, "said": list(marking.said), "missing": marking.missing}


async def _ask(
    workbench: Workbench,
    unit: Unit,
    step: str,
    showing: Showing,
    window: int,
    question: str,
    attempt: int,
) -> tuple[bool, str]:
    try:
        said = await workbench.ask(
            unit,
            step,
            ask_about(showing, window, question),
            words=_WORDS,
            attempt=attempt,
            role="check",
            schema=SCHEMA,
            temperature=0.0,
        )
    except CallFailed as failure:
        return False, str(failure)
    return True, said
