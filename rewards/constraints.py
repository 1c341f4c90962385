"""Every kind of constraint, its parameters and its checker, in two visible tables.

The same checker says while writing whether a section has to be repaired, afterwards which defects
a document has, and in training what an answer is paid.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence

from longwrite.errors import UsageError
from longwrite.rewards.checkers import (
    PLACES,
    Params,
    Passage,
    check_avoid,
    check_code,
    check_form,
    check_headings,
    check_judged,
    check_language,
    check_length,
    check_list,
    check_mention,
    check_sections,
    check_table,
    check_title,
)
from longwrite.scoring.sections import cut_sections
from longwrite.types import Constraint, Json, Score, Span

Checker = Callable[[Params, Passage], Score]

KINDS: Mapping[str, Checker] = {
    "length": check_length,
    "sections": check_sections,
    "mention": check_mention,
    "avoid": check_avoid,
    "language": check_language,
    "headings": check_headings,
    "table": check_table,
    "list": check_list,
    "code": check_code,
    "form": check_form,
    "title": check_title,
    "judged": check_judged,
}
"""Kind to checker."""

PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "length": {"min": "int?", "max": "int?", "target": "int?", "unit": "str?", "stated": "str?"},
    "sections": {"count": "int", "min": "int?", "max": "int?", "unit": "str"},
    "mention": {"text": "str"},
    "avoid": {"text": "str"},
    "language": {"code": "str"},
    "headings": {"wanted": "bool"},
    "table": {"wanted": "bool", "min": "int?"},
    "list": {"wanted": "bool", "min": "int?"},
    "code": {"wanted": "bool", "min": "int?"},
    "form": {"name": "str"},
    "title": {"text": "str"},
    "judged": {"question": "str", "levels": "levels?"},
}
"""Kind to its parameters and their types; what is marked ``?`` may be None or left out.

