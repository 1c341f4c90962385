"""A workbench over a stub engine, texts to work on, and an oracle that shares no code with ours."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from longwrite.agent.budget import Budget
from longwrite.agent.caller import Caller
from longwrite.agent.places import Places
from longwrite.agent.settings import Settings
from longwrite.api import Press
from longwrite.data.recipe import Recipe
from longwrite.data.rows import Drop, Row, Unit
from longwrite.data.workbench import Workbench
from longwrite.engines.engine import Watch
from longwrite.engines.placeholder import compose_sentence, compose_title
from longwrite.runs.store import Store
from longwrite.types import Abilities, CallError, Constraint, Reply, Request

Answer = Callable[[Request], str | CallError | Reply]

HOSTILE: dict[str, str | CallError | Reply] = {
    "server": CallError("server", "500"),
    "empty": CallError("empty", "nothing"),
    "blank": "   \n ",
    "cut": Reply("The harbour of Lisbon was", "length"),
    "refusal": "I'm sorry, but I can't help with that request.",
    "refusal zh": "很抱歉，我无法为您撰写这篇文章。",
    "html": "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>",
    "error": '{"error": {"message": "Rate limit reached", "code": 429}}',
    "status": "Internal Server Error",
    "null": "null",
    "think": "<think>What does the user want? A harbour.</think>\n\nWrite about the harbour.",
    "open think": "<think>What does the user want?",
    "loop": "The harbour lay still. " * 300,
    "chatter": "Sure! Here is the request you asked for:",
}
"""What broken engines and unwilling models say."""


class StubEngine:
    """Answers with what a function of the request returns."""

    identity = "stub"

    def __init__(self, answer: Answer, window: int = 32_768) -> None:
        self.abilities = Abilities(window, json=True)
        self.requests: list[Request] = []
        self._answer = answer

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        self.requests.append(request)
        said = self._answer(request)
        if isinstance(said, Reply):
            return said
        return Reply(error=said) if isinstance(said, CallError) else Reply(said, "stop")

    async def close(self) -> None:
        """Nothing is held."""


def no_answer(request: Request) -> str:
    """Fail the test that makes a call where none is to be made."""
    raise AssertionError(f"a call was made: {request.ask.step}")


def run(
    recipe: Recipe, folder: Path, answer: Answer = no_answer, *, window: int = 32_768
) -> tuple[list[Row], list[Drop], StubEngine]:
    """Make all rows of a recipe, one unit after another."""
    engine = StubEngine(answer, window)
    found: list[Row | Drop] = []

    async def make() -> None:
        places = Places(4)
        press = Press({"write": engine, "plan": engine, "check": engine}, {}, Budget(), places, 4)
        folder.mkdir(parents=True, exist_ok=True)
        store = Store(folder / "calls.sqlite")
        try:
            caller = Caller(press.engines, store, press.budget, places, engine.abilities)
            bench = Workbench(press, caller, folder, Settings())
            for unit in recipe.units():
                if isinstance(unit, Unit):
                    json.dumps(dict(unit.data))
                    found.extend(await recipe.make(unit, bench))
                else:
                    found.append(unit)
        finally:
            store.close()

    asyncio.run(make())
    ids = [one.id for one in found]
    assert len(ids) == len(set(ids))
    rows = [one for one in found if isinstance(one, Row)]
    return rows, [one for one in found if isinstance(one, Drop)], engine


# --- texts ---------------------------------------------------------------------------------------


def compose(
    language: str, seed: int, *, words: int = 600, sections: int = 0, extras: str = ""
) -> str:
    """Return a text of about so many words, with headings, and a table, list or code as wished."""
    rng = random.Random(seed)
    glue = "" if language == "zh" else " "
    blocks: list[str] = []
    if sections:
        blocks.append(f"# {compose_title(rng, language)}")
    for number in range(max(1, sections)):
        if sections:
            blocks.append(f"## {number + 1} {compose_title(rng, language)}")
        paragraph: list[str] = []
        while sum(map(_plain_count, paragraph)) < words / max(1, sections):
            paragraph.append(compose_sentence(rng, language))
            if rng.random() < 0.05:
                paragraph.append(_odd(language, rng.randint(1_000, 9_999)))
            if rng.random() < 0.2:
                paragraph[-1] += "\n\n"
        blocks.append(glue.join(paragraph).strip())
    made = {
        "table": "| a | b |\n|---|---|\n| one | two |",
        "list": "- a lantern\n- a ledger\n- a mill",
        "numbers": "1. a lantern\n2. a ledger",
        "code": "```python\nprint('# no heading')\n```",
    }
    for name in extras.split():
        blocks.insert(rng.randint(min(3, len(blocks)), len(blocks)), made[name])
    blocks.append("这就是结局。" if language == "zh" else "That is how it ended.")
    return "\n\n".join(blocks)


def _odd(language: str, number: int) -> str:
    if language == "zh":
        return f"他在{number}年读AI，花{number}.5元。"
    return f"It's well-known: {number:,} of **them** left [it](http://x.y/z)."


def _plain_count(text: str) -> int:
    return len(re.findall(r"[\u4e00-\u9fff]|[A-Za-z]+", text))


# --- the oracle ----------------------------------------------------------------------------------


def count(text: str, language: str) -> int:
    """Count words, or Chinese characters with the words between them, by plain regexes."""
    text = re.sub(r"\]\([^)]*\)", "]", text)
    if language == "zh":
        return len(re.findall(r"[\u4e00-\u9fff]|[A-Za-z0-9]+(?:[.,][0-9]+)*", text))
    return len(re.findall(r"[A-Za-z0-9]+(?:['’,.-][A-Za-z0-9]+)*", text))


def is_true(constraint: Constraint, text: str, language: str) -> bool:
    """Tell whether a text meets a constraint, in another way than the product does."""
    params = constraint.params
    lines = list(_lines(text))
    if constraint.kind == "length":
        words = count(text, language)
        given = {name: int(str(n)) for name, n in params.items() if isinstance(n, int)}
        target = given.get("target", words)
        near = abs(words - target) <= max(20, target // 20)
        return near and given.get("min", words) <= words <= given.get("max", words)
    if constraint.kind == "sections":
        heads = [len(line) - len(line.lstrip("#")) for line in lines if line.startswith("#")]
        return any(1 < heads.count(level) == params["count"] for level in set(heads))
    if constraint.kind == "mention":
        return bool(_word(str(params["text"])).search(text))
    if constraint.kind == "avoid":
        return str(params["text"]).lower() not in text.lower()
    if constraint.kind == "title":
        return str(params["text"]) in text.split("\n")[0]
    if constraint.kind == "language":
        han = len(re.findall("[\u4e00-\u9fff]", text))
        return (han > count(text, "en")) == (params["code"] == "zh")
    found = {
        "headings": sum(line.startswith("#") for line in lines[1:]),
        "table": sum(bool(re.match(r"\s*\|?[-:| ]*-[-:| ]*\|[-:| ]*$", line)) for line in lines),
        "list": sum(bool(re.match(r"\s*(?:[-*+]|\d+[.)]) ", line)) for line in lines),
        "code": len(re.findall(r"^ {0,3}(?:```|~~~)", text, re.MULTILINE)) // 2,
    }[constraint.kind]
    least = params.get("min")
    enough = max(1, least) if isinstance(least, int) else 1
    return found >= enough if params["wanted"] else not found


def _word(term: str) -> re.Pattern[str]:
    bounded = rf"\b{re.escape(term)}\b" if term.isascii() else re.escape(term)
    return re.compile(bounded, re.IGNORECASE)


def _lines(text: str) -> Iterator[str]:
    code = False
    for line in text.split("\n"):
        code = code != line.startswith("```")
        if not code:
            yield line
