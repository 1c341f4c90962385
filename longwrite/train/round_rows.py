"""The rows of a self-lengthening round: who is asked what, and what each model is trained on."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from longwrite.data.finish import finish
from longwrite.data.ledger import Ledger, Made
from longwrite.data.lengthen import Lengthen
from longwrite.data.orders import Blueprint, make_selection
from longwrite.data.rows import Drop, Row
from longwrite.data.selection import Selection
from longwrite.errors import UsageError
from longwrite.prompts import derive_seed
from longwrite.runs.folder import replace_file
from longwrite.train.rounds import Model

TOO_SHORT = "hardly longer than the model's own replies"
"""Why a text that was lengthened is left out."""

_GROWTH = "growth"
_FEWEST, _MOST, _SHARE = 2, 50, 10
_DUPLICATES: Mapping[Model, Mapping[str, float]] = {
    "generator": {},
    # Its rows hold a text both as a whole and from a beginning on, which is half of it or more.
    "extender": {"completions": 0.9, "sections": 0.95},
}


def deal_prompts(
    lines: list[str], rounds: int, seed: int, *, held_out: bool, shared: bool = False
) -> tuple[list[list[str]], list[str]]:
    """Return each round's prompts, and those held out.

    Args:
        lines: All.
        rounds: How many.
        seed: Of the draw.
        held_out: Whether some are set apart.
        shared: Whether all rounds have the same, as examples for new ones.

    Raises:
        UsageError: They are too few.
    """
    drawn = sorted(lines)
    random.Random(derive_seed(seed, "deal")).shuffle(drawn)
    apart = min(_MOST, max(_FEWEST, len(lines) // _SHARE)) if held_out else 0
    if len(lines) - apart < (1 if shared else rounds):
        why = f"there are {len(lines)}, for {rounds} rounds and {apart} held out"
        raise UsageError("There are too few prompts", why, "Give more, or fewer --rounds.")
    rest = drawn[apart:]
    return [rest if shared else rest[n::rounds] for n in range(rounds)], drawn[:apart]


def find_least(model: Model, recipe: Mapping[str, Any], replies: float) -> int:
    """Return the words of the shortest text that a model is trained on.

    A round's answers have any length; one that only came up to what the generator writes anyway
    would teach it to stay there.

    Args:
        model: Which.
        recipe: Options of `Lengthen`.
        replies: Median words of the generator's replies to held-out prompts.
    """
    growth = float(recipe.get("growth", Lengthen.growth))
    return round(growth * replies) if model == "generator" else 0


def split_rows(
    build: Path, folder: Path, model: Model, least: int = 0
) -> tuple[int, dict[str, int], list[int]]:
    """Write the rows of one model as a set, duplicates left out.

    Args:
        build: Set of both models' rows.
        folder: Of the new set.
        model: Whose rows.
        least: Words that a text must have.

    Returns:
        How many there are, what was dropped by reason, and the words of each.
    """
    selection = make_selection(Blueprint("lengthen", duplicates=_DUPLICATES[model]))
    words: list[int] = []

    def list_own() -> Iterator[Made]:
        for made in ledger.list_made():
            own = tuple(row for row in made.rows if row.provenance.get("role") == model)
            short = [Drop(row.id, _GROWTH, TOO_SHORT) for row in own if _words(row) < least]
            long = tuple(row for row in own if _words(row) >= least)
            rows, drops = selection.take(replace(made, rows=long, drops=()))
            yield replace(made, rows=tuple(rows), drops=(*short, *drops))
            words.extend(map(_words, rows))

    (folder / ".work").mkdir(parents=True, exist_ok=True)
    ledger = Ledger(build / ".work" / "ledger.sqlite")
    try:
        told = json.loads((build / "build.json").read_text("utf-8"))
        record = {**told, "stages": [_GROWTH, *selection.filters], "role": model}
        finished = finish(list_own(), folder, Selection({}), record)
    finally:
        ledger.close()
    stages = finished.funnel.stages.values()
    dropped = {reason: loss.count for one in stages for reason, loss in one.losses.items()}
    return sum(finished.rows.values()), dropped, words


def _words(row: Row) -> int:
    return row.target or 0


def write_prompts(path: Path, lines: Sequence[str]) -> None:
    """Write prompts as rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = (json.dumps({"prompt": line}, ensure_ascii=False) + "\n" for line in lines)
    replace_file(path, "".join(texts))
