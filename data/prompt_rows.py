"""Prompts to be trained on by reward: each with its compiled constraints and its target.

The rows are spread over a grid of lengths, languages, genres and constraints, so that no corner of
it is missing and none fills the set; any first part of them is spread as evenly as can be. With
topics from a file no model is asked.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import ClassVar

from longwrite.data.invention import EXAMPLES, draw_angle, invent
from longwrite.data.phrasing import LANGUAGES, load_phrases, name_form, state
from longwrite.data.prompt_files import read_lines
from longwrite.data.properties import find_step, round_number
from longwrite.data.recipe import check_bounds, check_choices
from longwrite.data.rows import Drop, Row, Shape, Unit
from longwrite.data.workbench import Workbench
from longwrite.errors import UsageError
from longwrite.language import detect_language
from longwrite.prompts import derive_seed
from longwrite.rewards.wording import find_constraints
from longwrite.runs.store import digest
from longwrite.types import Constraint, Json, Message

GENRES = ("story", "essay", "report", "guide", "article", "speech")
KINDS = ("length", "sections", "headings", "table", "list", "code", "mention", "avoid", "language")
"""What a row asks for beside its length; ``length`` for nothing else."""

UNSUITED = frozenset(
    {(genre, kind) for genre in ("story", "speech") for kind in ("table", "list", "code")}
    | {("speech", "headings"), ("speech", "sections")}
    | {(genre, "code") for genre in ("essay", "report", "article")}
)
"""Genre and kind that nobody asks for together."""

_BATCH = 6
_WORDS_A_SECTION = 300
_ORDERS = {
    "en": ("Write", "Compose", "Explain", "Describe", "Tell", "Create", "Draft", "Discuss"),
    "zh": ("写", "请", "撰写", "介绍", "创作", "编写", "描述", "讲述"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A place of the grid; `least` and `most` bound its length in words."""

    least: int
    most: int
    language: str
    genre: str
    kind: str


