"""What can go wrong with an answer over HTTP, on demand, at any byte of any call.

A rule names calls by their number and what happens to them. `KINDS` is the list; the field notes
have seen each of them in the wild.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

KINDS = {
    "rate": "429 with Retry-After in seconds",
    "dated": "429 with Retry-After as a date",
    "server": "500",
    "html": "a web page with status 200",
    "garbage": "an event that is no JSON",
    "empty": "a complete answer without text",
    "none": "a complete answer whose text is null",
    "choices": "a complete answer without choices",
    "event": "`event: error` in the stream",
    "unfinished": "the end of the stream without finish reason",
    "length": "cut at half of the text, with finish reason `length`",
    "cut": "the connection closed after `at` bytes of the body",
    "reset": "the connection reset after `at` bytes of the body",
    "stall": "nothing more after `at` bytes of the body, the connection open",
    "trickle": "a keep-alive comment for ever instead of the rest after `at` bytes",
    "think": "the text after think tags",
    "unopened": "the text after thinking that has only its closing tag",
    "unclosed": "thinking that never closes",
    "renamed": "thinking in tags of another name, in capitals, with an attribute",
    "amid": "thinking in the midst of the text",
    "channel": "thinking in the channel that servers have for it",
    "refusal": "a refusal",
    "foreign": "another language",
    "loop": "one sentence again and again",
    "overflow": "400, the context is too long",
    "model": "another model's name from the middle of this answer on, in all later ones too",
}
"""Name of a fault and what it does."""

CONNECTION = frozenset({"cut", "reset", "stall", "trickle"})
"""Faults of the connection; the others are of what is said."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault of one call, or of some in a row.

    Attributes:
        kind: One of `KINDS`.
        call: Number of the first call, from 1; 0 for every call.
        at: Bytes of the body that come before it, for faults of the connection.
        wait: Seconds of Retry-After.
        times: How many calls in a row; 0 for all that follow.
        step: Bytes by which `at` grows from one of these calls to the next.
    """

    kind: str
    call: int = 0
    at: int = 0
    wait: float = 0.0
    times: int = 1
    step: int = 0


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Read rules from a JSON list of objects with the fields of `Rule`.

    Raises:
        ValueError: It is no such list.
    """
    try:
        rules = tuple(Rule(**entry) for entry in json.loads(text))
    except TypeError as error:
        raise ValueError(f"no list of rules: {error}") from error
    unknown = {rule.kind for rule in rules} - set(KINDS)
    if unknown:
        raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; there are {list(KINDS)}")
    return rules


def find_rule(rules: Sequence[Rule], call: int) -> Rule | None:
    """Return the rule of a call, the first that fits, with the bytes that it means for this one."""
    for rule in rules:
        place = call - rule.call if rule.call else 0
        if place == 0 or (place > 0 and (place < rule.times or rule.times == 0)):
            return replace(rule, at=rule.at + place * rule.step)
        if rule.kind == "model" and place > 0:
            return rule
    return None


def change_text(kind: str, text: str) -> str:
    """Return an answer with a fault of what is said in it."""
    half = len(text) // 2
    changed: Mapping[str, str] = {
        "empty": "",
        "think": f"<think>\nFirst a plan.\n</think>\n\n{text}",
        "unopened": f"First a plan.\n</think>\n\n{text}",
        "unclosed": f"<think>\n{text}",
        "renamed": f'<THINKING kind="plan">\nFirst a plan.\n</THINKING>\n\n{text}',
        "amid": f"{text[:half]}<think>First a plan.</think>{text[half:]}",
        "refusal": "I'm sorry, but I can't help with that request.",
        "foreign": "那天海很平静，他沿着河岸走了很久，什么也没有说。" * max(1, len(text) // 120),
        "loop": text[: len(text) // 3] + " The sea was calm and the boat was slow." * 200,
        "length": text[:half],
    }
    return changed.get(kind, text)


def refuse(rule: Rule) -> tuple[int, str, Any] | None:
    """Return status, content type and body of a fault that brings no stream; None for others."""
    if rule.kind in {"rate", "dated"}:
        return 429, "application/json", {"error": {"message": "Too many requests"}}
    if rule.kind == "server":
        return 500, "application/json", {"error": {"message": "The server is out of order"}}
    if rule.kind == "overflow":
        message = "This model's maximum context length is 4096 tokens"
        error = {"message": message, "code": "context_length_exceeded"}
        return 400, "application/json", {"error": error}
    if rule.kind == "html":
        return 200, "text/html", "<!doctype html><title>Sign in</title>"
    return None
