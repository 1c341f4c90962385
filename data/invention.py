"""Topics and requests made up by a model from examples, each new (Self-Instruct, Wang et al. 2023).

Which examples a model is shown and where it is told to look is drawn for each unit, so that units
differ; inside a unit nothing comes that is nearly another. What is the same in two units is left to
the builder's filter of prompts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from longwrite.agent.job import CallFailed
from longwrite.data.faults import TRUNCATED, Fault, find_fault
from longwrite.data.phrasing import load_phrases
from longwrite.data.rows import Unit
from longwrite.data.workbench import RETRIED, Workbench, describe_failure
from longwrite.language import detect_language
from longwrite.prompts import fill, name_language
from longwrite.rewards.answers import read_object
from longwrite.rewards.quoting import make_mark, quote
from longwrite.rewards.wording import find_constraints
from longwrite.text import count_words, words
from longwrite.types import Json, Message

ALIKE = 0.6
"""Share of the words of two lines taken together that makes them the same line."""

EXAMPLES = 5
"""Lines that a model is shown."""

_MOST_WORDS = 60
_SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": {"type": "string"}}},
    "required": ["items"],
    "additionalProperties": False,
}
_TALK = re.compile(
    r"(?:sure|certainly|of course|okay|absolutely|here (?:is|are)|here['’]s)\b|好的|当然|以下"
    r"|.*[:：]$",
    re.IGNORECASE,
)
_HAN = re.compile("[\u4e00-\u9fff]")


def draw_angle(rng: random.Random) -> str:
    """Return where a model is told to look for something new."""
    return rng.choice(load_phrases("prompt_angles")["angles"])


async def invent(
    workbench: Workbench,
    unit: Unit,
    prompt: str,
    *,
    count: int,
    language: str,
    examples: Sequence[str] = (),
    attempts: int = 3,
    **values: str,
) -> tuple[list[str], Fault]:
    """Return new lines, and what was wrong where they are fewer than asked for.

    Args:
        workbench: Whom to ask.
        unit: For which.
        prompt: Name of the prompt file; the system's is the same with ``_system``.
        count: Lines wanted.
        language: Of the lines.
        examples: Lines shown; none that is nearly one of them is returned.
        attempts: Calls at most.
        values: What else the prompt file names.

    Raises:
        LongwriteError: No call can succeed.
    """
    found: list[str] = []
    fault: Fault = ("too few new lines", "")
    for attempt in range(attempts):
        shown = "\n".join(f"- {line}" for line in (*examples, *found))
        quoted = quote("examples", make_mark(shown), shown) if shown else ""
        content = fill(
            "longwrite.data", prompt, count=count - len(found), examples="$examples",
            language=name_language(language), **values,
        ).replace("$examples", quoted, 1)  # fmt: skip
        system = fill("longwrite.data", f"{prompt}_system")
        try:
            reply = await workbench.ask(
                unit, prompt, (Message("system", system), Message("user", content)),
                words=80 + 40 * count, language=language, attempt=attempt, schema=_SCHEMA,
            )  # fmt: skip
        except CallFailed as error:
            fault = describe_failure(error)
            if error.kind in RETRIED:
                continue
            break
        lines = read_lines(reply)
        if lines is None:
            fault = ("reply can't be read", reply.strip()[:120])
            continue
        for line in lines:
            if wrong := find_line_fault(line, language):
                fault = wrong
            elif any(are_alike(line, other) for other in (*examples, *found)):
                fault = ("line like another", line[:80])
            else:
                found.append(line)
        if len(found) >= count:
            break
    return found[:count], fault


def read_lines(reply: str) -> list[str] | None:
    """Return the lines of a reply, None where it is no list of them."""
    found = read_object(reply)
    items = found.get("items") if found and set(found) == {"items"} else None
    if not isinstance(items, list) or not items:
        return None
    return [" ".join(item.split()) for item in items if isinstance(item, str) and item.strip()]


def find_line_fault(line: str, language: str) -> Fault | None:
    """Return why a made-up line can't be used, None where it can."""
    if (fault := find_fault(line, language)) and fault[0] != TRUNCATED:
        return fault[0], line[:80]
    if _TALK.match(line):
        return "talk around the lines", line[:80]
    if not 2 <= count_words(line) <= _MOST_WORDS or detect_language(line) not in {"", language}:
        return "no usable line", line[:80]
    if (language == "zh") != bool(_HAN.search(line)):
        return "wrong language", line[:80]
    if any(one.kind in {"length", "sections"} for one in find_constraints(line)):
        return "line states a length", line[:80]
    return None


def are_alike(one: str, other: str) -> bool:
    """Tell whether two lines share most of their words, or of their pairs of characters in Chinese.

    >>> are_alike("the history of salt in Venice", "a history of the salt of Venice")
    True
    """
    first, second = _features(one), _features(other)
    joined = first | second
    return not joined or len(first & second) >= ALIKE * len(joined)


def _features(line: str) -> set[str]:
    han = "".join(_HAN.findall(line))
    pairs = {han[at : at + 2] for at in range(len(han) - 1)}
    return pairs | {word for word in words(line) if not _HAN.match(word)}
