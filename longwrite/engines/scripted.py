"""An engine without a model: replies from a script or by a rule, always the same.

It is part of the product. It shows what a run does without a key or a GPU, faster than any model,
and with faults on demand it lets anyone see that a run loses nothing. Its prose is grammatical and
about nothing, and whoever uses it is told so.

Options stand behind a colon: ``scripted:spread=0.3,delay=0.05,server=0.1``. ``spread`` is how far
a length may miss (0.3: ±30 %), ``delay`` the seconds of a call, ``window``, ``json``, ``checks``
what it claims to be able to, ``seed`` another world, ``journal`` a file that gets a line for each
call begun; each name of `FAULTS` is a probability that
a call fails that way. ``script=FILE`` gives replies word for word (see `ScriptedEngine.load`).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Any

from longwrite.engines.engine import Watch
from longwrite.engines.placeholder import compose_sentence, compose_title, is_spaceless
from longwrite.errors import UsageError
from longwrite.text import count_words, estimate_tokens, sentences
from longwrite.types import Abilities, Ask, CallError, Finish, Reply, Request, Usage

FAULTS = ("server", "empty", "refusal", "loop", "truncated", "leak", "foreign", "garbled")
"""Faults on demand: a failed call, no text, a refusal, a loop, a text without its end, tags and
chatter around the text, another language, a plan that is no plan."""


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One reply of a script; it answers the first request that fits and is then used up."""

    text: str = ""
    step: str = ""
    section: str = ""
    error: str = ""
    finish: str = "stop"


@dataclass(frozen=True, slots=True)
class Rule:
    """How the engine behaves; each field is an option."""

    spread: float = 0.0
    delay: float = 0.0
    seed: int = 0
    window: int = 32_768
    json: bool = True
    checks: bool = True
    faults: Mapping[str, float] = field(default_factory=dict)
    script: tuple[ScriptLine, ...] = ()
    journal: str = ""


def parse_rule(options: str) -> Rule:
    """Read the options behind ``scripted:``.

    Raises:
        UsageError: An unknown option, or a value that is no number.
    """
    known: dict[str, Any] = {}
    faults: dict[str, float] = {}
    names = {entry.name for entry in fields(Rule)} - {"faults"}
    for part in filter(None, options.split(",")):
        name, _, value = part.partition("=")
        try:
            if name == "script":
                known[name] = load_script(Path(value))
            elif name == "journal":
                known[name] = value
            elif name in FAULTS:
                faults[name] = _number(value or "1")
            elif name in {"json", "checks"}:
                known[name] = bool(int(value))
            elif name in {"seed", "window"}:
                known[name] = int(value)
            elif name in names:
                known[name] = _number(value)
            else:
                raise UsageError(
                    f"The scripted engine has no option '{name}'",
                    mend=f"It has {', '.join(sorted(names | set(FAULTS)))}.",
                )
        except ValueError as error:
            raise UsageError(f"scripted:{name}", f"'{value}' is no number") from error
    return Rule(**known, faults=faults)


def _number(value: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def load_script(path: Path) -> tuple[ScriptLine, ...]:
    """Read a script: one JSON object a line, with the fields of `ScriptLine`.

    Raises:
        UsageError: The file can't be read or a line is no such object.
    """
    try:
        rows = path.read_text(encoding="utf-8").split("\n")
        lines = tuple(ScriptLine(**json.loads(row)) for row in rows if row.strip())
        if not all(isinstance(value, str) for line in lines for value in astuple(line)):
            raise TypeError("a field is no text")
        return lines
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, TypeError) as error:
        raise UsageError(
            f"Script '{path}' can't be used", str(error), "Write one JSON object a line."
        ) from error