@dataclass(frozen=True)
class PromptRows:
    """Prompts over a grid.

    Attributes:
        rows: How many.
        topics: Files of topics or whole requests, one a line, or rows with a prompt; none to have
            them made up.
        examples: Files of topics that made-up ones are led by.
        languages: Of `LANGUAGES`.
        genres: Of `GENRES`.
        kinds: Of `KINDS`.
        shortest: Words of the shortest text asked for.
        longest: Words of the longest.
        steps: Lengths that the grid tells apart between the two, each as much longer than the one
            before.
        attempts: Calls for the topics of a unit.
        seed: Of the draws.
    """

    rows: int = 480
    topics: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    languages: tuple[str, ...] = LANGUAGES
    genres: tuple[str, ...] = GENRES
    kinds: tuple[str, ...] = KINDS
    shortest: int = 1_000
    longest: int = 32_000
    steps: int = 5
    attempts: int = 3
    seed: int = 0

    name: ClassVar[str] = "prompts"
    shapes: ClassVar[tuple[Shape, ...]] = ("prompt",)
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        """Refuse options that make no sense.

        Raises:
            UsageError: One of them doesn't.
        """
        check_choices(self, languages=LANGUAGES, genres=GENRES, kinds=KINDS)
        check_bounds(self, rows=(1, math.inf), steps=(1, math.inf), attempts=(1, math.inf))
        if not 100 <= self.shortest <= self.longest <= 200_000:
            raise UsageError(
                f"Can't ask for {self.shortest:,} to {self.longest:,} words",
                "shortest is at least 100, longest at most 200,000 and not below it",
            )
        if not make_grid(self):
            raise UsageError(
                "No cell of the grid is left",
                "none of the genres goes with any of the kinds",
                "Add length to kinds.",
            )

    def units(self) -> Iterator[Unit | Drop]:
        """Yield the cells, with their topics or so many that one call can bring theirs.

        Raises:
            UsageError: A file of topics isn't there, or has none in one of the languages.
        """
        grid = make_grid(self)
        cells = [grid[number % len(grid)] for number in range(self.rows)]
        if self.topics:
            yield from self._with_topics(cells)
        else:
            yield from self._without_topics(cells)

    def _with_topics(self, cells: Sequence[Cell]) -> Iterator[Unit]:
        topics = _sort_by_language(read_lines(self.topics))
        for language in self.languages:
            if not topics[language]:
                known = [one for one in self.languages if topics[one]] or ["…"]
                raise UsageError(
                    f"The topics hold none in {language!r}",
                    f"{', '.join(self.topics)} was read",
                    f"Add some, or set languages: [{', '.join(known)}]",
                )
        used: Counter[str] = Counter()
        for number, cell in enumerate(cells):
            known = topics[cell.language]
            topic = known[used[cell.language] % len(known)]
            used[cell.language] += 1
            identity = digest("topic", topic, repr(cell), str(self.seed + number))[:16]
            yield Unit(identity, {"topic": topic, "cells": [_to_json(cell)]})

    def _without_topics(self, cells: Sequence[Cell]) -> Iterator[Unit]:
        examples = _sort_by_language(read_lines(self.examples) if self.examples else [])
        groups: dict[tuple[str, str], list[Cell]] = defaultdict(list)
        for cell in cells:
            groups[cell.language, cell.genre].append(cell)
        for (language, genre), group in groups.items():
            for start in range(0, len(group), _BATCH):
                batch = group[start : start + _BATCH]
                identity = digest("batch", repr(batch), str(start), str(self.seed))[:16]
                rng = random.Random(derive_seed(self.seed, "examples", identity))
                known = examples[language]
                data: dict[str, Json] = {
                    "cells": [_to_json(cell) for cell in batch],
                    "language": language,
                    "genre": genre,
                    "angle": draw_angle(rng),
                    "examples": list(rng.sample(known, min(EXAMPLES, len(known)))),
                }
                yield Unit(identity, data)

    async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]:
        """Return a row, or why there is none, for each cell.

        Raises:
            LongwriteError: No call can succeed.
        """
        cells = _read_cells(unit.data["cells"])
        if "topic" in unit.data:
            return [self._make_row(unit, 0, str(unit.data["topic"]), cells[0], "")]
        shown = unit.data["examples"]
        topics, fault = await invent(
            workbench, unit, "prompt_topics",
            count=len(cells), language=cells[0].language, attempts=self.attempts,
            examples=[str(one) for one in shown] if isinstance(shown, list) else [],
            genre=_article(cells[0].genre), angle=str(unit.data["angle"]),
        )  # fmt: skip
        rows: list[Row | Drop] = [
            self._make_row(unit, number, topic, cell, workbench.model)
            for number, (topic, cell) in enumerate(zip(topics, cells, strict=False))
        ]
        missing = range(len(topics), len(cells))
        return rows + [Drop(f"{unit.id}-{number}", "recipe", *fault) for number in missing]

    def _make_row(self, unit: Unit, number: int, topic: str, cell: Cell, model: str) -> Row | Drop:
        name = f"{unit.id}-{number}"
        seed = derive_seed(self.seed, "row", name)
        rng = random.Random(seed)
        whole = is_request(topic, cell.language)
        request = topic
        if not whole:
            frames = load_phrases("prompt_phrases")[f"request.{cell.genre}.{cell.language}"]
            plain = topic.rstrip(" .。!！?？")
            request = rng.choice(frames).replace("$topic", plain)
        own = find_constraints(request)
        if any(one.kind in {"length", cell.kind} for one in own):
            return Drop(name, "recipe", "topic states a constraint itself", topic[:120])
        words = draw_words(cell, rng)
        wishes = [draw_length(words, rng), *draw_wish(cell, words, rng)]
        statement = state(request, wishes, cell.language, seed)
        if statement is None or statement.left_out:
            return Drop(name, "recipe", "constraint can't be phrased", topic[:120])
        brief = statement.brief
        provenance: dict[str, Json] = {
            "recipe": self.name,
            "topic": topic,
            "cell": _to_json(cell),
            "model": model,
        }
        return Row(
            id=name,
            shape="prompt",
            prompt=(Message("user", statement.prompt),),
            constraints=brief.constraints,
            target=brief.words,
            language=cell.language,
            genre=name_form(brief) if whole else cell.genre,
            provenance=provenance,
        )


