"""The rows of a self-lengthening round: who is asked what, and what each model is trained on."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from longwrite.data.finish import finish
from longwrite.data.ledger import Ledger, Made
from longwrite.data.orders import Blueprint, make_selection
from longwrite.data.selection import Selection
from longwrite.errors import UsageError
from longwrite.prompts import derive_seed
from longwrite.runs.folder import replace_file
from longwrite.train.rounds import Model

_FEWEST, _MOST, _SHARE = 2, 50, 10
_DUPLICATES: Mapping[Model, Mapping[str, float]] = {
    "generator": {},
    # Its rows hold a text both as a whole and from a beginning on, which is half to three quarters.
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


def split_rows(build: Path, folder: Path, model: Model) -> tuple[int, dict[str, int], list[int]]:
    """Write the rows of one model as a set, duplicates left out.

    Returns:
        How many there are, what was dropped by reason, and the words of each.
    """
    selection = make_selection(Blueprint("lengthen", duplicates=_DUPLICATES[model]))
    words: list[int] = []

    def list_own() -> Iterator[Made]:
        for made in ledger.list_made():
            own = tuple(row for row in made.rows if row.provenance.get("role") == model)
            rows, drops = selection.take(replace(made, rows=own, drops=()))
            yield replace(made, rows=tuple(rows), drops=tuple(drops))
            words.extend(row.target or 0 for row in rows)

    (folder / ".work").mkdir(parents=True, exist_ok=True)
    ledger = Ledger(build / ".work" / "ledger.sqlite")
    try:
        told = json.loads((build / "build.json").read_text("utf-8"))
        record = {**told, "stages": list(selection.filters), "role": model}
        finished = finish(list_own(), folder, Selection({}), record)
    finally:
        ledger.close()
    stages = finished.funnel.stages.values()
    dropped = {reason: loss.count for one in stages for reason, loss in one.losses.items()}
    return sum(finished.rows.values()), dropped, words


def write_prompts(path: Path, lines: Sequence[str]) -> None:
    """Write prompts as rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = (json.dumps({"prompt": line}, ensure_ascii=False) + "\n" for line in lines)
    replace_file(path, "".join(texts))