class ScriptedEngine:
    """Answers by a rule; see the module for its options."""

    def __init__(self, rule: Rule | None = None) -> None:
        """Start with no call made."""
        self.rule = rule or Rule()
        self.calls = 0
        self._script = list(self.rule.script)
        self._prefixes: set[bytes] = set()

    @property
    def identity(self) -> str:
        """The rule's own name; speed and faults don't make another model."""
        return f"scripted:seed={self.rule.seed},spread={self.rule.spread:g}"

    @property
    def abilities(self) -> Abilities:
        """What the rule claims."""
        return Abilities(self.rule.window, self.rule.json, self.rule.checks, deterministic=True)

    async def close(self) -> None:
        """Nothing is held."""

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        """Answer by the script, else by the rule."""
        self.calls += 1
        if self.rule.journal:
            ask, seed = request.ask, request.sampling.seed
            with Path(self.rule.journal).open("a", encoding="utf-8") as stream:
                stream.write(f"{ask.step} {ask.section} {seed}\n")
        if self.rule.delay:
            await asyncio.sleep(self.rule.delay)
        prompt, cached = self._count_prompt(request)
        if prompt + request.sampling.max_tokens > self.rule.window:
            return Reply(error=CallError("window", "The request is larger than the window."))
        line = self._take_line(request.ask)
        digest = hashlib.sha256(
            f"{self.rule.seed}\0{request.sampling.seed}\0{request.attempt}\0"
            f"{request.ask.step}\0{request.messages[-1].content}".encode()
        ).hexdigest()
        rng = random.Random(digest)
        fault = self._draw_fault(digest, request.ask)
        if line is not None and line.error:
            return Reply(error=CallError(line.error, "The script says so."))
        if fault == "server":
            return Reply(error=CallError("server", "The scripted engine failed on demand."))
        if fault == "empty":
            return Reply(error=CallError("empty", "The scripted engine answered nothing."))
        text = line.text if line is not None else self._compose(request, rng, fault)
        return self._finish(request, text, Usage(prompt, None, cached), line, watch)

    def _finish(
        self,
        request: Request,
        text: str,
        usage: Usage,
        line: ScriptLine | None,
        watch: Watch | None,
    ) -> Reply:
        cut = False
        while estimate_tokens(text) > request.sampling.max_tokens:
            text, cut = text[: int(len(text) * 0.97)], True
        finish: Finish = "length" if cut or (line and line.finish == "length") else "stop"
        if watch is not None:
            # A watch remembers what it has seen, so each place is shown to it once.
            places = range(500, len(text), 500)
            end = next((place for place in places if watch(text[:place])), None)
            if end is not None:
                text, finish = text[:end], "watch"
        usage = Usage(usage.prompt, estimate_tokens(text), usage.cached)
        return Reply(text, finish, usage, model="scripted")

    def _count_prompt(self, request: Request) -> tuple[int, int]:
        """Return the prompt's tokens and those of its longest prefix seen before."""
        total = cached = 0
        chain = hashlib.sha256(self.identity.encode())
        for message in request.messages:
            total += estimate_tokens(message.content) + 4
            chain.update(f"{message.role}\0{message.content}\0".encode())
            if chain.digest() in self._prefixes:
                cached = total
            self._prefixes.add(chain.digest())
        return total, cached

    def _take_line(self, ask: Ask) -> ScriptLine | None:
        for position, line in enumerate(self._script):
            if line.step in {"", ask.step} and line.section in {"", ask.section}:
                return self._script.pop(position)
        return None

    def _draw_fault(self, digest: str, ask: Ask) -> str:
        """Return the fault of this call: a text's by what is asked, a failed call's by chance.

        A failed call is stored nowhere, and has to be able to succeed when it is made again.
        """
        rng = random.Random(digest)
        for name in FAULTS:
            failed = name in {"server", "empty"}
            if not failed and (name == "garbled") != ask.step.startswith("plan"):
                continue
            chance = random.random() if failed else rng.random()
            if chance < self.rule.faults.get(name, 0.0):
                return name
        return ""

    def _compose(self, request: Request, rng: random.Random, fault: str) -> str:
        ask = request.ask
        if ask.step.startswith("plan"):
            if fault == "garbled":
                return 'Let me think about it… {"sections": [ {"title":'
            return compose_plan(ask, rng, as_json=request.schema is not None)
        if ask.step == "facts":
            return compose_facts(ask)
        wanted = round(ask.words * (1 + self.rule.spread * rng.uniform(-1, 1)))
        language = ask.language
        if fault == "refusal":
            return "I'm sorry, but I can't help with that request."
        if fault == "foreign":
            language = "en" if language[:2] == "zh" else "zh"
        if fault == "loop":
            head = compose_text(max(20, wanted // 3), language, rng)
            return head + "\n\n" + compose_text(30, language, rng).strip() * max(4, wanted // 20)
        text = compose_text(wanted, language, rng, paragraphs=ask.step != "seam")
        if ask.step.endswith(".repair"):
            text = compose_wishes(request.messages[-1].content) + text
        if fault == "truncated":
            return text[: -min(12, len(text) // 2)]
        if fault == "leak":
            return (
                f"<think>plan</think>Sure! Here is the section:\n\n{text}\n\n(Word count: {wanted})"
            )
        return text


def compose_text(wanted: int, language: str, rng: random.Random, *, paragraphs: bool = True) -> str:
    """Return about `wanted` words in whole sentences, as near as a sentence allows."""
    done: list[str] = []
    current: list[str] = []
    total = 0
    glue = "" if is_spaceless(language) else " "
    size = rng.randint(3, 7)
    while total < wanted or not total:
        sentence = compose_sentence(rng, language)
        count = count_words(sentence)
        if total and total + count - wanted > wanted - total:
            break
        current.append(sentence)
        total += count
        if paragraphs and len(current) >= size:
            done.append(glue.join(current))
            current, size = [], rng.randint(3, 7)
    if current:
        done.append(glue.join(current))
    return "\n\n".join(done)


def compose_wishes(prompt: str) -> str:
    """Return what a repair asks for by name, so that a run shows how a miss is mended."""
    kinds = {
        "a table": "| Item | Place |\n|---|---|\n| lantern | quay |\n| ledger | mill |",
        "a list": "- a lantern\n- a ledger",
        "a code block": "```text\nlantern = quay\n```",
        "headings": "## A heading",
    }
    wished = re.findall(r'must contain the words "(.{1,200})"', prompt)
    found = [f"Here stands {text}." for text in wished]
    found += [body for name, body in kinds.items() if f"must contain {name}" in prompt]
    return "".join(f"{part}\n\n" for part in found)


def compose_plan(ask: Ask, rng: random.Random, *, as_json: bool) -> str:
    """Return a plan of as many entries as asked for, as JSON or as plain lines."""
    language, count = ask.language, max(1, ask.items)
    titles: list[str] = []
    while len(titles) < count:
        title = compose_title(rng, language)
        if title not in titles:
            titles.append(title)
    weights = [max(1, round(ask.words / count * rng.uniform(0.8, 1.2))) for _ in titles]
    goals = [compose_sentence(rng, language) for _ in titles]
    heading = compose_title(rng, language)
    bible = " ".join(compose_sentence(rng, language) for _ in range(3))
    if not as_json:
        lines = [
            f"{n}. {t} | {g} | {w}"
            for n, (t, g, w) in enumerate(zip(titles, goals, weights, strict=True), 1)
        ]
        if ask.step == "plan.lines":
            lines = [
                f"Paragraph {n} - Main Point: {g} - Word Count: {w} words"
                for n, (g, w) in enumerate(zip(goals, weights, strict=True), 1)
            ]
        return "\n".join([f"Title: {heading}", f"Bible: {bible}", *lines])
    entries = [
        {
            "title": title,
            "goal": goal,
            "words": weight,
            "entry": compose_sentence(rng, language),
            "exit": compose_sentence(rng, language),
            "establishes": [title],
        }
        for title, goal, weight in zip(titles, goals, weights, strict=True)
    ]
    return json.dumps({"title": heading, "bible": bible, "sections": entries}, ensure_ascii=False)


def compose_facts(ask: Ask) -> str:
    """Return one fact about the quotable text, with the words that show it."""
    found: Sequence[str] = [piece.strip() for piece in sentences(ask.quotable) if piece.strip()]
    facts = [
        {
            "entity": ask.title or ask.section,
            "attribute": "opening",
            "value": quote[:40],
            "quote": quote,
        }
        for quote in found[:1]
    ]
    return json.dumps({"facts": facts}, ensure_ascii=False)