def make_grid(recipe: PromptRows) -> list[Cell]:
    """Return the cells in an order whose every beginning holds each value about as often."""
    bounds = _spread(recipe.shortest, recipe.longest, recipe.steps)
    axes = product(bounds, recipe.languages, recipe.genres, recipe.kinds)
    cells = [
        Cell(least, most, language, genre, kind)
        for (least, most), language, genre, kind in axes
        if (genre, kind) not in UNSUITED
    ]
    random.Random(derive_seed(recipe.seed, "grid")).shuffle(cells)
    counts: Counter[tuple[str, str | int]] = Counter()
    ordered: list[Cell] = []
    while cells:
        place = min(range(len(cells)), key=lambda at: sum(counts[v] ** 2 for v in _axes(cells[at])))
        cell = cells.pop(place)
        counts.update(_axes(cell))
        ordered.append(cell)
    return ordered


def _axes(cell: Cell) -> tuple[tuple[str, str | int], ...]:
    return (
        ("words", cell.least), ("language", cell.language),
        ("genre", cell.genre), ("kind", cell.kind),
    )  # fmt: skip


def _spread(shortest: int, longest: int, steps: int) -> list[tuple[int, int]]:
    ratio = math.log(longest / shortest) / steps
    edges = [round(shortest * math.exp(ratio * step)) for step in range(steps + 1)]
    return list(dict.fromkeys(pairwise(edges)))


def draw_words(cell: Cell, rng: random.Random) -> int:
    """Return a length of a cell: even on a logarithmic scale, of two digits."""
    words = round(math.exp(rng.uniform(math.log(cell.least), math.log(cell.most))))
    return min(max(round_number(words, 2), cell.least), cell.most)


def draw_length(words: int, rng: random.Random) -> Constraint:
    """Return a length constraint around so many words."""
    stated = rng.choice(("about", "at_least", "at_most", "between"))
    step = find_step(words, 2)
    spare = max(1, words // step // 8) * step
    params: dict[str, Json] = {
        "min": {"at_least": words, "between": words - spare}.get(stated),
        "max": {"at_most": words, "between": words + spare}.get(stated),
        "target": words if stated == "about" else None,
    }
    return Constraint("length", params | {"unit": "words", "stated": stated})


def draw_wish(cell: Cell, words: int, rng: random.Random) -> list[Constraint]:
    """Return what a cell asks for beside its length; nothing where that is its kind."""
    kind, language = cell.kind, cell.language
    if kind == "length":
        return []
    if kind == "sections":
        count = rng.randint(2, max(3, min(14, words // _WORDS_A_SECTION)))
        chapters = cell.genre == "story"
        unit = "chapters" if chapters else "parts" if language == "zh" else "sections"
        values: dict[str, Json] = {"count": count, "min": count, "max": count, "unit": unit}
        return [Constraint("sections", values)]
    if kind in {"mention", "avoid"}:
        word = rng.choice(load_phrases("prompt_words")[f"{kind}.{language}"])
        return [Constraint(kind, {"text": word})]
    if kind == "language":
        return [Constraint("language", {"code": language})]
    if kind == "headings":
        return [Constraint("headings", {"wanted": cell.genre != "story" and rng.random() < 0.7})]
    wanted = kind == "code" or rng.random() < 0.7
    least = rng.choice((1, 1, 2, 3)) if wanted and kind != "list" else int(wanted)
    return [Constraint(kind, {"wanted": wanted, "min": least})]


def is_request(line: str, language: str) -> bool:
    """Tell whether a line is a whole request, and not a topic that one is made of.

    >>> is_request("Write about the sea.", "en"), is_request("the sea at night", "en")
    (True, False)
    """
    return line.startswith(_ORDERS[language]) or line.rstrip()[-1:] in "?？"


def _article(genre: str) -> str:
    return f"{'an' if genre[0] in 'aeiou' else 'a'} {genre}"


def _sort_by_language(lines: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    for line in lines:
        found["zh" if detect_language(line) == "zh" else "en"].append(line)
    return found


def _to_json(cell: Cell) -> dict[str, Json]:
    return {
        "least": cell.least, "most": cell.most, "language": cell.language,
        "genre": cell.genre, "kind": cell.kind,
    }  # fmt: skip


def _read_cells(value: Json) -> list[Cell]:
    found = []
    for entry in value if isinstance(value, list) else []:
        if isinstance(entry, dict):
            least, most = entry["least"], entry["most"]
            if isinstance(least, int) and isinstance(most, int):
                names = (str(entry[name]) for name in ("language", "genre", "kind"))
                found.append(Cell(least, most, *names))
    return found