The numbers of a ``length`` are words of the default counter; its ``unit`` (words, characters or
pages) and ``stated`` (about, at_least, at_most, between or exactly) tell how they were asked for.
The ``unit`` of ``sections`` is chapters, acts, lessons and so on, or paragraphs or items.
A ``judged`` constraint is a question that only a judge can answer, with the values that an answer
may have (`longwrite.rewards.checklist`); its scope is ``document`` for what has to be there
somewhere and ``each`` for what has to hold throughout.
"""


class UnknownKind(UsageError):
    """A kind of constraint that nothing checks."""

    def __init__(self, kind: str) -> None:
        """Suggest the kinds that come near."""
        near = difflib.get_close_matches(kind, KINDS, n=3)
        mend = f"Did you mean {' or '.join(near)}?" if near else f"Use one of {', '.join(KINDS)}."
        super().__init__(f"Can't check a constraint of the kind {kind!r}", "unknown kind", mend)


def check(
    constraint: Constraint, text: str, sections: Sequence[str] = (), *, language: str = ""
) -> Score:
    """Check a constraint against a document, or against each of the sections that it names.

    Args:
        constraint: What is required.
        text: Markdown of the document, or of one section.
        sections: Markdown of the document's top-level sections in order, each as it stands in the
            text; empty to find them by the text's headings (`cut_sections`).
        language: Code of the language that the text should be in, where known.

    Returns:
        The checker's score for the scope ``document``; for ``each``, ``section:N``, ``every:K`` and
        ``every:K:N`` the share of those sections that hold. Where the text has no such section, 0.0
        for a hard constraint and None for a soft one. None for what only a judge can tell.

    Raises:
        UnknownKind: Nothing checks the constraint's kind.
        UsageError: A parameter or the scope has the wrong form.
    """
    validate(constraint)
    checker = KINDS[constraint.kind]
    if constraint.kind == "judged":
        return checker(constraint.params, Passage(text, language))
    if constraint.scope == "document" and constraint.kind != "sections":
        return checker(constraint.params, Passage(text, language))
    found = tuple(sections) or tuple(text[span.start : span.end] for _, span in cut_sections(text))
    if constraint.scope == "document":
        return checker(constraint.params, Passage(text, language, found))
    chosen = _choose(constraint.scope, found)
    if not chosen:
        value = 0.0 if constraint.hard else None
        note = f"The text has {len(found)} sections, none of them {constraint.scope!r}."
        return Score(constraint.kind, value, note=note)
    scores = [checker(constraint.params, Passage(part, language)) for part in chosen]
    held = sum(holds(score) for score in scores)
    return Score(
        constraint.kind,
        held / len(scores),
        {"sections": len(scores), "held": held},
        f"{held} of {len(scores)} sections hold.",
        _evidence(text, chosen, scores),
    )


def holds(score: Score) -> bool:
    """Tell whether a constraint is met or does not apply."""
    return score.value is None or score.value >= 1


def validate(constraint: Constraint) -> None:
    """Raise a `UsageError` unless kind, parameters and scope have their form."""
    kind = constraint.kind
    if kind not in KINDS:
        raise UnknownKind(kind)
    expected = PARAMETERS[kind]
    wrong = next((name for name in constraint.params if name not in expected), None)
    if wrong is not None:
        near = difflib.get_close_matches(str(wrong), expected, n=1) or list(expected)
        raise _unusable(constraint, f"it has no {wrong!r}", f"Use {', '.join(near)}.")
    for name, form in expected.items():
        value = constraint.params.get(name)
        if value is None and form.endswith("?"):
            continue
        fits, words = _TYPES[form.rstrip("?")]
        if not isinstance(value, fits) or (fits is int and isinstance(value, bool)):
            raise _unusable(constraint, f"its {name} is {value!r:.80}", f"Give {words}.")
        least = 1 if kind in {"length", "sections"} else 0
        if isinstance(value, int) and value < least:
            raise _unusable(constraint, f"its {name} is {value}", f"Give at least {least}.")
    levels = constraint.params.get("levels")
    if isinstance(levels, list) and not _are_levels(levels):
        raise _unusable(
            constraint, f"its levels are {levels!r:.80}", f"Give {_TYPES['levels'][1]}."
        )
    low, high, target = (constraint.params.get(name) for name in ("min", "max", "target"))
    if kind == "length" and low is None and high is None and target is None:
        raise _unusable(constraint, "it has no number", "Give min, max or target, in words.")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        raise _unusable(constraint, f"its min {low} is above its max {high}", "Swap the two.")
    if constraint.scope not in {"document", "each"} and not _SCOPE.fullmatch(constraint.scope):
        raise _unusable(
            constraint,
            f"its scope is {constraint.scope!r}",
            "Use document, each, section:N, every:K or every:K:N.",
        )


_TYPES: Mapping[str, tuple[type, str]] = {
    "int": (int, "a whole number"),
    "str": (str, "a text"),
    "bool": (bool, "true or false"),
    "levels": (list, "a list of numbers from 0 to 1"),
}
_SCOPE = re.compile(
    r"section:(?P<place>[1-9][0-9]{0,5})|every:(?P<step>[1-9][0-9]{0,5})(?::"
    r"(?P<first>[1-9][0-9]{0,5}))?"
)


def _are_levels(levels: list[Json]) -> bool:
    numbers = [n for n in levels if isinstance(n, int | float) and not isinstance(n, bool)]
    return 2 <= len(numbers) == len(levels) and all(0 <= n <= 1 for n in numbers)


def _unusable(constraint: Constraint, why: str, mend: str) -> UsageError:
    return UsageError(f"Can't use the constraint {constraint.kind!r}", why, mend)


def _choose(scope: str, sections: tuple[str, ...]) -> tuple[str, ...]:
    match = _SCOPE.fullmatch(scope)
    if match is None:
        return sections
    if match["place"]:
        place = int(match["place"])
        return sections[place - 1 : place]
    step = int(match["step"])
    first = int(match["first"] or step)
    return sections[first - 1 :: step]


def _evidence(text: str, parts: tuple[str, ...], scores: list[Score]) -> tuple[Span, ...]:
    """Place the sections' evidence in the text; one without any is shown by its first line."""
    spans: list[Span] = []
    cursor = 0
    for part, score in zip(parts, scores, strict=True):
        start = text.find(part, cursor)
        if start < 0 or holds(score):
            continue
        cursor = start + 1
        if score.evidence:
            spans.extend(Span(start + span.start, start + span.end) for span in score.evidence)
        else:
            spans.append(Span(start, start + len(part.split("\n", 1)[0])))
    return tuple(spans[:PLACES])
