"""Patterns of sentences: read from text files, compiled, and expanded into endlessly many.

A pattern is text with slots in braces and alternatives in square brackets. A slot names another
rule, or words that the `Speaker` of a text supplies. No fixed run of words is longer than five, so
what is composed hardly ever says the same ten words twice.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from longwrite.errors import UsageError

_PARTS = re.compile(r"[{}\[\]|]|[^{}\[\]|]+")


@dataclass(frozen=True, slots=True)
class Slot:
    """A name to be filled."""

    name: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Alternatives, each a sequence of nodes."""

    options: tuple[tuple[Node, ...], ...]


_SPOKEN = frozenset({"question"})
"""Slots that a sentence rule has the name of."""

Node = str | Slot | Choice
Pattern = tuple[Node, ...]
Grammar = Mapping[str, tuple[Pattern, ...]]

Words = Callable[[str], str]
"""Supplies the words of a slot that is no rule.

Raises:
    KeyError: There is no such slot.
"""


def compile_pattern(text: str) -> Pattern:
    """Return a pattern ready for expansion.

    Raises:
        UsageError: A bracket or brace isn't closed.
    """
    tokens = _PARTS.findall(text)
    nodes, rest = _read(tokens, 0, inside=False)
    if rest != len(tokens):
        raise UsageError(f"The pattern '{text}' has a bracket too many")
    return nodes[0]


def _read(tokens: Sequence[str], place: int, *, inside: bool) -> tuple[list[Pattern], int]:
    options: list[list[Node]] = [[]]
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if token == "{":
            if tokens[place + 1 : place + 2] != ["}"]:
                raise UsageError(f"A brace isn't closed after '{tokens[place][:40]}'")
            options[-1].append(Slot(tokens[place]))
            place += 2
        elif token == "[":
            inner, place = _read(tokens, place, inside=True)
            options[-1].append(Choice(tuple(inner)))
        elif token == "|" and inside:
            options.append([])
        elif token == "]" and inside:
            return [tuple(option) for option in options], place
        elif token in "]}":
            raise UsageError("A pattern has a bracket too many")
        else:
            options[-1].append(token)
    if inside:
        raise UsageError(f"A square bracket isn't closed: '{''.join(tokens)[:60]}'")
    return [tuple(option) for option in options], place


def parse_grammar(text: str) -> dict[str, tuple[Pattern, ...]]:
    """Return the rules of a pattern file: a name, then its patterns, each indented on a line."""
    rules: dict[str, list[Pattern]] = {}
    name = ""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace():
            rules[name].append(compile_pattern(line.strip()))
        else:
            name = line.strip().rstrip(":")
            rules.setdefault(name, [])
    return {name: tuple(patterns) for name, patterns in rules.items()}


@cache
def load_grammar(*names: str) -> Grammar:
    """Return the rules of some pattern files; a later file's rule replaces an earlier one's."""
    rules: dict[str, tuple[Pattern, ...]] = {}
    for name in names:
        source = files("longwrite.nano") / "corpus" / "patterns" / f"{name}.txt"
        rules |= parse_grammar(source.read_text("utf-8"))
    return rules


class Expander:
    """Expands rules into text.

    Args:
        grammar: The rules.
        words: Fills the slots that are no rules.
        rng: Draws.
    """

    def __init__(self, grammar: Grammar, words: Words, rng: random.Random) -> None:
        """Keep what expansion needs."""
        self._grammar, self._words, self._rng = grammar, words, rng
        self._last: dict[str, int] = {}

    def expand(self, rule: str) -> str:
        """Return one expansion of a rule; never twice running by the same of its patterns."""
        patterns = self._grammar[rule]
        place = int(self._rng.random() * len(patterns))
        if place == self._last.get(rule) and len(patterns) > 1:
            place = (place + 1) % len(patterns)
        self._last[rule] = place
        return "".join(self._walk(patterns[place]))

    def _walk(self, pattern: Pattern) -> Iterator[str]:
        for node in pattern:
            if isinstance(node, str):
                yield node
            elif isinstance(node, Slot):
                own = node.name in self._grammar and node.name not in _SPOKEN
                yield self.expand(node.name) if own else self._words(node.name)
            else:
                options = node.options
                yield from self._walk(options[int(self._rng.random() * len(options))])

    def sentence(self, rule: str) -> str:
        """Return a rule's expansion as a sentence: capital, single spaces, closing mark."""
        return finish_sentence(self.expand(rule))


_SPACES = re.compile(r"\s{2,}")
_BEFORE = re.compile(r"\s+([,.;:!?])")
_NEXT = re.compile(r"[?!] [a-z]")
_DOUBLED = re.compile(r"([,;:])(?:\s*[,;:])+")


def finish_sentence(text: str) -> str:
    """Return text as a sentence: a capital first, one closing mark, no stray spaces or commas."""
    text = _BEFORE.sub(r"\1", _SPACES.sub(" ", text)).strip(" ,;")
    text = _DOUBLED.sub(r"\1", text)
    place = 1 if text[:1] in "“‘(" else 0
    text = text[:place] + text[place : place + 1].upper() + text[place + 1 :]
    text = _NEXT.sub(lambda match: match.group().upper(), text)
    return text if text[-1:] in ".!?:" or text[-2:] in {".”", "!”", "?”"} else f"{text}."
