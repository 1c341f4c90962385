"""HelloBench: a checklist's items, weighted to one score (HelloEval, Que et al. 2024).

A judge gives each item 0, 0.25, 0.5, 0.75 or 1; the weights of a subcategory's items were fitted
to people's verdicts and add up to 100; the sum s is reported as (s - 75) * 4, from -300 to 100. The
fitted weights are no part of this program: a file gives them, and without it all items weigh the
same, which the table says. See arXiv:2409.16191.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from longwrite.bench.benchmark import UNJUDGED, Item, ItemResult, Response
from longwrite.bench.rows import Row, load_items, number_of, prompt_of, text_of
from longwrite.bench.table import Table, tabulate
from longwrite.errors import UsageError
from longwrite.rewards.checklist import QUARTERS
from longwrite.scoring.counters import find_counter
from longwrite.strict_json import parse_json
from longwrite.types import Json

SLACK = 0.1
"""By how much rounded weights may miss 100."""

Weights = Mapping[str, tuple[float, ...]]
"""Subcategory to the weight of each of its items."""

_CATEGORIES = ("category", "subcategory", "type")
_LAST_NUMBER = re.compile(r"_\d+( #\d+)?$")


@dataclass(frozen=True, slots=True)
class Checklist:
    """What an answer is judged by.

    Attributes:
        category: The subcategory, which decides the weights.
        length: Items in the checklist, 0 where the file doesn't say.
        questions: The items; none where the file doesn't hold them.
    """

    category: str
    length: int
    questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HelloBench:
    """The benchmark; a row is ``{"id", "category", "instruction", "checklists"}``."""

    weights: Weights = field(default_factory=dict)

    name = "hellobench"
    counter = "nltk"
    verdicts = ("judge_checklist_scores", "checklist_scores", "checklist_wise_evaluation")
    source = (
        "Name the items with --items: the JSONL files of the HelloBench repository, such as "
        "heuristic_text_generation.jsonl, with 'id', 'category' and 'instruction' on each line."
    )

    def load(self, path: Path) -> tuple[Item[Checklist], ...]:
        """Return the items of a file.

        Raises:
            UsageError: It can't be read, or a row has no instruction.
        """
        return load_items(path, self.source, _read)

    def score(self, item: Item[Checklist], response: Response) -> ItemResult:
        """Return HelloEval and the length; the first None where the verdicts can't be used."""
        value, note = self._weigh(item.asked, response)
        words = find_counter(self.counter)(response.text)
        values = {"HelloEval": value, "words": float(words)}
        return ItemResult(item.id, values, (item.asked.category,), note)

    def _weigh(self, asked: Checklist, response: Response) -> tuple[float | None, str]:
        if not response.text.strip():
            return None, "There is no response."
        if why := text_of(response.columns, UNJUDGED):
            return None, why
        scores = find_scores(response.columns)
        if isinstance(scores, str):
            return None, scores
        weights = self.weights.get(asked.category) or (100 / len(scores),) * len(scores)
        wanted = len(self.weights.get(asked.category, ())) or asked.length or len(scores)
        if len(scores) != wanted:
            return None, f"The judge gave {len(scores)} scores for {wanted} items."
        return hello_eval(scores, weights), ""

    def summarise(self, results: Sequence[ItemResult], *, how: str, judge: str) -> Table:
        """Return the means by subcategory."""
        groups = list(dict.fromkeys(group for one in results for group in one.groups))
        figures = tabulate(results, ("HelloEval", "words"), groups)
        without = [group for group in groups if group not in self.weights]
        notes = (f"All items of a checklist weigh the same in: {', '.join(without)}.",)
        return Table(
            self.name, self.counter, how, judge, len(results), figures, notes if without else ()
        )


def hello_eval(scores: Sequence[float], weights: Sequence[float]) -> float:
    """Return (s - 75) * 4 with s the weighted sum of a checklist's scores.

    >>> hello_eval([1, 1, 1, 1], [25] * 4), hello_eval([0.5, 1], [50, 50]), hello_eval([0], [100])
    (100, 0.0, -300)
    """
    weighted = (weight * score for weight, score in zip(weights, scores, strict=True))
    return (sum(weighted) - 75) * 4


def find_scores(columns: Mapping[str, Json]) -> list[float] | str:
    """Return the scores that stand beside a response, or why they can't be used."""
    given = next((columns[key] for key in HelloBench.verdicts if key in columns), None)
    if given is None:
        return "No checklist scores are given."
    if not isinstance(given, list) or not given:
        return "The checklist scores are no list."
    scores = []
    for one in given:
        score = number_of(one.get("evaluation_score") if isinstance(one, dict) else one)
        if score is None or score not in QUARTERS:
            return f"A checklist score is none of {', '.join(f'{x:g}' for x in QUARTERS)}."
        scores.append(score)
    return scores


def read_weights(path: Path) -> Weights:
    """Return the weights of a file: one JSON object, subcategory to a list that adds up to 100.

    Raises:
        UsageError: It can't be read, or a list does not add up.
    """
    where = f"{path} can't be used as weights"
    mend = 'Write {"story_writing": [20, 20, 20, 20, 20]}, each list adding up to 100.'
    try:
        found = parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(where, str(error)[:200], mend) from error
    if not isinstance(found, dict) or not found:
        raise UsageError(where, "it is no object of lists", mend)
    return {category: _read_weights(category, listed, where, mend) for category, listed in
            found.items()}  # fmt: skip


def _read_weights(category: str, listed: Json, where: str, mend: str) -> tuple[float, ...]:
    numbers = [number_of(one) for one in listed] if isinstance(listed, list) else []
    weights = tuple(one for one in numbers if one is not None and one >= 0)
    total = math.fsum(weights)
    if not weights or len(weights) != len(numbers) or abs(total - 100) > SLACK:
        raise UsageError(where, f"{category!r} adds up to {total:g}, not to 100", mend)
    return weights


def _read(name: str, row: Row) -> Item[Checklist]:
    own = next((text for key in _CATEGORIES if (text := text_of(row, key))), "")
    checklists = row.get("checklists")
    length = len(checklists) if isinstance(checklists, list) else 0
    category = own or _LAST_NUMBER.sub("", name)
    target = row.get("target_words")
    words = target if isinstance(target, int) and 0 < target <= 10**9 else 0
    questions = tuple(map(_read_question, checklists)) if isinstance(checklists, list) else ()
    asked = Checklist(category, length, questions if all(questions) else ())
    return Item(name, prompt_of(row), asked, int(words))


def _read_question(entry: Json) -> str:
    found = text_of(entry, "checklist_content") if isinstance(entry, dict) else entry
    return found.strip() if isinstance(found, str) else ""
