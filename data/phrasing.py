"""Constraints put into words that the compiler reads back as the same constraints.

What a row claims of its text has to be what its prompt says, neither more nor less. So a phrase is
never trusted: the whole prompt is compiled, and what isn't found in it again is taken out of it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template

from longwrite.errors import UsageError
from longwrite.language import NAMES
from longwrite.prompts import derive_seed
from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.constraints import check, holds
from longwrite.types import Brief, Constraint, Json

LANGUAGES = ("en", "zh")
"""Languages that constraints can be phrased in."""

_CHINESE_NAMES = {
    "en": "英文", "zh": "中文", "ja": "日文", "ko": "韩文", "fr": "法文", "de": "德文",
    "es": "西班牙文", "ru": "俄文", "pt": "葡萄牙语", "it": "意大利语", "ar": "阿拉伯语",
    "nl": "荷兰语",
}  # fmt: skip
_ENDED = re.compile(r"[.!?。！？…][\"'”’」』)）]*$")
_HEADER = re.compile(r"\[(?P<name>[a-z_.]+)\]")
_UNQUOTABLE = re.compile(r"[“”\"「」『』《》‘’`\n\x00]")


@dataclass(frozen=True, slots=True)
class Statement:
    """A request with its constraints in words.

    Attributes:
        prompt: All of it.
        brief: As compiled from the prompt; its constraints are what the prompt says.
        left_out: Constraints that couldn't be phrased so that the compiler finds them again.
    """

    prompt: str
    brief: Brief
    left_out: tuple[Constraint, ...] = ()


@cache
def load_phrases(name: str) -> Mapping[str, tuple[str, ...]]:
    """Return the lines of a file of ``prompts/`` by the headings in brackets above them."""
    text = (files("longwrite.data") / "prompts" / f"{name}.txt").read_text("utf-8")
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if header := _HEADER.fullmatch(line):
            lines = found.setdefault(header["name"], [])
        else:
            lines.append(line)
    return {key: tuple(values) for key, values in found.items()}


def phrase(constraint: Constraint, language: str) -> tuple[str, ...]:
    """Return all sentences that say a constraint; none where there is no wording for it.

    >>> phrase(Constraint("mention", {"text": "salt"}), "en")[0]
    'Mention the word “salt”.'
    """
    if constraint.scope != "document":
        return ()
    values = {name: _say(value) for name, value in constraint.params.items()}
    if _UNQUOTABLE.search(values.get("text", "")):
        return ()
    if constraint.kind == "language":
        code = str(constraint.params["code"])
        values["name"] = _CHINESE_NAMES.get(code, "") if language == "zh" else NAMES.get(code, "")
    key = f"{constraint.kind}.{_variant(constraint)}.{language}"
    templates = load_phrases("prompt_phrases").get(key, ())
    return tuple(Template(template).substitute(values) for template in templates)


def _variant(constraint: Constraint) -> str:
    params = constraint.params
    match constraint.kind:
        case "length":
            return str(params.get("stated"))
        case "sections":
            return str(params["unit"])
        case "headings" | "table" | "list" | "code":
            least = params.get("min")
            several = isinstance(least, int) and least > 1
            return ("several" if several else "wanted") if params["wanted"] else "unwanted"
        case "language":
            return "code"
        case _:
            return "text"


def _say(value: Json) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def state(request: str, wishes: Sequence[Constraint], language: str, seed: int) -> Statement | None:
    """Return a request that states constraints, each so that the compiler finds it again.

    A wish that is not found in the compiled prompt, or that brings something nobody wished, is
    left out and the rest stated anew.

    Args:
        request: What is asked for, in words of its own.
        wishes: What shall be stated.
        language: Of the request, one of `LANGUAGES`.
        seed: Decides wordings and layout.

    Returns:
        None where the request alone can't be compiled.
    """
    try:
        own = {_key(one) for one in compile_brief(request).constraints}
    except UsageError:
        return None
    said: list[tuple[Constraint, str]] = []
    left: list[Constraint] = []
    for number, wish in enumerate(wishes):
        rng = random.Random(derive_seed(seed, "phrase", number))
        sentences = phrase(wish, language)
        if sentences and _key(wish) not in own:
            said.append((wish, rng.choice(sentences)))
        elif not sentences:
            left.append(wish)
    while True:
        prompt = _join(request, [sentence for _, sentence in said], language, seed)
        try:
            brief = compile_brief(prompt)
        except UsageError:
            brief = None
        found = {_key(one) for one in brief.constraints} if brief else set()
        lost = [wish for wish, _ in said if _key(wish) not in found]
        if brief and not lost and found <= own | {_key(wish) for wish, _ in said}:
            return Statement(prompt, brief, tuple(left))
        if not said:
            return None
        out = lost or [said[-1][0]]
        left += out
        said = [(wish, sentence) for wish, sentence in said if wish not in out]


def _key(constraint: Constraint) -> tuple[str, str, frozenset[tuple[str, str]]]:
    """Return what makes two constraints the same requirement: hardness and quote don't."""
    told = {name: str(value) for name, value in constraint.params.items() if value is not None}
    return constraint.kind, constraint.scope, frozenset(told.items())


def _join(request: str, sentences: Sequence[str], language: str, seed: int) -> str:
    request = request.strip()
    if not sentences:
        return request
    rng = random.Random(derive_seed(seed, "layout"))
    if len(sentences) > 1 and rng.random() < 0.4:
        head = rng.choice(load_phrases("prompt_phrases")[f"joint.{language}"])
        return "\n".join([request, "", head, *(f"- {sentence}" for sentence in sentences)])
    if not _ENDED.search(request) or "\n" in request:
        return f"{request}\n\n" + ("" if language == "zh" else " ").join(sentences)
    return ("" if language == "zh" else " ").join([request, *sentences])


def find_false(brief: Brief, text: str) -> Constraint | None:
    """Return the first constraint of a brief that a text misses, None where it misses none."""
    scores = ((one, check(one, text, language=brief.language)) for one in brief.constraints)
    return next((one for one, score in scores if not holds(score)), None)


def name_form(brief: Brief) -> str:
    """Return the form that a brief names, such as ``essay``; empty where it names none."""
    found = (str(one.params["name"]) for one in brief.constraints if one.kind == "form")
    return next(found, "")
